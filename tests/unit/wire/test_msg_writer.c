#include "wire/msg_writer.h"

#include <stdlib.h>

#include "unit/support.h"

static struct msg_writer w;

static void
expect(const char *digits)
{
	struct buffer bytes = hex(digits);

	ck_assert(!w.fault);
	ck_assert_mem_eq(w.data, bytes.data, bytes.len);
	ck_assert_uint_eq(w.len, bytes.len);
	free(bytes.data);
	msg_writer_fini(&w);
}

TEST(an_open_map_gets_the_count_of_its_pairs)
{
	struct msg_open open = msg_begin_map(&w);

	msg_put_str(&w, "a");
	msg_put_int(&w, 1);
	msg_put_str(&w, "b");
	msg_put_nil(&w);
	msg_end_map(&w, open);
	expect("82 a161 01 a162 c0");
}

TEST(maps_and_arrays_of_both_kinds_nest)
{
	struct msg_open map = msg_begin_map(&w), list, inner;

	msg_put_str(&w, "l");
	list = msg_begin_array(&w);
	msg_put_array(&w, 2);
	msg_put_bool(&w, true);
	msg_put_map(&w, 1);
	msg_put_int(&w, 1);
	msg_put_int(&w, 2);
	inner = msg_begin_map(&w);
	msg_end_map(&w, inner);
	msg_put_value(&w, "\x93\x01\x02\x03", 4);
	msg_end_array(&w, list);
	msg_end_map(&w, map);
	expect("81 a16c 93 92 c3 81 01 02 80 93 01 02 03");
}

static const struct {
	size_t n;
	size_t head_len;
	uint8_t head[5];
} counts[] = {
	{ 0, 1, { 0x90 } },
	{ 15, 1, { 0x9f } },
	{ 16, 3, { 0xdc, 0, 16 } },
	{ 65535, 3, { 0xdc, 0xff, 0xff } },
	{ 65536, 5, { 0xdd, 0, 1, 0, 0 } },
};

TEST_EACH(the_head_has_the_smallest_form, counts)
{
	struct msg_open open = msg_begin_array(&w);

	for (size_t i = 0; i < counts[row].n; i++)
		msg_put_int(&w, (int64_t)(i % 100));
	msg_end_array(&w, open);
	ck_assert_uint_eq(w.len, counts[row].head_len + counts[row].n);
	ck_assert_mem_eq(w.data, counts[row].head, counts[row].head_len);
	for (size_t i = 0; i < counts[row].n; i++)
		ck_assert_uint_eq(w.data[counts[row].head_len + i], i % 100);
	msg_writer_fini(&w);
}

TEST_ABORTS(a_key_without_a_value_is_our_own_fault)
{
	struct msg_open open = msg_begin_map(&w);

	msg_put_str(&w, "a");
	msg_end_map(&w, open);
}
