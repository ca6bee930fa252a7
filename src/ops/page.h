/*
 * page - the page that metrics-listen shows. Its files, src/ops/page/, are part
 * of the program.
 */
#ifndef PM2A_OPS_PAGE_H
#define PM2A_OPS_PAGE_H

#include <stddef.h>

struct page_file {
	const char *path; /* of the URL */
	const char *type; /* Content-Type */
	const char *data, *end;
};

/* Returns the file at the URL path of `len` bytes, or NULL. */
const struct page_file *page_find(const char *path, size_t len);

#endif
