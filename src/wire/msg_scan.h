/*
 * msg_scan - msgpack heads, one after the other, and judgement of whole bodies.
 *
 * Bodies come from peers, and msgpack-c checks depth but not counts (five bytes
 * can demand gigabytes), so a scan that allocates nothing judges every body
 * before a tree is built of it.
 */
#ifndef PM2A_WIRE_MSG_SCAN_H
#define PM2A_WIRE_MSG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* How deep bodies nest at most; a scalar alone is 0 deep. */
#define MSG_DEPTH_MAX 4

enum msg_error {
	MSG_E_MALFORMED = 1, /* cut off, too deep, too many, or no msgpack */
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

/* The head of one value, and all of it where it isn't an array or a map. */
struct msg_token {
	enum msg_type type;
	uint8_t head;        /* its first byte */
	uint64_t n_children; /* values that follow and belong to it */
	const uint8_t *data; /* of a str, bin or ext its bytes; of a number what
			      * stands behind the head */
	size_t len;
};

/* Takes the next head from b. False, with b's fault or not, where no value
 * stands there. n_children is what the peer says. */
bool msg_take(struct bytes *b, struct msg_token *out);

/* The number that a head is; false where it is none, or does not fit. */
bool msg_token_int(const struct msg_token *t, int64_t *out);
bool msg_token_float(const struct msg_token *t, double *out);

/* Skips one whole value, however deep it nests. False where there is none. */
bool msg_skip(struct bytes *b);

/*
 * Judges len bytes: exactly one value, nested at most MSG_DEPTH_MAX deep, with
 * counts and lengths that the bytes at hand can hold. Allocates nothing.
 */
int must_check msg_scan(const void *body, size_t len);

/* A list of topics, read in place. */
struct msg_topics {
	struct bytes rest;
	uint32_t n_left;
};

/* Judges len bytes as an array of str or bin, and puts *out before the first.
 * Returns 0 or MSG_E_MALFORMED. The bytes must outlive *out. */
int must_check msg_topics_open(
    const void *body, size_t len, struct msg_topics *out);

/* The next one, at *topic; false at the end. */
bool msg_topics_next(
    struct msg_topics *topics, const uint8_t **topic, size_t *len);

#endif
