#include "core/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct hash_key key = { 3, 4 };

static struct gathered gather;
static struct blob *name;

static void
begin(size_t max_bytes)
{
	gather_init(&gather, max_bytes);
	name = blob_copy("web", 4);
}

static void
end(void)
{
	gather_fini(&gather);
	ck_assert_uint_eq(name->n_refs, 1);
	blob_unref(name);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

/* The bytes are in memory of their own, and gone when this returns. */
static int
add(uint64_t from, const char *text)
{
	struct buffer bytes = exactly(text, strlen(text));
	int r = gather_add(&gather, from, name, bytes.data, bytes.len);

	free(bytes.data);
	return r;
}

static int
add_string(const char *text)
{
	struct buffer bytes = exactly(text, strlen(text));
	int r = gather_add_string(&gather, &key, bytes.data, bytes.len);

	free(bytes.data);
	return r;
}

static void
expect_answer(size_t i, uint64_t from, const char *text)
{
	const struct gather_answer *answer = &gather.answers[i];

	ck_assert_uint_lt(i, gather.n_answers);
	ck_assert_uint_eq(answer->from, from);
	ck_assert_ptr_eq(answer->name, name);
	ck_assert_uint_eq(answer->len, strlen(text));
	ck_assert_uint_le(answer->off + answer->len, gather.n_bytes);
	ck_assert_mem_eq(gather.bytes + answer->off, text, strlen(text));
}

/* All strings in the order in which they came, each behind a blank. */
static const char *
strings(void)
{
	static char out[512];
	size_t cursor = 0, at = 0, n = 0, len;
	const char *bytes;

	out[0] = '\0';
	while ((bytes = gather_next_string(&gather, &cursor, &len)) != NULL) {
		at += (size_t)snprintf(
		    out + at, sizeof(out) - at, " %.*s", (int)len, bytes);
		ck_assert_uint_lt(at, sizeof(out));
		n++;
	}
	ck_assert_uint_eq(n, gather.n_strings);
	return out;
}

TEST(what_has_nothing_counts_nothing)
{
	size_t cursor = 0, len;

	begin(100);
	ck_assert_uint_eq(gather.n_counted, 0);
	ck_assert_uint_eq(gather.n_answers, 0);
	ck_assert_ptr_null(gather_next_string(&gather, &cursor, &len));
	ck_assert_ptr_null(gather.bytes);
	end();
}

TEST(answers_stay_as_they_came)
{
	begin(1000);
	ck_assert_int_eq(add(7, "seven"), 0);
	ck_assert_int_eq(add(3, ""), 0);
	ck_assert_int_eq(add(9, "nine"), 0);
	ck_assert_int_eq(add(7, "seven"), 0);
	ck_assert_uint_eq(gather.n_answers, 4);
	expect_answer(0, 7, "seven");
	expect_answer(1, 3, "");
	expect_answer(2, 9, "nine");
	expect_answer(3, 7, "seven");
	ck_assert_uint_eq(name->n_refs, 5);
	ck_assert_uint_eq(
	    gather.n_counted, 5 + 0 + 4 + 5 + 4 * GATHER_ENTRY_BYTES);
	end();
}

TEST(an_answer_may_have_no_bytes_at_all)
{
	begin(GATHER_ENTRY_BYTES);
	ck_assert_int_eq(gather_add(&gather, 1, name, NULL, 0), 0);
	expect_answer(0, 1, "");
	ck_assert_int_eq(gather_add(&gather, 2, name, NULL, 0), GATHER_E_FULL);
	end();
}

TEST(answers_of_all_bytes_are_kept)
{
	uint8_t all[256];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	begin(100000);
	for (uint64_t i = 0; i < 100; i++)
		ck_assert_int_eq(
		    gather_add(&gather, i, name, all + i, sizeof(all) - i), 0);
	for (uint64_t i = 0; i < 100; i++) {
		const struct gather_answer *answer = &gather.answers[i];

		ck_assert_uint_eq(answer->from, i);
		ck_assert_uint_eq(answer->len, sizeof(all) - i);
		ck_assert_mem_eq(
		    gather.bytes + answer->off, all + i, answer->len);
	}
	end();
}

static const size_t texts[] = { 0, 1, 7, 63, 64, 65, 4096 };

/* The answer that fits to the byte, and one byte too little. */
TEST_EACH(the_limit_holds_at_the_very_byte, texts)
{
	size_t len = texts[row], need = 5 + len + 2 * GATHER_ENTRY_BYTES;
	char *text = calloc(1, len + 1);

	memset(text, 'x', len);
	begin(need - 1);
	ck_assert_int_eq(add(1, "first"), 0);
	ck_assert_int_eq(add(2, text), GATHER_E_FULL);
	ck_assert_uint_eq(gather.n_answers, 1);
	ck_assert_uint_eq(gather.n_counted, 5 + GATHER_ENTRY_BYTES);
	ck_assert_uint_eq(name->n_refs, 2);
	end();
	begin(need);
	ck_assert_int_eq(add(1, "first"), 0);
	ck_assert_int_eq(add(2, text), 0);
	ck_assert_uint_eq(gather.n_counted, need);
	expect_answer(1, 2, text);
	ck_assert_int_eq(add(3, ""), GATHER_E_FULL);
	end();
	free(text);
}

TEST_EACH(the_limit_of_strings_holds_at_the_very_byte, texts)
{
	size_t len = texts[row], need = 5 + len + 2 * GATHER_ENTRY_BYTES;
	char *text = calloc(1, len + 1);

	memset(text, 'x', len);
	begin(need - 1);
	ck_assert_int_eq(add_string("first"), 0);
	ck_assert_int_eq(add_string(text), GATHER_E_FULL);
	ck_assert_str_eq(strings(), " first");
	ck_assert_uint_eq(gather.n_counted, 5 + GATHER_ENTRY_BYTES);
	end();
	begin(need);
	ck_assert_int_eq(add_string("first"), 0);
	ck_assert_int_eq(add_string(text), 0);
	ck_assert_uint_eq(gather.n_counted, need);
	ck_assert_uint_eq(gather.n_strings, 2);
	ck_assert_int_eq(add_string("other"), GATHER_E_FULL);
	end();
	free(text);
}

TEST(what_was_too_much_leaves_room_for_what_is_not)
{
	begin(20);
	ck_assert_int_eq(add(1, "thirteen byte"), GATHER_E_FULL);
	ck_assert_int_eq(add(2, "twelve bytes"), 0);
	ck_assert_uint_eq(gather.n_answers, 1);
	expect_answer(0, 2, "twelve bytes");
	end();
}

TEST(a_length_beyond_all_memory_is_too_much)
{
	begin(100);
	ck_assert_int_eq(
	    gather_add(&gather, 1, name, "x", SIZE_MAX - GATHER_ENTRY_BYTES),
	    GATHER_E_FULL);
	ck_assert_uint_eq(gather.n_counted, 0);
	end();
}

TEST(what_is_reserved_counts)
{
	begin(30);
	ck_assert_int_eq(gather_reserve(&gather, 10), 0);
	ck_assert_int_eq(gather_reserve(&gather, 21), GATHER_E_FULL);
	ck_assert_uint_eq(gather.n_counted, 10);
	ck_assert_int_eq(add(1, "thirteen byte"), GATHER_E_FULL);
	ck_assert_int_eq(add(1, "twelve bytes"), 0);
	ck_assert_uint_eq(gather.n_counted, 30);
	ck_assert_int_eq(gather_reserve(&gather, 0), 0);
	ck_assert_int_eq(gather_reserve(&gather, 1), GATHER_E_FULL);
	expect_answer(0, 1, "twelve bytes");
	end();
}

TEST(with_room_for_nothing_all_is_too_much)
{
	begin(0);
	ck_assert_int_eq(add(1, ""), GATHER_E_FULL);
	ck_assert_int_eq(add_string(""), GATHER_E_FULL);
	ck_assert_int_eq(gather_reserve(&gather, 0), 0);
	end();
}

TEST(a_string_is_there_once)
{
	begin(1000);
	ck_assert_int_eq(add_string("b"), 0);
	ck_assert_int_eq(add_string("a"), 0);
	ck_assert_int_eq(add_string("b"), 0);
	ck_assert_int_eq(add_string("ab"), 0);
	ck_assert_int_eq(add_string("a"), 0);
	ck_assert_str_eq(strings(), " b a ab");
	ck_assert_uint_eq(gather.n_counted, 4 + 3 * GATHER_ENTRY_BYTES);
	end();
}

TEST(a_string_that_is_there_needs_no_room)
{
	begin(4 + GATHER_ENTRY_BYTES);
	ck_assert_int_eq(add_string("room"), 0);
	ck_assert_int_eq(add_string("room"), 0);
	ck_assert_int_eq(add_string(""), GATHER_E_FULL);
	ck_assert_int_eq(add_string("room"), 0);
	ck_assert_str_eq(strings(), " room");
	end();
}

TEST(the_empty_string_is_a_string)
{
	begin(1000);
	ck_assert_int_eq(gather_add_string(&gather, &key, NULL, 0), 0);
	ck_assert_int_eq(add_string("x"), 0);
	ck_assert_int_eq(add_string(""), 0);
	ck_assert_uint_eq(gather.n_strings, 2);
	ck_assert_str_eq(strings(), "  x");
	ck_assert_uint_eq(gather.n_counted, 1 + 2 * GATHER_ENTRY_BYTES);
	end();
}

TEST(strings_are_bytes_with_a_length)
{
	begin(1000);
	ck_assert_int_eq(gather_add_string(&gather, &key, "a\0b", 3), 0);
	ck_assert_int_eq(gather_add_string(&gather, &key, "a\0c", 3), 0);
	ck_assert_int_eq(gather_add_string(&gather, &key, "a\0", 2), 0);
	ck_assert_int_eq(gather_add_string(&gather, &key, "a", 1), 0);
	ck_assert_int_eq(gather_add_string(&gather, &key, "a\0b", 3), 0);
	ck_assert_uint_eq(gather.n_strings, 4);
	end();
}

/* A string of its own for each i, in a buffer that the next call takes. */
static const char *
many(uint32_t i)
{
	static char text[32];

	snprintf(text, sizeof(text), "socket-%u", i);
	return text;
}

#define N_MANY 100000

TEST(a_hundred_thousand_strings_are_each_there_once)
{
	size_t cursor = 0, len;
	const char *bytes;

	begin(10000000);
	for (uint32_t i = 0; i < N_MANY; i++) {
		ck_assert_int_eq(add_string(many(i)), 0);
		ck_assert_int_eq(add_string(many(i / 2)), 0);
		ck_assert_uint_eq(gather.n_strings, i + 1);
	}
	for (uint32_t i = 0; i < N_MANY; i++)
		ck_assert_int_eq(add_string(many(i)), 0);
	for (uint32_t i = 0; i < N_MANY; i++) {
		bytes = gather_next_string(&gather, &cursor, &len);
		ck_assert_uint_eq(len, strlen(many(i)));
		ck_assert_mem_eq(bytes, many(i), len);
	}
	ck_assert_ptr_null(gather_next_string(&gather, &cursor, &len));
	ck_assert_uint_eq(gather.n_strings, N_MANY);
	end();
}

/* Their hashes agree in so many low bits that the index puts them into one
 * place, how often soever it grows here. */
TEST(strings_of_one_slot_are_told_apart)
{
	char same[40][32];
	size_t n = 0;

	for (uint32_t i = 0; n < N_ELEMENTS(same); i++)
		if (hash_bytes(&key, many(i), strlen(many(i))) % 1024 == 1022)
			memcpy(same[n++], many(i), sizeof(same[0]));
	begin(10000);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(add_string(same[i]), 0);
		ck_assert_uint_eq(gather.n_strings, i + 1);
		for (size_t k = 0; k <= i; k++)
			ck_assert_int_eq(add_string(same[k]), 0);
		ck_assert_uint_eq(gather.n_strings, i + 1);
	}
	ck_assert_uint_lt(gather.n_buckets, 1024);
	end();
}

TEST(a_bucket_has_one_string_on_average)
{
	begin(100000);
	for (uint32_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(add_string(many(i)), 0);
		ck_assert_uint_ge(gather.n_buckets, gather.n_strings);
	}
	end();
}

TEST(to_end_twice_is_fine_and_leaves_it_empty)
{
	begin(1000);
	ck_assert_int_eq(add(1, "answer"), 0);
	gather_fini(&gather);
	gather_fini(&gather);
	ck_assert_uint_eq(gather.n_counted, 0);
	ck_assert_uint_eq(gather.n_answers, 0);
	ck_assert_uint_eq(name->n_refs, 1);
	ck_assert_int_eq(add(2, "again"), 0);
	expect_answer(0, 2, "again");
	ck_assert_int_eq(gather_reserve(&gather, 1000), GATHER_E_FULL);
	end();
}

TEST_ABORTS(four_gigabytes_are_no_limit)
{
	begin(UINT32_MAX);
}
