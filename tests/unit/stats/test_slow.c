#include "stats/slow.h"

#include <string.h>

#include "unit/support.h"

TEST(the_newest_comes_first_and_the_oldest_goes)
{
	struct slow slow = { .ring = NULL };

	for (int64_t i = 0; i < SLOW_KEPT + 3; i++)
		slow_add(&slow)->took_us = i;
	ck_assert_uint_eq(slow.n, SLOW_KEPT);
	for (int64_t i = 0; i < SLOW_KEPT; i++)
		ck_assert_int_eq(
		    slow_get(&slow, (size_t)i)->took_us, SLOW_KEPT + 2 - i);
	slow_fini(&slow);
	ck_assert_uint_eq(slow.n, 0);
}

TEST(an_entry_that_is_used_again_is_empty)
{
	struct slow slow = { .ring = NULL };

	for (int i = 0; i < SLOW_KEPT; i++)
		strcpy(slow_add(&slow)->asker, "somebody");
	ck_assert_str_eq(slow_add(&slow)->asker, "");
	slow_fini(&slow);
}

TEST(a_line_tells_of_a_turn_what_was_done_in_it)
{
	struct slow_entry e = { .took_us = 60000,
		.messages = 5,
		.deliveries = 20,
		.bytes_in = 1000,
		.bytes_out = 4000 };
	char line[256];

	ck_assert_str_eq(slow_line(&e, line, sizeof(line)),
	    "took_us=60000 messages=5 deliveries=20 bytes_in=1000 "
	    "bytes_out=4000");
}

TEST(a_line_quotes_what_peers_call_themselves)
{
	struct slow_entry e = { .is_question = true,
		.took_us = 2000000,
		.asker = "a\nb",
		.topic = "k#/\"#",
		.gather = "list",
		.outcome = "timeout",
		.expected = 3,
		.answered = 2,
		.missing = "c, d" };
	char line[1024];

	ck_assert_str_eq(slow_line(&e, line, sizeof(line)),
	    "took_us=2000000 asker=\"a\\x0ab\" topic=\"k#/\\x22#\" "
	    "gather=list outcome=timeout expected=3 answered=2 "
	    "missing=\"c, d\"");
}
