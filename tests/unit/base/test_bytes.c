#include "base/bytes.h"

#include <stdlib.h>

#include "unit/support.h"

static const uint8_t sample[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
	0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };

TEST(integers_are_read_in_big_endian_one_behind_the_other)
{
	struct bytes b = bytes_over(sample, sizeof(sample));

	ck_assert_uint_eq(bytes_u8(&b), 0x01);
	ck_assert_uint_eq(bytes_u16(&b), 0x2345);
	ck_assert_uint_eq(bytes_u32(&b), 0x6789abcd);
	ck_assert_uint_eq(bytes_u64(&b), 0xeffedcba98765432);
	ck_assert_uint_eq(bytes_left(&b), 1);
	ck_assert(!b.fault);
}

TEST(the_last_byte_can_be_read_and_the_one_behind_it_is_a_fault)
{
	struct bytes b = bytes_over(sample, 1);

	ck_assert_uint_eq(bytes_u8(&b), 0x01);
	ck_assert_uint_eq(bytes_left(&b), 0);
	ck_assert(!b.fault);
	ck_assert_uint_eq(bytes_u8(&b), 0);
	ck_assert(b.fault);
}

TEST(a_fault_sticks_and_what_is_read_then_is_zero)
{
	struct bytes b = bytes_over(sample, 3);

	ck_assert_uint_eq(bytes_u32(&b), 0);
	ck_assert(b.fault);
	ck_assert_uint_eq(bytes_left(&b), 0);
	ck_assert_uint_eq(bytes_u8(&b), 0);
	ck_assert_uint_eq(bytes_u16(&b), 0);
	ck_assert_uint_eq(bytes_u64(&b), 0);
	ck_assert_ptr_null(bytes_take(&b, 1));
	ck_assert_ptr_null(bytes_take(&b, 0));
	ck_assert(b.fault);
}

TEST(each_width_faults_exactly_when_a_byte_is_missing)
{
	struct buffer all = exactly(sample, 8);

	for (size_t len = 0; len <= 8; len++) {
		struct bytes b8 = bytes_over(all.data, len), b16 = b8;
		struct bytes b32 = b8, b64 = b8;

		bytes_u8(&b8);
		bytes_u16(&b16);
		bytes_u32(&b32);
		bytes_u64(&b64);
		ck_assert_int_eq(b8.fault, len < 1);
		ck_assert_int_eq(b16.fault, len < 2);
		ck_assert_int_eq(b32.fault, len < 4);
		ck_assert_int_eq(b64.fault, len < 8);
	}
	free(all.data);
}

TEST(take_gives_the_bytes_in_place_and_steps_over_them)
{
	struct bytes b = bytes_over(sample, sizeof(sample));

	ck_assert_ptr_eq(bytes_take(&b, 4), sample);
	ck_assert_ptr_eq(bytes_take(&b, 0), sample + 4);
	ck_assert_ptr_eq(bytes_take(&b, 12), sample + 4);
	ck_assert_uint_eq(bytes_left(&b), 0);
	ck_assert_ptr_nonnull(bytes_take(&b, 0));
	ck_assert_ptr_null(bytes_take(&b, 1));
}

TEST(a_length_beyond_all_memory_is_a_fault_and_no_wrap_around)
{
	struct bytes b = bytes_over(sample, sizeof(sample));

	ck_assert_ptr_null(bytes_take(&b, SIZE_MAX));
	ck_assert(b.fault);
}
