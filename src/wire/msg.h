/*
 * msg - msgpack values: judged, read as trees, iterated, written.
 *
 * The one module that knows msgpack-c. Bodies come from peers, and msgpack-c
 * checks depth but not counts (five bytes can ask for gigabytes), so a scan
 * that allocates nothing judges every body before a tree is built of it. What
 * the values mean is for wire/control and its callers.
 */
#ifndef PM2A_WIRE_MSG_H
#define PM2A_WIRE_MSG_H

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

struct msg_tree;
struct msg_node; /* a value in a tree; lives as long as the tree */

/* Builds the tree of len bytes, which must outlive it. Returns 0,
 * MSG_E_MALFORMED or -ENOMEM. */
int must_check msg_tree_new(
    const void *body, size_t len, struct msg_tree **out);

/* NULL is fine. */
void msg_tree_free(struct msg_tree *tree);

const struct msg_node *msg_root(const struct msg_tree *tree);

enum msg_type msg_type(const struct msg_node *node);

/* Elements of an array, pairs of a map, 0 of anything else. */
size_t msg_count(const struct msg_node *node);

/* Element or value number i, which must be there. */
const struct msg_node *msg_at(const struct msg_node *node, size_t i);

/* Key number i of a map, which must be there. */
const struct msg_node *msg_key_at(const struct msg_node *node, size_t i);

/* The value of the first key that is the string key; NULL when node is no map
 * or has no such key. */
const struct msg_node *msg_find(const struct msg_node *node, const char *key);

/* The value as an integer; false where it is none or does not fit. */
bool msg_int(const struct msg_node *node, int64_t *out);

bool msg_bool(const struct msg_node *node, bool *out);

bool msg_float(const struct msg_node *node, double *out);

/* The bytes of a str or bin; false for anything else. Not terminated. */
bool msg_str(const struct msg_node *node, const char **out, size_t *len);

/*
 * A body that is being written. Zeroed is empty; it grows by itself, and a
 * failed allocation sets the fault, which sticks. Ended by msg_writer_fini().
 */
struct msg_writer {
	uint8_t *data;
	size_t len, size;
	bool fault; /* -ENOMEM happened; data is not whole */
};

void msg_writer_fini(struct msg_writer *w);

void msg_put_nil(struct msg_writer *w);
void msg_put_bool(struct msg_writer *w, bool v);
void msg_put_int(struct msg_writer *w, int64_t v);
void msg_put_float(struct msg_writer *w, double v);
void msg_put_str(struct msg_writer *w, const char *s);
void msg_put_strn(struct msg_writer *w, const void *s, size_t len);
void msg_put_bin(struct msg_writer *w, const void *data, size_t len);
void msg_put_array(struct msg_writer *w, size_t n);
void msg_put_map(struct msg_writer *w, size_t n);

/* Makes room for len more bytes and returns where they go, for the caller to
 * write and to add to w->len; NULL with the fault. */
uint8_t *msg_reserve(struct msg_writer *w, size_t len);

/* Writes raw bytes, such as a frame's header, into the same buffer. */
void msg_put_raw(struct msg_writer *w, const void *data, size_t len);

/* msgpack-c's version: "4.0.0". */
const char *msg_library_version(void);

#endif
