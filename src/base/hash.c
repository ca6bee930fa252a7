#include "base/hash.h"

#include <bsd/stdlib.h>
#include <endian.h>
#include <string.h>

static inline uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_rounds(struct hash_state *v, int n)
{
	while (n-- > 0) {
		v->a += v->b;
		v->c += v->d;
		v->b = rotl(v->b, 13) ^ v->a;
		v->d = rotl(v->d, 16) ^ v->c;
		v->a = rotl(v->a, 32);
		v->c += v->b;
		v->a += v->d;
		v->b = rotl(v->b, 17) ^ v->c;
		v->d = rotl(v->d, 21) ^ v->a;
		v->c = rotl(v->c, 32);
	}
}

static inline void
sip_word(struct hash_state *v, uint64_t word, int rounds)
{
	v->d ^= word;
	sip_rounds(v, rounds);
	v->a ^= word;
}

static inline struct hash_state
sip_begin(const struct hash_key *key)
{
	/* "somepseudorandomlygeneratedbytes", section 2.2 of the paper. */
	return (struct hash_state){
		.a = key->k0 ^ 0x736f6d6570736575,
		.b = key->k1 ^ 0x646f72616e646f6d,
		.c = key->k0 ^ 0x6c7967656e657261,
		.d = key->k1 ^ 0x7465646279746573,
	};
}

/* The words of `p` from number `i` up to number `n`. */
static inline void
sip_words(
    struct hash_state *v, const uint8_t *p, size_t i, size_t n, int rounds)
{
	uint64_t word;

	for (; i < n; i++) {
		memcpy(&word, p + 8 * i, 8);
		sip_word(v, le64toh(word), rounds);
	}
}

/* The last word of a text of `len` bytes: the remaining bytes, and `len`. */
static inline uint64_t
last_word(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	if (len % 8 != 0 && len > 8) {
		memcpy(&word, p + len - 8, 8);
		word = le64toh(word) >> 8 * (8 - len % 8);
	} else {
		for (size_t i = len % 8; i > 0; i--)
			word = word << 8 | p[len - len % 8 + i - 1];
	}
	return word | (uint64_t)len << 56;
}

static inline uint64_t
sip_end(struct hash_state v, uint64_t last, int c, int d)
{
	sip_word(&v, last, c);
	v.c ^= 0xff;
	sip_rounds(&v, d);
	return v.a ^ v.b ^ v.c ^ v.d;
}

static inline uint64_t
siphash(const struct hash_key *key, const uint8_t *p, size_t len, int c, int d)
{
	struct hash_state v = sip_begin(key);

	sip_words(&v, p, 0, len / 8, c);
	return sip_end(v, last_word(p, len), c, d);
}

uint64_t
hash_siphash(
    const struct hash_key *key, const void *data, size_t len, int c, int d)
{
	return siphash(key, data, len, c, d);
}

uint64_t
hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
	return siphash(key, data, len, 1, 3);
}

void
hash_prefixes_begin(
    struct hash_prefixes *p, const struct hash_key *key, const void *data)
{
	*p = (struct hash_prefixes){ .v = sip_begin(key), .data = data };
}

uint64_t
hash_prefixes_at(struct hash_prefixes *p, size_t len)
{
	sip_words(&p->v, p->data, p->n_words, len / 8, 1);
	p->n_words = len / 8;
	return sip_end(p->v, last_word(p->data, len), 1, 3);
}

struct hash_key
hash_key_random(void)
{
	struct hash_key key;

	arc4random_buf(&key, sizeof(key));
	return key;
}
