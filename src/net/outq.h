/*
 * outq - the queue of one connection's output: slices, in order.
 *
 * The queue holds a reference to each slice's blob, and knows how many bytes it
 * has; it owns no fd and sets no limit.
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
	struct slice *ring; /* `size` entries, a power of two; NULL, or `few` */
	uint32_t size;
	uint32_t head; /* index of the first slice */
	uint32_t n;
	size_t n_gone;              /* bytes of the first slice, written */
	size_t n_bytes;             /* of all slices */
	struct slice few[OUTQ_FEW]; /* most queues never have more */
};

/* The copies of small slices of stalled queues: one for all of them. All zeros
 * is an empty one. */
struct outq_copies {
	struct blob *blob; /* being filled, or NULL */
	size_t used;
	struct slice source; /* the last copied slice, with a reference */
	struct slice copy;   /* its copy, likewise; or both have no blob */
};

/* Drops the references to the last copied slice. */
void outq_copies_forget(struct outq_copies *copies);

/* Idempotent. */
void outq_copies_fini(struct outq_copies *copies);

void outq_init(struct outq *q);

/* Drops all slices. Idempotent. */
void outq_fini(struct outq *q);

/*
 * Appends `s` and takes a reference to its blob, whose bytes must not change
 * any more. `copies` is not NULL if the queue won't be written soon: then a
 * slice that would pin more memory than it has is copied there.
 */
void outq_push(
    struct outq *q, const struct slice *s, struct outq_copies *copies);

/* Returns the first slice if its blob is piped (net/piped.h), or NULL. */
const struct slice *outq_first_piped(const struct outq *q);

/*
 * Describes the queue's beginning up to a piped slice in at most `n` entries of
 * `iov`. Small slices are gathered in `scratch`, of OUTQ_SCRATCH_SIZE bytes,
 * which must stay until the write is done. Returns how many entries were used.
 */
int outq_fill(const struct outq *q, struct iovec *iov, int n, uint8_t *scratch);

/* Removes the first `len` bytes, at most n_bytes, which have been written. */
void outq_consume(struct outq *q, size_t len);

/* Calls visit() with each slice as it was pushed or merged: the first one with
 * what is written of it. */
void outq_walk(const struct outq *q,
    void (*visit)(const struct slice *s, void *arg), void *arg);

/* Returns the queue's part of the memory that it pins, in bytes: the share of
 * one reference in each blob, and the ring. */
size_t outq_share(const struct outq *q);

/*
 * Copy slices out of blobs of which hardly anything is needed, in three steps,
 * each for all queues that take part: clear the demand for their blobs, add it
 * up, and act upon it.
 */
void outq_clear_demand(struct outq *q);
void outq_add_demand(struct outq *q);
void outq_squeeze(struct outq *q, struct outq_copies *copies);

#endif
