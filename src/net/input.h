/*
 * input - where the bytes of a connection are read to, and what is left of
 * them.
 *
 * A struct input belongs to one connection, a struct input_shared to all of a
 * set. The module reads no socket: it names the room for the next read, makes
 * a slice of what was read, and keeps what its owner has not used.
 */
#ifndef PM2A_NET_INPUT_H
#define PM2A_NET_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/blob.h"

struct input {
	struct blob *blob; /* an unfinished tail, or NULL */
	size_t len;        /* bytes of it, from its beginning */
	size_t want;       /* bytes that the unfinished unit needs, or 0 */
	size_t last_shown; /* bytes shown last, if all of them were used */
	size_t n_skip;     /* bytes to throw away */
};

/* What all read into that hold no tail. */
struct input_shared {
	struct blob *blob; /* or NULL */
	size_t used;
};

/* Gives the blobs back. Idempotent. */
void input_fini(struct input *in);
void input_shared_fini(struct input_shared *shared);

/* Where the next read goes, and how many bytes fit there. */
struct slice input_room(struct input *in, struct input_shared *shared);

/* n bytes were read to room: returns all that has not been used, with no
 * reference of its own. */
struct slice input_filled(struct input *in, struct input_shared *shared,
    const struct slice *room, size_t n);

/* Takes what is to be thrown away from the beginning of data. */
void input_skip(struct input *in, struct slice *data);

/* rest, which may be empty, is what has not been used of shown bytes: keeps it
 * until more comes. Returns whether it is another tail than was kept before. */
bool input_keep(struct input *in, const struct slice *rest, size_t shown);

#endif
