#include "core/request.h"

#include <string.h>

#include "unit/rig/requests.h"

TEST(a_question_expires_at_its_deadline_and_not_before)
{
	owners_begin();
	owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(request_next_deadline(reg).ms, 1100);
	owners_pass(99);
	ck_assert_str_eq(ended(), "");
	ck_assert_uint_eq(request_n_open(reg), 1);
	owners_pass(1);
	ck_assert_uint_eq(owners[1].n_debts, 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, INSTANT_NEVER.ms);
	ck_assert_str_eq(ended(), "1 timeout 0/2 late:1 late:2");
	owners_end();
}

static const int64_t timeouts[] = { 1, 2, 99, 100, 5000, 300000 };

TEST_EACH(each_timeout_is_kept_to_the_millisecond, timeouts)
{
	owners_begin();
	owner_ask(GATHER_LIST, timeouts[row], "1");
	owners_pass(timeouts[row] - 1);
	ck_assert_str_eq(ended(), "");
	owners_pass(1);
	ck_assert_str_eq(ended(), "1 timeout 0/1 late:1");
	owners_end();
}

TEST(a_deadline_that_is_long_over_is_as_good)
{
	owners_begin();
	owner_ask(GATHER_LIST, 100, "1");
	owner_ask(GATHER_LIST, 30, "1");
	owners_pass(1000000);
	ck_assert_str_eq(ended(), "2 timeout 0/1 late:1; 1 timeout 0/1 late:1");
	owners_end();
}

TEST(who_has_answered_is_not_late)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "123");
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 1/3 late:1 late:3 = b");
	owners_end();
}

TEST(an_answer_in_the_last_millisecond_counts)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "1");
	owners_pass(99);
	ck_assert_int_eq(owner_yes(1, id, "a"), 0);
	owners_pass(1);
	ck_assert_str_eq(ended(), "1 complete 1/1 = a");
	owners_end();
}

TEST(deadlines_of_several_timeouts_come_in_their_order)
{
	owners_begin();
	owner_ask(GATHER_LIST, 300, "1"); /* 1300 */
	owner_ask(GATHER_LIST, 100, "1"); /* 1100 */
	owners_pass(50);
	owner_ask(GATHER_LIST, 100, "1"); /* 1150 */
	owner_ask(GATHER_LIST, 20, "1");  /* 1070 */
	owner_ask(GATHER_LIST, 250, "1"); /* 1300 */
	ck_assert_int_eq(request_next_deadline(reg).ms, 1070);
	owners_pass(20);
	ck_assert_str_eq(ended(), "4 timeout 0/1 late:1");
	ck_assert_int_eq(request_next_deadline(reg).ms, 1100);
	owners_pass(80);
	ck_assert_str_eq(ended(), "2 timeout 0/1 late:1; 3 timeout 0/1 late:1");
	ck_assert_int_eq(request_next_deadline(reg).ms, 1300);
	owners_pass(149);
	ck_assert_str_eq(ended(), "");
	owners_pass(1);
	ck_assert_str_eq(ended(), "5 timeout 0/1 late:1; 1 timeout 0/1 late:1");
	owners_end();
}

TEST(the_next_deadline_is_that_of_what_is_still_open)
{
	uint64_t first, second;

	owners_begin();
	first = owner_ask(GATHER_LIST, 100, "1");
	owners_pass(10);
	second = owner_ask(GATHER_LIST, 100, "1");
	owner_ask(GATHER_LIST, 500, "1");
	ck_assert_int_eq(request_next_deadline(reg).ms, 1100);
	ck_assert_int_eq(owner_no(1, first), 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, 1110);
	ck_assert_int_eq(owner_no(1, second), 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, 1510);
	ck_assert_str_eq(ended(), "1 complete 1/1; 2 complete 1/1");
	owners_end();
}

TEST(what_ends_in_the_middle_of_a_queue_leaves_the_others_in_order)
{
	uint64_t ids[5];

	owners_begin();
	for (int i = 0; i < 5; i++) {
		ids[i] = owner_ask(GATHER_LIST, 100, "1");
		owners_pass(1);
	}
	ck_assert_int_eq(owner_no(1, ids[2]), 0);
	ck_assert_int_eq(owner_no(1, ids[4]), 0);
	ck_assert_int_eq(owner_no(1, ids[0]), 0);
	ck_assert_str_eq(
	    ended(), "3 complete 1/1; 5 complete 1/1; 1 complete 1/1");
	ck_assert_int_eq(request_next_deadline(reg).ms, 1101);
	owners_pass(96);
	ck_assert_str_eq(ended(), "2 timeout 0/1 late:1");
	owners_pass(1);
	ck_assert_str_eq(ended(), "");
	owners_pass(1);
	ck_assert_str_eq(ended(), "4 timeout 0/1 late:1");
	owners_end();
}

