/*
 * reader - lines from a Unix socket, and the descriptors that come with them.
 *
 * The kernel ends a read(2) after bytes that carry descriptors, and a sender
 * passes a descriptor with the first bytes of its line. So a descriptor belongs
 * to the last line that has begun, and that line may end in a later read.
 */
#ifndef PM2A_EDGE_HANDLES_READER_H
#define PM2A_EDGE_HANDLES_READER_H

#include <stddef.h>

/* Embedded; `rest` is as long as the unfinished line. */
struct reader {
	char *rest; /* NULL if n_rest is 0 */
	size_t n_rest;
	int fd;         /* of the line that has begun; -1: none */
	unsigned n_fds; /* that came with it; all but the first are closed */
};

enum reader_verdict {
	READER_READ,
	READER_WAIT, /* nothing is there */
	READER_END,  /* the peer is gone */
};

void reader_init(struct reader *reader);

/* Closes the descriptor. Idempotent. */
void reader_fini(struct reader *reader);

/* Reads once from `fd`, without waiting. With READER_READ, `bytes`, of `size`,
 * begins with *len bytes that are not handled yet; pass those of them that are
 * no whole line to reader_keep() before the next call. `size` must be above
 * n_rest. */
enum reader_verdict reader_read(
    struct reader *reader, int fd, char *bytes, size_t size, size_t *len);

/* Keeps a copy of the beginning of a line. */
void reader_keep(struct reader *reader, const char *bytes, size_t len);

/* Returns the descriptor, which the caller owns from now on, if one came with
 * the line, and -1 if none or several did. */
int reader_take(struct reader *reader);

#endif
