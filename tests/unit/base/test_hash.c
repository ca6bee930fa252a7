#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

/* The key 00 01 … 0f of the paper's appendix, read in little-endian. */
static const struct hash_key paper_key = { 0x0706050403020100,
	0x0f0e0d0c0b0a0908 };

/* SipHash-2-4 under that key of 00 01 … len-1, from the reference code. */
static const struct {
	size_t len;
	uint64_t hash;
} vectors[] = {
	{ 0, 0x726fdb47dd0e0e31 },
	{ 1, 0x74f839c593dc67fd },
	{ 2, 0x0d6c8009d9a94f5a },
	{ 3, 0x85676696d7fb7e2d },
	{ 4, 0xcf2794e0277187b7 },
	{ 5, 0x18765564cd99a68d },
	{ 6, 0xcbc9466e58fee3ce },
	{ 7, 0xab0200f58b01d137 },
	{ 8, 0x93f5f5799a932462 },
	{ 9, 0x9e0082df0ba9e4b0 },
	{ 10, 0x7a5dbbc594ddb9f3 },
	{ 11, 0xf4b32f46226bada7 },
	{ 12, 0x751e8fbc860ee5fb },
	{ 13, 0x14ea5627c0843d90 },
	{ 14, 0xf723ca908e7af2ee },
	{ 15, 0xa129ca6149be45e5 },
	{ 63, 0x958a324ceb064572 },
};

static struct buffer
counting(size_t len)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return exactly(bytes, len);
}

TEST_EACH(siphash_2_4_gives_the_vectors_of_its_authors, vectors)
{
	struct buffer input = counting(vectors[row].len);

	ck_assert_uint_eq(hash_siphash(&paper_key, input.data, input.len, 2, 4),
	    vectors[row].hash);
	free(input.data);
}

TEST(hash_bytes_is_siphash_1_3)
{
	struct buffer input = counting(64);

	for (size_t len = 0; len <= 64; len++)
		ck_assert_uint_eq(hash_bytes(&paper_key, input.data, len),
		    hash_siphash(&paper_key, input.data, len, 1, 3));
	free(input.data);
}

static const size_t strides[] = { 1, 3, 8, 17, 64 };

TEST_EACH(the_hashes_of_prefixes_are_those_of_their_bytes, strides)
{
	struct buffer input = counting(64);
	struct hash_prefixes prefixes;

	hash_prefixes_begin(&prefixes, &paper_key, input.data);
	for (size_t len = 0; len <= 64; len += strides[row])
		for (int again = 0; again < 2; again++)
			ck_assert_uint_eq(hash_prefixes_at(&prefixes, len),
			    hash_bytes(&paper_key, input.data, len));
	free(input.data);
}

TEST(every_length_up_to_64_of_zeros_hashes_differently)
{
	static const uint8_t zeros[64];
	uint64_t seen[65];

	for (size_t len = 0; len <= 64; len++) {
		struct buffer input = exactly(zeros, len);

		seen[len] = hash_bytes(&paper_key, input.data, len);
		for (size_t i = 0; i < len; i++)
			ck_assert_uint_ne(seen[i], seen[len]);
		free(input.data);
	}
}

TEST(every_bit_of_the_input_matters)
{
	uint8_t bytes[64] = { 0 };
	uint64_t plain = hash_bytes(&paper_key, bytes, sizeof(bytes));

	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_uint_ne(
		    hash_bytes(&paper_key, bytes, sizeof(bytes)), plain);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

TEST(every_bit_of_the_key_matters)
{
	uint64_t plain = hash_bytes(&paper_key, "room", 4);

	for (int bit = 0; bit < 64; bit++) {
		struct hash_key a = paper_key, b = paper_key;

		a.k0 ^= 1ULL << bit;
		b.k1 ^= 1ULL << bit;
		ck_assert_uint_ne(hash_bytes(&a, "room", 4), plain);
		ck_assert_uint_ne(hash_bytes(&b, "room", 4), plain);
	}
}

TEST(two_random_keys_differ)
{
	struct hash_key a = hash_key_random(), b = hash_key_random();

	ck_assert_mem_ne(&a, &b, sizeof(a));
}
