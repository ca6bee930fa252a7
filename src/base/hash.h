/*
 * hash - the keyed hash of topic names.
 *
 * Clients choose room names, so the hash of an index must not be predictable:
 * SipHash (Aumasson and Bernstein, 2012) with 1 round for each word and 3 at
 * the end, under a key that is drawn at each start.
 */
#ifndef PM2A_BASE_HASH_H
#define PM2A_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

struct hash_state {
	uint64_t a, b, c, d;
};

/* The hashes of prefixes of some bytes, in one pass over them. */
struct hash_prefixes {
	struct hash_state v; /* after the first n_words words of 8 bytes */
	const uint8_t *data;
	size_t n_words;
};

/* Returns a key from the system's random source. */
struct hash_key hash_key_random(void);

/* Returns SipHash-1-3 of `len` bytes. */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

/* Begins at `data`, which must outlive `prefixes`. */
void hash_prefixes_begin(struct hash_prefixes *prefixes,
    const struct hash_key *key, const void *data);

/* Returns hash_bytes() of the first `len` bytes. `len` must not be less than in
 * the previous call. */
uint64_t hash_prefixes_at(struct hash_prefixes *prefixes, size_t len);

/* Returns SipHash with `c` rounds for each word and `d` at the end. The tests
 * compare it with published vectors; hash_bytes() is built on it. */
uint64_t hash_siphash(
    const struct hash_key *key, const void *data, size_t len, int c, int d);

#endif
