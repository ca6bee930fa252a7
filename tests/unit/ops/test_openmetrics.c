#include "ops/openmetrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "unit/rig/edges.h"

/* The text for the daemon as it is, to be freed. */
static char *
expose(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = xmemstream(&text, &len);

	openmetrics_write(out, hub, true);
	fclose(out);
	return text;
}

static void
expect_bucket(const char *text, const char *le, unsigned n)
{
	char line[128];

	snprintf(line, sizeof(line),
	    "\npm2adapterd_message_transit_seconds_bucket{le=\"%s\"} %u\n", le,
	    n);
	ck_assert_msg(strstr(text, line) != NULL, "%s in %s", line, text);
}

static const struct {
	int64_t us;
	const char *below, *within;
} times[] = {
	{ 16, "0.000016", "0.000064" },
	{ 64, "0.000064", "0.000256" },
	{ 65536, "0.065536", "0.262144" },
	{ 16777216, "16.777216", "+Inf" },
};

/* Times are cut to microseconds: 16 us have been a little longer. */
TEST_EACH(a_time_is_in_no_bucket_that_ends_before_it, times)
{
	char *text;

	begin();
	histogram_add(&hub_timing(hub)->transit, times[row].us, 3);
	histogram_add(&hub_timing(hub)->transit, times[row].us - 1, 2);
	text = expose();
	expect_bucket(text, times[row].below, 2);
	expect_bucket(text, times[row].within, 5);
	expect_bucket(text, "+Inf", 5);
	free(text);
	end();
}

TEST(no_loop_is_more_than_busy)
{
	const uint64_t counters[RATES_COUNTERS] = {
		[RATES_BUSY_US] = 60000000,
	};
	char *text;

	begin();
	settle();
	rates_add(&hub->rates, instant_after(loop_now(loop), 10000), counters);
	text = expose();
	ck_assert_ptr_nonnull(
	    strstr(text, "\npm2adapterd_loop_busy_ratio 1.000000\n"));
	free(text);
	end();
}
