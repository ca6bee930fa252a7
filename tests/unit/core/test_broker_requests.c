#include "core/broker.h"

#include <string.h>

#include "unit/rig/members.h"

TEST(members_of_the_topic_are_asked_and_nobody_else)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	subscribe("3", TOPIC_EXACT, "t");
	subscribe("4", TOPIC_PREFIX, "t");
	subscribe("4", TOPIC_PREFIX, "");
	subscribe("5", TOPIC_MEMBER, "u");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	expect(1, " q1:t:?");
	expect(2, " q1:t:?");
	expect_silence();
	yes(2, 1, "b");
	expect_silence();
	yes(1, 1, "a");
	expect(0, " r7:complete:2/2::b,a");
	expect_silence();
	members_end();
}

TEST(subscribers_are_asked_exact_ones_and_members)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	subscribe("2", TOPIC_EXACT, "t");
	subscribe("3", TOPIC_MEMBER, "t");
	subscribe("3", TOPIC_EXACT, "t");
	subscribe("34", TOPIC_PREFIX, "t");
	ck_assert_int_eq(ask_subscribers(0, 7, " t"), 0);
	expect(1, " q1:t:?");
	expect(2, " q1:t:?");
	expect(3, " q1:t:?");
	expect_silence();
	members_end();
}

TEST(who_has_several_of_the_topics_is_asked_once)
{
	members_begin();
	subscribe("12", TOPIC_EXACT, "a");
	subscribe("23", TOPIC_EXACT, "b");
	subscribe("2", TOPIC_MEMBER, "c");
	ck_assert_int_eq(ask_subscribers(0, 7, " a b nobody c"), 0);
	expect(1, " q1:a,b,nobody,c:?");
	expect(2, " q1:a,b,nobody,c:?");
	expect(3, " q1:a,b,nobody,c:?");
	expect_silence();
	ck_assert_int_eq(ask_subscribers(0, 8, " a a"), 0);
	expect(1, " q2:a,a:?");
	expect(2, " q2:a,a:?");
	expect_silence();
	no(2, 2);
	no(1, 2);
	expect(0, " r8:complete:2/2::");
	members_end();
}

TEST(the_asker_is_never_asked)
{
	members_begin();
	subscribe("01", TOPIC_MEMBER, "t");
	subscribe("0", TOPIC_EXACT, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask_subscribers(0, 8, " t t"), 0);
	expect(0, "");
	expect(1, " q1:t:? q2:t,t:?");
	ck_assert_int_eq(ask(1, 9, GATHER_LIST, " t"), 0);
	expect(0, " q3:t:?");
	expect_silence();
	members_end();
}

TEST(what_was_published_or_asked_before_comes_before)
{
	struct topic_name name = { .bytes = "t", .len = 1 };
	struct message_run run = { .n = 1 };

	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	run.bytes = (struct slice){ blob_copy("x", 1), 0, 1 };
	broker_publish(broker, members[0], &name, 1, &run);
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	broker_publish(broker, members[0], &name, 1, &run);
	ck_assert_int_eq(ask(2, 7, GATHER_LIST, " t"), 0);
	blob_unref(run.bytes.blob);
	expect(1, " m:x q1:t:? m:x q2:t:?");
	members_end();
}

TEST(who_is_silent_is_not_asked)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	broker_silence(broker, members[1]);
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask_subscribers(0, 8, " t"), 0);
	expect(2, " q1:t:? q2:t:?");
	expect_silence();
	members_end();
}

TEST(who_falls_silent_settles_its_debts_and_gets_its_results)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_EXACT, "u");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask_subscribers(0, 8, " u"), 0);
	ck_assert_int_eq(ask(1, 9, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	broker_silence(broker, members[1]);
	expect(0, " r8:complete:0/1:left.1:");
	expect_silence();
	yes(2, 1, "b");
	expect(0, " r7:complete:1/2:left.1:b");
	yes(2, 3, "c");
	expect(1, " r9:complete:1/1::c");
	expect_silence();
	broker_silence(broker, members[1]);
	expect_silence();
	members_end();
}

static const struct {
	enum gather gather;
	const char *nobody;
} gathers[] = {
	{ GATHER_LIST, " r7:complete:0/0::" },
	{ GATHER_UNION, " r7:complete:0/0::" },
	{ GATHER_FIRST, " r7:unknown:0/0::" },
	{ GATHER_STREAM, " r7:complete:0/0::" },
};

TEST_EACH(with_nobody_there_it_is_answered_at_once, gathers)
{
	members_begin();
	ck_assert_int_eq(ask(0, 7, gathers[row].gather, " t"), 0);
	expect(0, gathers[row].nobody);
	subscribe("0", TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_EXACT, "t");
	subscribe("2", TOPIC_PREFIX, "t");
	subscribe("3", TOPIC_MEMBER, "t");
	broker_silence(broker, members[3]);
	ck_assert_int_eq(ask(0, 7, gathers[row].gather, " t"), 0);
	expect(0, gathers[row].nobody);
	expect_silence();
	ck_assert_uint_eq(request_n_open(broker_requests(broker)), 0);
	ck_assert_uint_eq(broker_stats(broker)->n_asked, 2);
	ck_assert_uint_eq(broker_stats(broker)->n_questions, 0);
	members_end();
}

TEST(a_union_reaches_the_asker_with_each_string_once)
{
	members_begin();
	subscribe("123", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_UNION, " t"), 0);
	memset(logs, 0, sizeof(logs));
	yes(1, 1, "room");
	yes(2, 1, "hall");
	yes(3, 1, "room");
	expect(0, " r7:complete:3/3::room,hall");
	expect_silence();
	members_end();
}

