#include "base/hash.h"

#include <bsd/stdlib.h>
#include <endian.h>
#include <string.h>

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_rounds(struct sip *v, int n)
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
sip_word(struct sip *v, uint64_t word, int rounds)
{
	v->d ^= word;
	sip_rounds(v, rounds);
	v->a ^= word;
}

static inline uint64_t
siphash(const struct hash_key *key, const uint8_t *p, size_t len, int c, int d)
{
	/* "somepseudorandomlygeneratedbytes", section 2.2 of the paper. */
	struct sip v = {
		.a = key->k0 ^ 0x736f6d6570736575,
		.b = key->k1 ^ 0x646f72616e646f6d,
		.c = key->k0 ^ 0x6c7967656e657261,
		.d = key->k1 ^ 0x7465646279746573,
	};
	uint64_t word, last = (uint64_t)len << 56;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, p + i, 8);
		sip_word(&v, le64toh(word), c);
	}
	for (int shift = 0; i < len; i++, shift += 8)
		last |= (uint64_t)p[i] << shift;
	sip_word(&v, last, c);
	v.c ^= 0xff;
	sip_rounds(&v, d);
	return v.a ^ v.b ^ v.c ^ v.d;
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

struct hash_key
hash_key_random(void)
{
	struct hash_key key;

	arc4random_buf(&key, sizeof(key));
	return key;
}