#define N_TIMEOUTS 5000

/* As many timeouts as questions, asked in a random order; every seventh is
 * answered before. */
TEST(thousands_of_distinct_timeouts_end_each_at_its_own)
{
	static int64_t order[N_TIMEOUTS];
	static uint64_t ids[N_TIMEOUTS];
	struct random random = { 7 };
	struct request *request;

	owners_begin();
	for (uint32_t i = 0; i < N_TIMEOUTS; i++) {
		uint32_t k = random_below(&random, i + 1);

		order[i] = order[k];
		order[k] = i + 1;
	}
	for (int i = 0; i < N_TIMEOUTS; i++)
		ids[order[i] - 1] = owner_ask(GATHER_LIST, order[i], "1");
	for (int i = 0; i < N_TIMEOUTS; i += 7) {
		ck_assert_int_eq(owner_no(1, ids[i]), 0);
		request = request_take_ended(reg);
		ck_assert_uint_eq(request->id, ids[i]);
		request_free(request);
	}
	for (int i = 0; i < N_TIMEOUTS; i++) {
		owners_pass(1);
		request = request_take_ended(reg);
		if (i % 7 == 0) {
			ck_assert_ptr_null(request);
			continue;
		}
		ck_assert_uint_eq(request->id, ids[i]);
		ck_assert_int_eq(request->outcome, OUTCOME_TIMEOUT);
		ck_assert_ptr_null(request_take_ended(reg));
		request_free(request);
	}
	owners_end();
}

TEST(a_timeout_that_nobody_has_any_more_is_forgotten)
{
	owners_begin();
	for (int64_t ms = 1; ms <= 1000; ms++) {
		ck_assert_int_eq(
		    owner_no(1, owner_ask(GATHER_LIST, ms, "1")), 0);
		ck_assert_ptr_nonnull(strstr(ended(), " complete 1/1"));
		ck_assert_int_eq(
		    request_next_deadline(reg).ms, INSTANT_NEVER.ms);
	}
	owners_end();
}

#define N_MANY 100000

static uint64_t many[N_MANY];

static void
ask_many(void)
{
	for (int i = 0; i < N_MANY; i++) {
		many[i] = owner_ask(GATHER_LIST, 100 + i % 3, "12");
		ck_assert_uint_eq(request_n_open(reg), (size_t)i + 1);
	}
	ck_assert_uint_eq(owners[0].n_asked, N_MANY);
	ck_assert_uint_eq(owners[1].n_debts, N_MANY);
}

static void
take_many(enum outcome outcome)
{
	struct request *request;
	int n = 0;

	for (; (request = request_take_ended(reg)) != NULL; n++) {
		ck_assert_int_eq(request->outcome, outcome);
		request_free(request);
	}
	ck_assert_int_eq(n, N_MANY);
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_uint_eq(owners[1].n_debts, 0);
}

TEST(a_hundred_thousand_questions_are_answered_in_any_order)
{
	struct random random = { 12 };

	owners_begin();
	ask_many();
	for (uint32_t i = N_MANY - 1; i > 0; i--) {
		uint32_t k = random_below(&random, i + 1);
		uint64_t swap = many[i];

		many[i] = many[k];
		many[k] = swap;
	}
	for (int i = 0; i < N_MANY; i++) {
		ck_assert_uint_eq(request_find(reg, many[i])->id, many[i]);
		ck_assert_int_eq(owner_no(1, many[i]), 0);
	}
	for (int i = N_MANY; i-- > 0;)
		ck_assert_int_eq(owner_yes(2, many[i], "b"), 0);
	take_many(OUTCOME_COMPLETE);
	owners_end();
}

TEST(a_hundred_thousand_questions_expire)
{
	owners_begin();
	ask_many();
	owners_pass(99);
	ck_assert_uint_eq(request_n_open(reg), N_MANY);
	owners_pass(1);
	ck_assert_uint_eq(request_n_open(reg), N_MANY - (N_MANY + 2) / 3);
	owners_pass(2);
	take_many(OUTCOME_TIMEOUT);
	owners_end();
}

TEST(who_owes_a_hundred_thousand_answers_may_go)
{
	owners_begin();
	ask_many();
	request_owner_fini(reg, &owners[1]);
	ck_assert_uint_eq(request_n_open(reg), N_MANY);
	request_owner_fini(reg, &owners[2]);
	take_many(OUTCOME_COMPLETE);
	owners_end();
}

TEST(who_asks_a_hundred_thousand_questions_may_go)
{
	owners_begin();
	ask_many();
	ck_assert_uint_eq(request_owner_fini(reg, &owners[0]), N_MANY);
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_uint_eq(owners[2].n_debts, 0);
	owners_end();
}

TEST_ABORTS(a_timeout_is_one_millisecond_at_least)
{
	owners_begin();
	owner_ask(GATHER_LIST, 0, "1");
}
