/*
 * outq - what waits to be written to one connection: slices, in order.
 *
 * The queue holds a reference to each slice's blob, and knows how many bytes
 * wait; it owns no fd and sets no limit.
 */
#ifndef PM2A_NET_OUTQ_H
#define PM2A_NET_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/blob.h"

#define OUTQ_SCRATCH_SIZE 65536

struct outq {
	struct slice *ring; /* of size entries, a power of two, or NULL */
	uint32_t size;
	uint32_t head; /* where the first slice is */
	uint32_t n;
	size_t n_bytes;    /* that wait, in all */
	struct blob *copy; /* where small slices of a stalled queue go */
	size_t copy_used;
};

void outq_init(struct outq *q);

/* Drops what waits. Idempotent. */
void outq_fini(struct outq *q);

/*
 * Appends s and takes a reference to its blob. The blob's bytes must not change
 * any more. stalled says that the queue won't be written soon: then a small
 * slice is copied, so that it doesn't pin a big blob.
 */
void outq_push(struct outq *q, const struct slice *s, bool stalled);

/*
 * Describes the queue's beginning in at most n entries of iov. Small slices are
 * gathered in scratch, of OUTQ_SCRATCH_SIZE bytes, which must stay until the
 * write is done. Returns how many entries were used.
 */
int outq_fill(const struct outq *q, struct iovec *iov, int n, uint8_t *scratch);

/* The first len bytes, at most n_bytes, have been written. */
void outq_consume(struct outq *q, size_t len);

#endif
