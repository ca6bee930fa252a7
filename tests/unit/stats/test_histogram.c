#include "stats/histogram.h"

#include "unit/support.h"

TEST(an_empty_histogram_has_quantiles_of_zero)
{
	struct histogram h = { .n = 0 };

	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 0);
	ck_assert_uint_eq(histogram_n_within(&h, UINT64_MAX), 0);
}

TEST(times_below_32_us_are_kept_exactly)
{
	struct histogram h = { .n = 0 };

	for (int64_t us = 0; us < 32; us++)
		histogram_add(&h, us, 1);
	for (uint64_t us = 0; us < 32; us++)
		ck_assert_uint_eq(histogram_n_within(&h, us), us + 1);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 15);
	ck_assert_uint_eq(h.sum_us, 31 * 32 / 2);
}

TEST(a_quantile_is_never_below_the_time_and_at_most_a_sixteenth_above)
{
	for (uint64_t us = 1; us < (uint64_t)1 << 35; us += 1 + us / 7) {
		struct histogram h = { .n = 0 };
		uint64_t got;

		histogram_add(&h, (int64_t)us, 1);
		histogram_add(&h, (int64_t)1 << 35, 1); /* not the largest */
		got = histogram_quantile(&h, 0.5);
		ck_assert_uint_ge(got, us);
		ck_assert_uint_le(got, us + us / 16);
	}
}

TEST(a_quantile_is_never_more_than_the_largest)
{
	struct histogram h = { .n = 0 };

	histogram_add(&h, 1000, 1);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 1000);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 1000);
	ck_assert_uint_eq(h.max_us, 1000);
}

TEST(quantiles_split_what_was_added_many_times)
{
	struct histogram h = { .n = 0 };

	histogram_add(&h, 10, 990);
	histogram_add(&h, 20, 9);
	histogram_add(&h, 30, 1);
	ck_assert_uint_eq(h.n, 1000);
	ck_assert_uint_eq(histogram_quantile(&h, 0), 10);
	ck_assert_uint_eq(histogram_quantile(&h, 0.99), 10);
	ck_assert_uint_eq(histogram_quantile(&h, 0.999), 20);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 30);
}

TEST(what_lies_within_a_power_of_two_is_counted_exactly)
{
	struct histogram h = { .n = 0 };

	for (int bit = 5; bit < 34; bit++) {
		int64_t edge = (int64_t)1 << bit;

		h = (struct histogram){ .n = 0 };
		histogram_add(&h, edge - 1, 3);
		histogram_add(&h, edge, 5);
		ck_assert_uint_eq(
		    histogram_n_within(&h, (uint64_t)edge - 1), 3);
		ck_assert_uint_eq(
		    histogram_n_within(&h, 2 * (uint64_t)edge), 8);
	}
}

TEST(times_out_of_range_count_as_the_nearest)
{
	struct histogram h = { .n = 0 };

	histogram_add(&h, -5, 1);
	ck_assert_uint_eq(histogram_n_within(&h, 0), 1);
	histogram_add(&h, INT64_MAX, 1);
	ck_assert_uint_eq(histogram_n_within(&h, UINT64_MAX), 2);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
	ck_assert_uint_gt(histogram_quantile(&h, 1), (uint64_t)3600 * 1000000);
}

TEST(nothing_added_is_nothing)
{
	struct histogram h = { .n = 0 };

	histogram_add(&h, 1000, 0);
	ck_assert_uint_eq(h.n, 0);
	ck_assert_uint_eq(h.max_us, 0);
}