TEST(the_first_yes_reaches_the_asker_and_later_ones_are_late)
{
	members_begin();
	subscribe("123", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_FIRST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	no(1, 1);
	yes(3, 1, "here");
	expect(0, " r7:found:2/3:dismissed.2:here");
	yes(2, 1, "here");
	pass(100);
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_late, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_timeouts, 0);
	members_end();
}

TEST(parts_go_to_the_asker_alone_and_before_the_result)
{
	members_begin();
	subscribe("0123", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_STREAM, " t"), 0);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(give(2, 1, VERDICT_MORE, "x"), 0);
	expect(0, " p7<2:x");
	ck_assert_int_eq(give(1, 1, VERDICT_MORE, ""), 0);
	expect(0, " p7<1:");
	yes(2, 1, "y");
	expect(0, " p7<2:y");
	no(3, 1);
	expect(0, "");
	yes(1, 1, "z");
	expect(0, " p7<1:z r7:complete:3/3::");
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_answers, 5);
	members_end();
}

TEST(parts_that_are_no_parts_do_not_reach_the_asker)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_STREAM, " t"), 0);
	memset(logs, 0, sizeof(logs));
	yes(1, 1, "x");
	expect(0, " p7<1:x");
	ck_assert_int_eq(give(1, 1, VERDICT_MORE, "doubled"), 0);
	ck_assert_int_eq(give(1, 1, VERDICT_YES, "doubled"), 0);
	ck_assert_int_eq(give(3, 1, VERDICT_MORE, "foreign"), 0);
	ck_assert_int_eq(give(0, 1, VERDICT_MORE, "foreign"), 0);
	ck_assert_int_eq(give(2, 2, VERDICT_MORE, "foreign"), 0);
	expect_silence();
	pass(100);
	expect(0, " r7:timeout:1/2:late.2:");
	ck_assert_int_eq(give(2, 1, VERDICT_MORE, "late"), 0);
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_doubled, 2);
	ck_assert_uint_eq(broker_stats(broker)->n_foreign, 3);
	ck_assert_uint_eq(broker_stats(broker)->n_late, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_answers, 1);
	members_end();
}

static const enum gather whole[] = { GATHER_LIST, GATHER_UNION, GATHER_FIRST };

TEST_EACH(a_part_of_what_has_none_is_refused_and_the_debt_stands, whole)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, whole[row], " t"), 0);
	expect(1, " q1:t:?");
	ck_assert_int_eq(give(1, 1, VERDICT_MORE, "x"), BROKER_E_ANSWER);
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_answers, 0);
	yes(1, 1, "y");
	ck_assert_ptr_nonnull(strstr(logs[0], ":1/1::y"));
	members_end();
}

static const struct {
	int64_t timeout_ms, deadline_ms;
} timeouts[] = {
	{ 0, 5000 },
	{ 1, 1 },
	{ 299999, 299999 },
	{ 300000, 300000 },
};

TEST_EACH(a_question_ends_at_its_deadline_and_not_before, timeouts)
{
	int64_t deadline_ms = timeouts[row].deadline_ms;

	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(put(0,
			     (struct broker_request){ .ask_id = 7,
				 .timeout_ms = timeouts[row].timeout_ms },
			     " t"),
	    0);
	expect(1, " q1:t:?");
	ck_assert_int_eq(broker_next_deadline(broker).ms, 50000 + deadline_ms);
	pass(deadline_ms - 1);
	expect_silence();
	pass(1);
	expect(0, " r7:timeout:0/1:late.1:");
	ck_assert_uint_eq(broker_stats(broker)->n_timeouts, 1);
	pass(1);
	expect_silence();
	members_end();
}

