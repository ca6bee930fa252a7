#include "stats/rates.h"

#include "unit/support.h"

static void
add(struct rates *rates, int64_t ms, uint64_t n)
{
	const uint64_t counters[RATES_COUNTERS] = { n, 2 * n, 0, 7, 0 };

	rates_add(rates, (struct instant){ ms }, counters);
}

TEST(the_first_sample_is_due_at_once_and_the_next_after_a_second)
{
	struct rates rates = { .n = 0 };

	ck_assert(
	    instant_reached(rates_due(&rates), (struct instant){ INT64_MIN }));
	add(&rates, 5000, 1);
	ck_assert(
	    !instant_reached(rates_due(&rates), (struct instant){ 5999 }));
	ck_assert(instant_reached(rates_due(&rates), (struct instant){ 6000 }));
}

TEST(a_rate_needs_two_samples)
{
	struct rates rates = { .n = 0 };

	ck_assert(rates_per_second(&rates, 0) == 0);
	add(&rates, 0, 100);
	ck_assert(rates_per_second(&rates, 0) == 0);
	add(&rates, 1000, 150);
	ck_assert(rates_per_second(&rates, 0) == 50);
	ck_assert(rates_per_second(&rates, 1) == 100);
	ck_assert(rates_per_second(&rates, 2) == 0);
	ck_assert(rates_per_second(&rates, 3) == 0);
}

TEST(samples_that_come_late_give_the_right_rate)
{
	struct rates rates = { .n = 0 };

	add(&rates, 0, 0);
	add(&rates, 4000, 1000);
	ck_assert(rates_per_second(&rates, 0) == 250);
}

TEST(what_lies_more_than_ten_samples_back_is_forgotten)
{
	struct rates rates = { .n = 0 };

	add(&rates, 0, 0);
	for (int i = 1; i <= 10; i++)
		add(&rates, i * 1000, 1000000);
	ck_assert(rates_per_second(&rates, 0) == 100000);
	add(&rates, 11000, 1000000);
	ck_assert(rates_per_second(&rates, 0) == 0);
}

TEST(two_samples_of_one_instant_give_no_rate)
{
	struct rates rates = { .n = 0 };

	add(&rates, 1000, 0);
	add(&rates, 1000, 50);
	ck_assert(rates_per_second(&rates, 0) == 0);
}
