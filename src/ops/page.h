/*
 * page - the files of the page that metrics-listen shows, as they are in
 * src/ops/page/: they are part of the program.
 */
#ifndef PM2A_OPS_PAGE_H
#define PM2A_OPS_PAGE_H

#include <stddef.h>

struct page_file {
	const char *path; /* of the URL */
	const char *type; /* Content-Type */
	const char *data, *end;
};

/* Returns the file of that path of len bytes, or NULL. */
const struct page_file *page_find(const char *path, size_t len);

#endif
