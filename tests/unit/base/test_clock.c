#include "base/clock.h"

#include "unit/support.h"

TEST(a_deadline_is_reached_at_its_millisecond_not_before)
{
	struct instant start = { .ms = 1000 };
	struct instant deadline = instant_after(start, 100);

	ck_assert_int_eq(deadline.ms, 1100);
	ck_assert(!instant_reached(deadline, (struct instant){ .ms = 1099 }));
	ck_assert(instant_reached(deadline, (struct instant){ .ms = 1100 }));
	ck_assert(instant_reached(deadline, (struct instant){ .ms = 1101 }));
}

TEST(never_is_later_than_everything)
{
	struct instant late = { .ms = INT64_MAX - 1 };

	ck_assert(!instant_reached(INSTANT_NEVER, late));
	ck_assert_int_eq(
	    instant_earlier(INSTANT_NEVER, late).ms, INT64_MAX - 1);
	ck_assert_int_eq(
	    instant_earlier(late, INSTANT_NEVER).ms, INT64_MAX - 1);
}

TEST(the_monotonic_clock_never_goes_back)
{
	struct instant before = clock_now();

	for (int i = 0; i < 100000; i++) {
		struct instant now = clock_now();

		ck_assert_int_ge(now.ms, before.ms);
		before = now;
	}
}

TEST(the_wall_clock_counts_milliseconds_since_1970)
{
	/* 2020 and 2200 */
	ck_assert_int_gt(clock_wall_ms(), 1577836800000);
	ck_assert_int_lt(clock_wall_ms(), 7258118400000);
}
