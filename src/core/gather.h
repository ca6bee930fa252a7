/*
 * gather - the answers to one request: a list, or a set of strings. All but
 * large answers are copied, so that a small one does not hold the large buffer
 * that it came in; and all are counted. Embedded in a request.
 */
#ifndef PM2A_CORE_GATHER_H
#define PM2A_CORE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"

/* The count of each answer, in addition to its bytes. */
#define GATHER_ENTRY_BYTES 8

enum gather_error {
	GATHER_E_FULL = 1, /* over max_bytes; nothing was added */
};

struct gather_answer {
	uint64_t from;     /* its owner's id */
	struct blob *name; /* its name, with a reference */
	struct blob *blob; /* that it is in; NULL: it is in gather.bytes */
	size_t off, len;
};

struct gathered {
	size_t max_bytes;
	size_t n_counted; /* bytes, each answer with GATHER_ENTRY_BYTES */
	uint8_t *bytes;
	size_t n_bytes, bytes_size;
	struct gather_answer *answers;
	size_t n_answers, answers_size;
	/* Strings follow each other in bytes. A bucket has 1 + the index of the
	 * first one of its chain, or 0; so has `next`. */
	struct gather_string {
		uint32_t off, next;
	} * strings;
	size_t n_strings, strings_size;
	uint32_t *buckets;
	size_t n_buckets, buckets_size;
};

/* `max_bytes` is below 4 GiB. */
void gather_init(struct gathered *gather, size_t max_bytes);

/* Idempotent. */
void gather_fini(struct gathered *gather);

/* Counts `n` bytes that are not an answer. Returns 0 or GATHER_E_FULL. */
int must_check gather_reserve(struct gathered *gather, size_t n);

/* Adds an answer of `len` bytes. Takes a reference to `name`. Returns 0 or
 * GATHER_E_FULL. */
int must_check gather_add(struct gathered *gather, uint64_t from,
    struct blob *name, const void *bytes, size_t len);

/* As gather_add(), for a large answer in a blob, to which it takes a reference.
 */
int must_check gather_add_slice(struct gathered *gather, uint64_t from,
    struct blob *name, const struct slice *answer);

/* Adds a string unless it is there. Returns 0 or GATHER_E_FULL. All calls for
 * one gather must have the same key. No call takes long, however many strings
 * there are. */
int must_check gather_add_string(struct gathered *gather,
    const struct hash_key *key, const void *bytes, size_t len);

/* Returns the next string; NULL at the end. *cursor starts at 0. */
const void *gather_next_string(
    const struct gathered *gather, size_t *cursor, size_t *len);

#endif
