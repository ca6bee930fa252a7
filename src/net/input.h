/*
 * input - what one connection has read and its owner has not used yet.
 *
 * It reads from the connection's socket, says what can be shown, and keeps what
 * was left over. It knows units by the size that their owner gave, not what
 * they mean. A struct input belongs to one connection, a struct input_shared to
 * all of a set.
 */
#ifndef PM2A_NET_INPUT_H
#define PM2A_NET_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/blob.h"

/* Bytes that a turn takes from one conn. With half of it a stream of large
 * messages costs a quarter more; with twice as much, what others say beside one
 * waits twice as long at worst. */
#define INPUT_READ_MAX 131072

/* What the owner says of a unit: the one that is not complete, or the last. */
struct input_unit {
	size_t size; /* bytes in all; 0: not known */
	size_t head; /* it is opaque behind so many bytes; 0: it is not */
};

struct input {
	struct blob *blob; /* an unfinished tail, or NULL */
	size_t len;        /* bytes of it, from its beginning */
	struct input_unit unit;
	size_t last_shown; /* bytes shown when all of them were used last */
	size_t n_skip;     /* bytes to throw away */
};

/* What all read into that hold no tail. */
struct input_shared {
	struct blob *blob; /* or NULL */
	size_t used;
	size_t splice_bytes; /* opaque units from this size on; 0: never */
};

/* Gives the blobs back. Idempotent. */
void input_fini(struct input *in);
void input_shared_fini(struct input_shared *shared);

/*
 * Reads once from fd. Returns how many bytes, 0 at the end, or -1 with errno.
 * *out is all that can be shown then, perhaps nothing, with no reference of its
 * own.
 */
ssize_t input_read(
    struct input *in, struct input_shared *shared, int fd, struct slice *out);

/* Whether the next read needs more memory than the input has. */
bool input_needs_room(const struct input *in);

/* Whether a unit is being spliced: the rest of it has most likely come, too. */
bool input_is_splicing(const struct input *in);

/* Takes what is to be thrown away from the beginning of data. */
void input_skip(struct input *in, struct slice *data);

/* rest, which may be empty, is what has not been used of shown bytes: keeps it
 * until more comes. in->unit is what the owner has said by then. Returns
 * whether it is another tail than was kept before. */
bool input_keep(struct input *in, const struct input_shared *shared,
    const struct slice *rest, size_t shown);

#endif
