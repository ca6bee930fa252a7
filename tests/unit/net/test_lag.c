#include "net/lag.h"

#include "unit/support.h"

static struct lag lag;

static struct instant
at(int64_t ms)
{
	return (struct instant){ ms };
}

static void
expect_since(uint64_t place, int64_t ms)
{
	ck_assert_int_eq(lag_since(&lag, place).ms, ms);
}

TEST(a_byte_waits_since_its_mark_and_one_before_all_marks_never)
{
	lag = (struct lag){ 0 };
	expect_since(0, INSTANT_NEVER.ms);
	lag_note(&lag, 100, at(1000));
	lag_note(&lag, 200, at(2000));
	expect_since(99, INSTANT_NEVER.ms);
	expect_since(100, 1000);
	expect_since(199, 1000);
	expect_since(200, 2000);
	expect_since(900, 2000);
}

TEST(bytes_that_come_soon_after_a_mark_share_it)
{
	lag = (struct lag){ 0 };
	lag_note(&lag, 100, at(1000));
	lag_note(&lag, 200, at(1003));
	lag_note(&lag, 300, at(1004));
	ck_assert_uint_eq(lag.n, 2);
	expect_since(250, 1000);
	expect_since(350, 1004);
}

/* One byte each ms for n ms. */
static void
expect_near(int64_t n)
{
	lag = (struct lag){ 0 };
	for (int64_t i = 0; i < n; i++)
		lag_note(&lag, (uint64_t)i, at(1000 + i));
	ck_assert_uint_le(lag.n, LAG_MARKS);
	for (int64_t i = 0; i < n; i++) {
		int64_t since = lag_since(&lag, (uint64_t)i).ms;

		ck_assert_int_le(since, 1000 + i);
		ck_assert_int_ge(since, 1000 + i - 4 - n / 8);
	}
}

TEST(a_time_is_never_late_and_early_by_an_eighth_of_the_span_at_most)
{
	const int64_t spans[] = { 1, 17, 64, 100, 1000, 100000 };

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		expect_near(spans[i]);
}