static const int64_t bad_timeouts[] = { -1, 300001, INT64_MIN, INT64_MAX };

TEST_EACH(a_timeout_out_of_range_asks_nobody, bad_timeouts)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(
	    put(0, (struct broker_request){ .timeout_ms = bad_timeouts[row] },
		" t"),
	    BROKER_E_TIMEOUT);
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_asked, 0);
	ck_assert_uint_eq(request_n_open(broker_requests(broker)), 0);
	members_end();
}

TEST(one_asker_has_a_limit_and_no_other_feels_it)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(ask(0, 7 + i, GATHER_LIST, " t"), 0);
	expect(1, " q1:t:? q2:t:? q3:t:? q4:t:?");
	ck_assert_int_eq(ask(0, 11, GATHER_LIST, " t"), BROKER_E_QUESTIONS);
	ck_assert_int_eq(
	    ask(0, 11, GATHER_LIST, " nobody"), BROKER_E_QUESTIONS);
	expect_silence();
	ck_assert_int_eq(ask(2, 7, GATHER_LIST, " t"), 0);
	expect(1, " q5:t:?");
	no(1, 3);
	expect(0, " r9:complete:1/1::");
	ck_assert_int_eq(ask(0, 12, GATHER_LIST, " t"), 0);
	expect(1, " q6:t:?");
	ck_assert_int_eq(ask(0, 13, GATHER_LIST, " t"), BROKER_E_QUESTIONS);
	ck_assert_uint_eq(broker_stats(broker)->n_asked, 6);
	members_end();
}

TEST(all_askers_together_have_a_limit)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(ask(2 + i % 3, i, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), BROKER_E_QUESTIONS_ALL);
	ck_assert_int_eq(ask(2, 7, GATHER_LIST, " t"), BROKER_E_QUESTIONS_ALL);
	expect_silence();
	leave(3);
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 9, GATHER_LIST, " t"), BROKER_E_QUESTIONS_ALL);
	expect(1, " q7:t:? q8:t:?");
	members_end();
}

TEST(other_limits_are_for_what_comes)
{
	struct broker_limits other = member_limits;

	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_LIST, " t"), 0);
	other.questions_max = 1;
	other.gather_max_bytes = 1;
	other.answer_max_bytes = 12;
	broker_set_limits(broker, &other);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(ask(0, 9, GATHER_LIST, " t"), BROKER_E_QUESTIONS);
	yes(1, 1, "twelve bytes");
	expect(0, " r7:complete:1/1::twelve bytes");
	members_end();
}

static const enum gather all_gathers[] = { GATHER_LIST, GATHER_UNION,
	GATHER_FIRST, GATHER_STREAM };

TEST_EACH(an_answer_has_a_limit_at_the_very_byte, all_gathers)
{
	enum gather gather = all_gathers[row];

	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, gather, " t"), 0);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(
	    give(1, 1, VERDICT_YES, "eleven byte"), BROKER_E_ANSWER_BIG);
	expect_silence();
	yes(2, 1, "ten bytes.");
	expect(0,
	    gather == GATHER_STREAM  ? " p7<2:ten bytes. r7:complete:1/2:big.1:"
	    : gather == GATHER_FIRST ? " r7:found:1/2:big.1:ten bytes."
				     : " r7:complete:1/2:big.1:ten bytes.");
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_answers, 1);
	members_end();
}

TEST(the_last_answer_ends_the_question_though_it_is_too_big)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_FIRST, " t"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_STREAM, " t"), 0);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(
	    give(1, 1, VERDICT_YES, "eleven byte"), BROKER_E_ANSWER_BIG);
	expect(0, " r7:unknown:0/1:big.1:");
	ck_assert_int_eq(
	    give(1, 2, VERDICT_MORE, "eleven byte"), BROKER_E_ANSWER_BIG);
	expect(0, " r8:complete:0/1:big.1:");
	expect_silence();
	members_end();
}

TEST(an_odd_answer_is_odd_before_it_is_too_big)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	ck_assert_int_eq(give(3, 1, VERDICT_YES, "eleven byte"), 0);
	no(1, 1);
	ck_assert_int_eq(give(1, 1, VERDICT_YES, "eleven byte"), 0);
	no(2, 1);
	ck_assert_int_eq(give(2, 1, VERDICT_YES, "eleven byte"), 0);
	expect(0, " r7:complete:2/2::");
	ck_assert_uint_eq(broker_stats(broker)->n_foreign, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_doubled, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_late, 1);
	members_end();
}

