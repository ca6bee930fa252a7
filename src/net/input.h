/*
 * input - the bytes that one connection has read and its owner has not used
 * yet.
 *
 * It reads from the connection's socket, returns the bytes that can be shown,
 * and keeps the rest. It knows the size of units from their owner, not their
 * meaning. A struct input belongs to one connection, a struct input_shared to
 * all of a set.
 */
#ifndef PM2A_NET_INPUT_H
#define PM2A_NET_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/blob.h"

/* Bytes that a turn reads from one conn. With half of it, a stream of large
 * messages costs a quarter more; with twice as much, messages of others wait
 * twice as long behind one at worst. */
#define INPUT_READ_MAX 131072

/* The owner's description of a unit: the unfinished one, or the last. */
struct input_unit {
	size_t size; /* total bytes; 0 if unknown */
	size_t head; /* only so many bytes are looked at; 0: all */
};

struct input {
	struct blob *blob; /* an unfinished tail, or NULL */
	size_t len;        /* its length, from the blob's beginning */
	struct input_unit unit;
	size_t last_shown; /* bytes shown when all were used last */
	size_t n_skip;     /* bytes to discard */
};

/* The blob that connections without a tail read into. */
struct input_shared {
	struct blob *blob; /* or NULL */
	size_t used;
	size_t splice_bytes; /* for opaque units from this size on; 0: never */
};

/* Drop the references to blobs. Idempotent. */
void input_fini(struct input *in);
void input_shared_fini(struct input_shared *shared);

/*
 * Reads once from `fd`. Returns the number of bytes, 0 at the end, or -1 with
 * errno. *out is set to all that can be shown, which may be empty, without a
 * reference of its own.
 */
ssize_t input_read(
    struct input *in, struct input_shared *shared, int fd, struct slice *out);

/* Returns whether the next read needs more memory than the input has. */
bool input_needs_room(const struct input *in);

/* Returns whether a unit is being spliced: the rest of it has most likely come,
 * too. */
bool input_is_splicing(const struct input *in);

/* Removes the bytes to discard from the beginning of `data`. */
void input_skip(struct input *in, struct slice *data);

/* Keeps `rest`, the unused part of shown bytes, which may be empty, until more
 * comes. in->unit describes it. Returns whether the tail has changed. */
bool input_keep(struct input *in, const struct input_shared *shared,
    const struct slice *rest, size_t shown);

#endif
