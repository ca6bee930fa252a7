/*
 * msg_scan - msgpack heads, one after the other, and checks of whole bodies.
 *
 * Bodies come from peers, and msgpack-c checks depth but not counts (five bytes
 * can demand gigabytes), so a scan that allocates nothing checks every body
 * before a tree is built of it.
 */
#ifndef PM2A_WIRE_MSG_SCAN_H
#define PM2A_WIRE_MSG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* Maximum nesting of bodies; a scalar alone has depth 0. */
#define MSG_DEPTH_MAX 4

enum msg_error {
	MSG_E_MALFORMED = 1, /* invalid, too deep or too many values */
};

enum msg_type {
	MSG_NIL,
	MSG_BOOL,
	MSG_INT,
	MSG_FLOAT,
	MSG_STR,
	MSG_BIN,
	MSG_ARRAY,
	MSG_MAP,
	MSG_EXT,
};

/* The head of one value; the whole value if it is not an array or a map. */
struct msg_token {
	enum msg_type type;
	uint8_t head;        /* its first byte */
	uint64_t n_children; /* values that follow and belong to it */
	const uint8_t *data; /* of a str, bin or ext its bytes; of a number the
				bytes after the head */
	size_t len;
};

/* Takes the next head from `b`. Returns false, with `b`'s fault or not, if
 * there is no value. n_children is as the peer declared it. */
bool msg_take(struct bytes *b, struct msg_token *out);

/* Return the number of a head; false if it is not a number or does not fit. */
bool msg_token_int(const struct msg_token *t, int64_t *out);
bool msg_token_float(const struct msg_token *t, double *out);

/* Skips one whole value of any depth. Returns false if there is none. */
bool msg_skip(struct bytes *b);

/*
 * Checks that `len` bytes are exactly one value, nested at most MSG_DEPTH_MAX
 * deep, with counts and lengths that fit into the bytes. Allocates nothing.
 */
int must_check msg_scan(const void *body, size_t len);

/* A list of topics, read in place. */
struct msg_topics {
	struct bytes rest;
	uint32_t n_left;
};

/* Checks that `len` bytes are an array of str or bin, and puts *out before the
 * first. Returns 0 or MSG_E_MALFORMED. The bytes must outlive *out. */
int must_check msg_topics_open(
    const void *body, size_t len, struct msg_topics *out);

/* Sets *topic to the next topic; returns false at the end. */
bool msg_topics_next(
    struct msg_topics *topics, const uint8_t **topic, size_t *len);

/* Whether the `n_head` bytes before a string or binary of `len` bytes are those
 * of the shortest str. */
bool msg_is_shortest_str(const uint8_t *head, size_t n_head, size_t len);

#endif