/* Two rows, whose names are of two letters and a zero, and two answers. */
#define TWO_ROWS (2 * (size_t)(REQUEST_ROW_BYTES + 3))
#define TWO_ANSWERS (TWO_ROWS + 5 + 2 * (size_t)GATHER_ENTRY_BYTES)

static const struct {
	size_t max_bytes;
	const char *result;
} rooms[] = {
	{ TWO_ANSWERS, " r7:complete:2/2::abc,de" },
	{ TWO_ANSWERS - 1, " r7:full:2/2::abc" },
};

TEST_EACH(answers_to_one_question_have_a_limit_at_the_very_byte, rooms)
{
	struct broker_limits narrow = member_limits;

	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(3, 1, GATHER_LIST, " t"), 0);
	narrow.gather_max_bytes = rooms[row].max_bytes;
	broker_set_limits(broker, &narrow);
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	yes(1, 2, "abc");
	expect_silence();
	yes(2, 2, "de");
	expect(0, rooms[row].result);
	expect_silence();
	yes(1, 1, "abc");
	yes(2, 1, "de");
	expect(3, " r1:complete:2/2::abc,de");
	members_end();
}

TEST(where_the_rows_alone_are_too_much_nobody_is_asked)
{
	struct broker_limits narrow = member_limits;

	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	narrow.gather_max_bytes = TWO_ROWS - 1;
	broker_set_limits(broker, &narrow);
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	expect(0, " r7:full:0/2:dismissed.1,dismissed.2:");
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_asked, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_questions, 0);
	narrow.gather_max_bytes = TWO_ROWS;
	broker_set_limits(broker, &narrow);
	ck_assert_int_eq(ask(0, 8, GATHER_LIST, " t"), 0);
	expect(0, "");
	expect(1, " q2:t:?");
	members_end();
}

TEST(that_somebody_has_left_is_heard_before_the_result)
{
	members_begin();
	subscribe("012", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	yes(1, 1, "a");
	leave(2);
	expect(0, " l2:t=2 r7:complete:1/2:left.2:a");
	expect(1, " l2:t=2");
	expect_silence();
	members_end();
}

TEST(who_leaves_several_topics_is_heard_of_in_all_before_a_result)
{
	members_begin();
	subscribe("01", TOPIC_MEMBER, "a");
	subscribe("01", TOPIC_MEMBER, "b");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " a"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_FIRST, " b"), 0);
	memset(logs, 0, sizeof(logs));
	leave(1);
	ck_assert_int_eq(
	    strstr(logs[0], " r") - logs[0], strlen(" l1:a=1 l1:b=1"));
	ck_assert_ptr_nonnull(strstr(logs[0], " l1:a=1"));
	ck_assert_ptr_nonnull(strstr(logs[0], " l1:b=1"));
	ck_assert_ptr_nonnull(strstr(logs[0], " r7:complete:0/1:left.1:"));
	ck_assert_ptr_nonnull(strstr(logs[0], " r8:unknown:0/1:left.1:"));
	members_end();
}

TEST(who_is_no_member_any_more_owes_nothing)
{
	members_begin();
	subscribe("012", TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_EXACT, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	unsubscribe(1, TOPIC_MEMBER, "t");
	expect(0, " l1:t=2");
	expect(2, " l1:t=2");
	expect_silence();
	unsubscribe(2, TOPIC_MEMBER, "t");
	expect(0, " l2:t=1 r7:complete:0/2:left.1,left.2:");
	expect_silence();
	members_end();
}

TEST(who_alone_is_no_member_any_more_owes_nothing)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	unsubscribe(1, TOPIC_MEMBER, "t");
	expect(0, " r7:complete:0/1:left.1:");
	expect_silence();
	members_end();
}

TEST(other_subscriptions_may_end_while_one_owes)
{
	members_begin();
	subscribe("01", TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_MEMBER, "u");
	subscribe("1", TOPIC_EXACT, "t");
	subscribe("1", TOPIC_PREFIX, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	unsubscribe(1, TOPIC_EXACT, "t");
	unsubscribe(1, TOPIC_PREFIX, "t");
	unsubscribe(1, TOPIC_MEMBER, "u");
	unsubscribe(1, TOPIC_MEMBER, "v");
	expect_silence();
	yes(1, 1, "a");
	expect(0, " r7:complete:1/1::a");
	members_end();
}

TEST(who_was_asked_as_a_subscriber_owes_until_it_goes)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_EXACT, "u");
	ck_assert_int_eq(ask_subscribers(0, 7, " t u"), 0);
	ck_assert_int_eq(ask_subscribers(0, 8, " t"), 0);
	memset(logs, 0, sizeof(logs));
	unsubscribe(1, TOPIC_MEMBER, "t");
	unsubscribe(1, TOPIC_EXACT, "u");
	unsubscribe(2, TOPIC_MEMBER, "t");
	expect(2, " l1:t=1");
	expect_silence();
	yes(1, 1, "a");
	no(2, 2);
	leave(2);
	expect(0, " r7:complete:1/2:left.2:a");
	leave(1);
	expect(0, " r8:complete:1/2:left.1:");
	members_end();
}

