/*
 * outq - what waits to be written to one connection: slices, in order.
 *
 * The queue holds a reference to each slice's blob, and knows how many bytes
 * wait; it owns no fd and sets no limit.
 */
#ifndef PM2A_NET_OUTQ_H
#define PM2A_NET_OUTQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/blob.h"

#define OUTQ_SCRATCH_SIZE 65536

#define OUTQ_FEW 2

struct outq {
	struct slice *ring; /* of size entries, a power of two; NULL, or few */
	uint32_t size;
	uint32_t head; /* where the first slice is */
	uint32_t n;
	size_t n_bytes;             /* that wait, in all */
	struct slice few[OUTQ_FEW]; /* most queues never have more */
};

/* Where queues that have stalled keep copies of small slices: one for all of
 * them. All zeros is an empty one. */
struct outq_copies {
	struct blob *blob; /* that is being filled, or NULL */
	size_t used;
	struct slice source; /* what was copied last, with a reference */
	struct slice copy;   /* of it, likewise; or both are without a blob */
};

/* Forgets what was copied last, so that it may go. */
void outq_copies_forget(struct outq_copies *copies);

/* Idempotent. */
void outq_copies_fini(struct outq_copies *copies);

void outq_init(struct outq *q);

/* Drops what waits. Idempotent. */
void outq_fini(struct outq *q);

/*
 * Appends s and takes a reference to its blob. The blob's bytes must not change
 * any more. copies, which is not NULL where the queue won't be written soon, is
 * where a slice goes that would pin more than it has.
 */
void outq_push(
    struct outq *q, const struct slice *s, struct outq_copies *copies);

/* The first slice, if its blob is piped (net/piped.h), or NULL. */
const struct slice *outq_first_piped(const struct outq *q);

/*
 * Describes what comes before a piped slice: the queue's beginning, in at most
 * n entries of iov. Small slices are gathered in scratch, of OUTQ_SCRATCH_SIZE
 * bytes, which must stay until the write is done. Returns how many entries were
 * used.
 */
int outq_fill(const struct outq *q, struct iovec *iov, int n, uint8_t *scratch);

/* The first len bytes, at most n_bytes, have been written. */
void outq_consume(struct outq *q, size_t len);

/* The queue's part of the memory that it pins, in bytes: of each blob as much
 * as falls to one reference, and the ring. */
size_t outq_share(const struct outq *q);

/*
 * Copies slices out of blobs of which hardly anything is wanted, in three
 * steps, each for all queues that are to take part: the demand for their blobs
 * is set to 0, added up, and then acted upon.
 */
void outq_clear_demand(struct outq *q);
void outq_add_demand(struct outq *q);
void outq_squeeze(struct outq *q, struct outq_copies *copies);

#endif