TEST(who_comes_back_as_a_member_does_not_owe_again)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	unsubscribe(1, TOPIC_MEMBER, "t");
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(give(1, 1, VERDICT_YES, "a"), 0);
	ck_assert_uint_eq(broker_stats(broker)->n_answers, 0);
	expect_silence();
	yes(2, 1, "b");
	expect(0, " r7:complete:1/2:left.1:b");
	members_end();
}

TEST(who_joins_later_is_not_asked)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	subscribe("2", TOPIC_MEMBER, "t");
	yes(2, 1, "b");
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_foreign, 1);
	yes(1, 1, "a");
	expect(0, " r7:complete:1/1::a");
	members_end();
}

TEST(when_the_asker_goes_nobody_hears_of_its_questions)
{
	members_begin();
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_STREAM, " t"), 0);
	ck_assert_int_eq(ask(3, 9, GATHER_LIST, " t"), 0);
	yes(1, 1, "a");
	memset(logs, 0, sizeof(logs));
	leave(0);
	ck_assert_uint_eq(broker_stats(broker)->n_abandoned, 2);
	ck_assert_uint_eq(members[1]->requests.n_debts, 1);
	yes(2, 1, "b");
	ck_assert_int_eq(give(2, 2, VERDICT_MORE, "b"), 0);
	ck_assert_uint_eq(broker_stats(broker)->n_late, 2);
	expect_silence();
	member_join(0);
	pass(100);
	expect(3, " r9:timeout:0/2:late.1,late.2:");
	expect_silence();
	members_end();
}

TEST(two_who_ask_one_another_may_both_go)
{
	members_begin();
	subscribe("01", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(1, 8, GATHER_LIST, " t"), 0);
	memset(logs, 0, sizeof(logs));
	leave(0);
	expect(1, " l0:t=1 r8:complete:0/1:left.0:");
	expect_silence();
	ck_assert_uint_eq(broker_stats(broker)->n_abandoned, 1);
	members_end();
}

TEST(strings_are_wanted_of_who_owes_a_union_within_the_limit)
{
	members_begin();
	subscribe("1", TOPIC_MEMBER, "t");
	ck_assert(!broker_wants_strings(broker, members[1], 1, 1));
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 7, GATHER_UNION, " t"), 0);
	ck_assert(!broker_wants_strings(broker, members[1], 1, 1));
	ck_assert(broker_wants_strings(broker, members[1], 2, 10));
	ck_assert(!broker_wants_strings(broker, members[1], 2, 11));
	ck_assert(!broker_wants_strings(broker, members[2], 2, 1));
	no(1, 2);
	ck_assert(!broker_wants_strings(broker, members[1], 2, 1));
	members_end();
}

TEST(questions_and_answers_are_counted)
{
	const struct broker_stats *stats;

	members_begin();
	stats = broker_stats(broker);
	subscribe("12", TOPIC_MEMBER, "t");
	ck_assert_int_eq(ask(0, 7, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(0, 8, GATHER_LIST, " t"), 0);
	ck_assert_int_eq(ask(1, 9, GATHER_LIST, " t"), 0);
	ck_assert_uint_eq(stats->n_asked, 3);
	ck_assert_uint_eq(stats->n_questions, 5);
	ck_assert_uint_eq(members[0]->stats.n_asked, 2);
	ck_assert_uint_eq(members[1]->stats.n_asked, 1);
	ck_assert_uint_eq(members[1]->stats.n_questions, 2);
	ck_assert_uint_eq(members[2]->stats.n_questions, 3);
	ck_assert_uint_eq(members[0]->requests.n_asked, 2);
	ck_assert_uint_eq(members[2]->requests.n_debts, 3);
	yes(1, 1, "a");
	no(2, 1);
	ck_assert_uint_eq(stats->n_answers, 2);
	pass(100);
	ck_assert_uint_eq(stats->n_timeouts, 2);
	ck_assert_uint_eq(stats->n_abandoned, 0);
	ck_assert_uint_eq(
	    stats->n_late + stats->n_doubled + stats->n_foreign, 0);
	ck_assert_uint_eq(stats->n_published + stats->n_delivered, 0);
	members_end();
}
