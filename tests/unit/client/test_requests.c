#include "pm2a.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/fake.h"
#include "wire/msg.h"

static struct fake fake;
static const struct pm2a_options defaults;
static const struct pm2a_bytes everyone = { "socket.io#/#", 12 };
static const struct pm2a_bytes rooms[] = { { "socket.io#/#room1#", 18 },
	{ "socket.io#/#room2#", 18 } };

static struct pm2a_stats
stats(void)
{
	struct pm2a_stats out;

	pm2a_get_stats(fake.p, &out);
	return out;
}

/* Asks everyone, and gives what pm2a_ask() gave. */
static int
ask_for(int timeout_ms)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	ask.timeout_ms = timeout_ms;
	return pm2a_ask(fake.p, &ask);
}

/* The ask id of the next ASK. */
static int64_t
heard_ask(void)
{
	struct frame f = fake_hear(&fake, FRAME_ASK);
	struct msg_tree *tree;
	int64_t id = -1;

	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_int(msg_at(msg_root(tree), 0), &id));
	msg_tree_free(tree);
	return id;
}

TEST(questions_are_the_golden_ones)
{
	struct buffer body =
	    hex("94a475696431a12fad637573746f6d52657175657374a46a6f686e");
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "");

	fake_connect(&fake, defaults);
	ask.body = pm2a_bytes(body.data, body.len);
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ask = fake_ask(&fake, rooms, "");
	ask.n_topics = 2;
	ask.to_subscribers = true;
	ask.gather = PM2A_GATHER_STREAM;
	ask.timeout_ms = PM2A_TIMEOUT_MAX_MS;
	for (int i = 2; i <= 4; i++)
		ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "ask-list");
	ck_assert_int_eq(heard_ask(), 2);
	ck_assert_int_eq(heard_ask(), 3);
	fake_hear_golden(&fake, "ask-several");
	ck_assert_uint_eq(stats().asked, 4);
	ck_assert_uint_eq(stats().open, 4);
	pm2a_free(fake.p);
	fake.p = NULL;
	free(body.data);
	for (int i = 0; i < 4; i++)
		fake_expect(&fake, "result 3 ");
	fake_stop(&fake);
}

TEST(a_question_ends_once_with_its_result)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	ck_assert_int_eq(heard_ask(), 1);
	fake_say_golden(&fake, "result-list");
	fake_expect(
	    &fake, "result outcome 0 of 3 answered 2 missing 1 answers 2");
	fake_say_golden(&fake, "result-list");
	fake_say_golden(&fake, "part");
	fake_say_golden(&fake, "error-ask");
	fake_expect_none(&fake);
	ck_assert_uint_eq(stats().open, 0);
	ck_assert_int_eq(pm2a_deadline_ms(fake.p), -1);
	ck_assert_uint_eq(stats().malformed, 0);
	fake_stop(&fake);
}

static void
look_at_list(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)p;
	(void)arg;
	ck_assert_int_eq(result->error, 0);
	ck_assert_str_eq(result->refusal, "");
	ck_assert_int_eq(result->outcome, PM2A_COMPLETE);
	ck_assert_uint_eq(result->n_missing, 1);
	ck_assert_uint_eq(result->missing[0].id, 9);
	ck_assert_str_eq(result->missing[0].name, "chat");
	ck_assert_str_eq(result->missing[0].reason, "left");
	ck_assert_uint_eq(result->n_answers, 2);
	ck_assert_uint_eq(result->answers[1].id, 8);
	ck_assert_str_eq(result->answers[0].name, "chat");
	ck_assert_str_eq(result->answers[1].name, "api");
	ck_assert_uint_eq(result->answers[1].body.len, 3);
	ck_assert_mem_eq(result->answers[1].body.data, "\xa2hi", 3);
	fake_note(&fake, "list");
}

static void
look_at_union(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)p;
	(void)arg;
	ck_assert_int_eq(result->outcome, PM2A_TIMEDOUT);
	ck_assert_str_eq(result->missing[0].reason, "timeout");
	ck_assert_uint_eq(result->n_answers, 2);
	ck_assert_uint_eq(result->answers[0].id, 0);
	ck_assert_str_eq(result->answers[0].name, "");
	ck_assert_mem_eq(result->answers[1].body.data, "room2", 5);
	fake_note(&fake, "union");
}

TEST(a_result_has_names_reasons_and_answers)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	fake_connect(&fake, defaults);
	ask.on_result = look_at_list;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ask.on_result = look_at_union;
	ask.gather = PM2A_GATHER_UNION;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "result-union");
	fake_expect(&fake, "union");
	fake_say_golden(&fake, "result-list");
	fake_expect(&fake, "list");
	fake_stop(&fake);
}

TEST(parts_come_before_the_result)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	fake_connect(&fake, defaults);
	ask.gather = PM2A_GATHER_STREAM;
	for (int i = 1; i <= 4; i++)
		ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ask.on_part = NULL;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "part");
	fake_say_golden(&fake, "part");
	fake_say(&fake, FRAME_PART, 0, "", "930507c4029101");
	fake_expect(&fake, "part of 7 2");
	fake_expect(&fake, "part of 7 2");
	fake_expect_none(&fake);
	fake_say(
	    &fake, FRAME_RESULT, 0, "", "9604a8636f6d706c657465 01 01 90 90");
	fake_expect(
	    &fake, "result outcome 0 of 1 answered 1 missing 0 answers 0");
	ck_assert_uint_eq(stats().open, 4);
	fake_stop(&fake);
}

TEST(a_refusal_of_a_question_is_told_to_the_asker_alone)
{
	fake_connect(&fake, defaults);
	for (int i = 1; i <= 7; i++)
		ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "error-ask");
	fake_expect(&fake, "result 4 too-many-questions");
	fake_expect_none(&fake);
	ck_assert_uint_eq(stats().open, 6);
	ck_assert_uint_eq(stats().refusals, 1);
	fake_stop(&fake);
}

TEST(an_open_question_is_lost_with_its_connection)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	ck_assert_int_eq(ask_for(0), 0);
	fake_hang_up(&fake);
	fake_expect(&fake, "result 2 ");
	fake_expect(&fake, "result 2 ");
	fake_expect(&fake, "disconnect 2");
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(there_is_nobody_to_ask_while_the_daemon_is_away)
{
	fake_start(&fake, defaults);
	fake_close_listener(&fake);
	ck_assert_int_eq(ask_for(0), 0);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	fake_expect(&fake, "result 1 ");
	fake_expect(&fake, "connect_error 1");
	ck_assert_int_eq(ask_for(0), PM2A_E_AWAY);
	ck_assert_uint_eq(stats().asked, 1);
	ck_assert_uint_eq(stats().queued_bytes, 0);
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_question_waits_for_the_attempt_that_is_made)
{
	struct pm2a_bytes topic = pm2a_str("t");

	fake_start(&fake, defaults);
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("1"), 0), 0);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	ck_assert_int_eq(ask_for(0), 0);
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("2"), 0), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	(void)fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_int_eq(heard_ask(), 1);
	ck_assert_int_eq(heard_ask(), 2);
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_stop(&fake);
}

TEST(a_question_that_waits_fails_with_the_attempt)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	ck_assert_int_eq(ask_for(0), 0);
	fake_hang_up(&fake);
	fake_expect(&fake, "result 1 ");
	fake_expect(&fake, "connect_error 2");
	fake_stop(&fake);
}

TEST(a_question_that_waits_expires_and_is_not_sent)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	ck_assert_int_eq(ask_for(100), 0);
	ck_assert_int_eq(ask_for(300), 0);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 100);
	(void)fake_after(&fake, 99);
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "result 1 ");
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	ck_assert_int_eq(heard_ask(), 2);
	fake_hear_nothing(&fake);
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_daemon_that_forgets_a_question_is_not_waited_for)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(ask_for(5000), 0);
	ck_assert_int_eq(ask_for(100), 0);
	ck_assert_int_eq(ask_for(200), 0);
	(void)fake_after(&fake, 1099);
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 1);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "result 5 ");
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 100);
	(void)fake_after(&fake, 100);
	fake_expect(&fake, "result 5 ");
	ck_assert_uint_eq(stats().open, 1);
	fake_stop(&fake);
}

TEST(questions_end_when_the_client_is_closed)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	pm2a_close(fake.p);
	fake_expect_none(&fake);
	ck_assert_int_eq(ask_for(0), PM2A_E_CLOSED);
	(void)fake_settle(&fake);
	fake_expect(&fake, "result 3 ");
	fake_say_golden(&fake, "result-list");
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_question_that_waits_ends_when_the_client_is_closed)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(ask_for(0), 0);
	pm2a_close(fake.p);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_expect(&fake, "result 3 ");
	ck_assert_uint_eq(stats().queued_bytes, 0);
	fake_stop(&fake);
}

TEST(a_daemon_without_questions_is_known_as_one)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, false, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_expect(&fake, "result 4 unsupported");
	ck_assert_int_eq(ask_for(0), PM2A_E_REFUSED);
	fake_stop(&fake);
}

TEST(questions_above_the_limits_are_refused_here)
{
	static char big[70000];
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "");

	fake_start(&fake, (struct pm2a_options){ .queue_max_bytes = 80000 });
	ask.body = pm2a_bytes(big, sizeof(big));
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), PM2A_E_FULL);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_expect(&fake, "result 7 ");
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), PM2A_E_TOO_BIG);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

static const struct {
	size_t n_topics;
	bool to_subscribers, is_empty, has_no_result;
	enum pm2a_gather gather;
	int timeout_ms;
} wrong[] = {
	{ .n_topics = 0 },
	{ .n_topics = 2 },
	{ .n_topics = 1, .is_empty = true },
	{ .n_topics = 2, .is_empty = true, .to_subscribers = true },
	{ .n_topics = 1, .has_no_result = true },
	{ .n_topics = 1, .gather = (enum pm2a_gather)4 },
	{ .n_topics = 1, .timeout_ms = -1 },
	{ .n_topics = 1, .timeout_ms = PM2A_TIMEOUT_MAX_MS + 1 },
};

TEST_EACH(wrong_questions_are_refused, wrong)
{
	struct pm2a_bytes topics[2] = { rooms[0], rooms[1] };
	struct pm2a_ask ask = fake_ask(&fake, topics, "x");

	fake_connect(&fake, defaults);
	ask.n_topics = wrong[row].n_topics;
	ask.to_subscribers = wrong[row].to_subscribers;
	ask.gather = wrong[row].gather;
	ask.timeout_ms = wrong[row].timeout_ms;
	if (wrong[row].is_empty)
		topics[wrong[row].n_topics - 1].len = 0;
	if (wrong[row].has_no_result)
		ask.on_result = NULL;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), PM2A_E_ARGUMENT);
	ck_assert_uint_eq(stats().asked, 0);
	fake_stop(&fake);
}

static void
ask_again(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)p;
	(void)arg;
	fake_note(&fake, "%d then %d", result->error, ask_for(0));
}

TEST(a_callback_may_ask_again)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	fake_connect(&fake, defaults);
	ask.on_result = ask_again;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "result-list");
	fake_expect(&fake, "0 then 0");
	fake_hang_up(&fake);
	ck_assert_uint_eq(stats().open, 0);
	fake_stop(&fake);
	ck_assert_uint_eq(fake.events.n - fake.events.n_read, 3);
}

static void
free_in_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)arg;
	fake_note(&fake, "freed %d", result->error);
	pm2a_free(p);
}

TEST(a_client_can_be_freed_in_a_result)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	fake_connect(&fake, defaults);
	ask.on_result = free_in_result;
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	close(fake.fd);
	fake.fd = -1;
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLIN), PM2A_E_CLOSED);
	fake.p = NULL;
	fake_stop(&fake);
	ck_assert_uint_eq(fake.events.n, 2);
}

static const uint64_t golden_question = 281474976710657;

TEST(a_question_is_answered_now_or_later)
{
	struct pm2a_bytes john = pm2a_str("\xaahello john");

	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question");
	fake_expect(&fake, "question 281474976710657 socket.io#/# 27 0");
	fake_say_golden(&fake, "question-room");
	fake_expect(&fake, "question 12 socket.io#/#room1# 21 0 subscribers");
	fake_hear_nothing(&fake);
	ck_assert_int_eq(pm2a_decline(fake.p, 12), 0);
	ck_assert_int_eq(pm2a_answer(fake.p, golden_question, john), 0);
	ck_assert_int_eq(
	    pm2a_answer(fake.p, golden_question, john), PM2A_E_GONE);
	ck_assert_int_eq(pm2a_decline(fake.p, 12), PM2A_E_GONE);
	ck_assert_int_eq(pm2a_decline(fake.p, 4711), PM2A_E_GONE);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "answer-no");
	fake_hear_golden(&fake, "answer-yes");
	fake_hear_nothing(&fake);
	ck_assert_uint_eq(stats().questions, 2);
	fake_stop(&fake);
}

TEST(only_a_stream_takes_parts)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question");
	ck_assert_int_eq(
	    pm2a_answer_more(fake.p, golden_question, pm2a_str("x")),
	    PM2A_E_ARGUMENT);
	fake_say(&fake, FRAME_QUESTION, 0, "t", "930cc400a673747265616d");
	ck_assert_int_eq(pm2a_answer_more(fake.p, 12, pm2a_str("\x91\x01")), 0);
	ck_assert_int_eq(pm2a_decline(fake.p, 12), 0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "answer-more");
	fake_hear_golden(&fake, "answer-no");
	fake_stop(&fake);
}

TEST(an_answer_that_is_too_big_leaves_the_question_open)
{
	static char big[70000];

	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question-room");
	ck_assert_int_eq(pm2a_answer(fake.p, 12, pm2a_bytes(big, sizeof(big))),
	    PM2A_E_TOO_BIG);
	ck_assert_int_eq(pm2a_decline(fake.p, 12), 0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "answer-no");
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(declining_after_an_answer_that_was_too_big_names_the_reason)
{
	static char big[70000];

	fake_connect(&fake, defaults);
	fake.has_failures = true;
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 2");
	fake_rejoin(&fake);
	fake_say_golden(&fake, "question-room");
	ck_assert_int_eq(pm2a_answer(fake.p, 12, pm2a_bytes(big, sizeof(big))),
	    PM2A_E_TOO_BIG);
	ck_assert_int_eq(pm2a_decline(fake.p, 12), 0);
	(void)fake_settle(&fake);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_golden(&fake, "answer-too-big");
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(an_answer_over_the_bound_waits_for_the_caller)
{
	static char big[5000];

	fake_connect(&fake, (struct pm2a_options){ .queue_max_bytes = 4096 });
	fake_say_golden(&fake, "question-room");
	ck_assert_int_eq(
	    pm2a_answer(fake.p, 12, pm2a_bytes(big, sizeof(big))), PM2A_E_FULL);
	ck_assert_int_eq(pm2a_answer(fake.p, 12, pm2a_str("x")), 0);
	fake_stop(&fake);
}

TEST(a_question_ends_with_its_connection)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question");
	fake_hang_up(&fake);
	ck_assert_int_eq(
	    pm2a_answer(fake.p, golden_question, pm2a_str("x")), PM2A_E_GONE);
	fake_stop(&fake);
}

TEST(a_question_is_answered_until_our_side_is_closed)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question-room");
	fake_say_golden(&fake, "goodbye");
	ck_assert_int_eq(pm2a_decline(fake.p, 12), PM2A_E_GONE);
	fake_stop(&fake);
}

TEST(the_library_declines_where_nobody_listens)
{
	fake_start(&fake, defaults);
	pm2a_free(fake.p);
	ck_assert_int_eq(
	    pm2a_new(&(struct pm2a_options){ .socket = fake.path }, &fake.p),
	    0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_say_golden(&fake, "question-room");
	fake_hear_golden(&fake, "answer-no");
	fake_stop(&fake);
}

TEST(the_same_question_twice_is_malformed)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "question");
	fake_expect(&fake, "question 281474976710657 socket.io#/# 27 0");
	fake_say_golden(&fake, "question");
	fake_expect(&fake, "disconnect 10");
	fake_stop(&fake);
}

TEST(a_thousand_questions_find_their_results)
{
	struct msg_writer w = { 0 };
	char hexed[64];

	fake_start(&fake, defaults);
	fake.events = (struct events){ .n = 0 };
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 1 << 20, 0);
	(void)fake_hear(&fake, FRAME_PING);
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(ask_for(0), 0);
	(void)fake_settle(&fake);
	ck_assert_uint_eq(stats().open, 1000);
	for (int i = 1000; i >= 1; i--) {
		ck_assert_int_eq(snprintf(hexed, sizeof(hexed),
				     "96cd%04xa8636f6d706c65746500009090", i),
		    34);
		fake_say(&fake, FRAME_RESULT, 0, "", hexed);
		fake_expect(&fake,
		    "result outcome 0 of 0 answered 0 missing 0 answers 0");
	}
	ck_assert_uint_eq(stats().open, 0);
	msg_writer_fini(&w);
	fake_stop(&fake);
}

/*
 * Everything that a client does, with allocation number n failing. Whatever
 * fails, each question ends once, each refusal is -ENOMEM, and the client can
 * go on.
 */
static size_t n_taken, n_ended;

static void
count_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)p;
	(void)result;
	(void)arg;
	n_ended++;
}

static void
count_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	(void)p;
	(void)reply;
	(void)arg;
	n_ended++;
}

static void
request_stats(void)
{
	int r = pm2a_stats(
	    fake.p, &(struct pm2a_stats_request){ .on_reply = count_reply });

	ck_assert(r == 0 || r == -ENOMEM || r == PM2A_E_AWAY);
	n_taken += r == 0;
}

static void
expect_memory(int r)
{
	ck_assert_msg(
	    r == 0 || r == -ENOMEM || r == PM2A_E_AWAY, "a result of %d", r);
}

static void
live(const struct msg_writer *says)
{
	struct pm2a_ask ask = fake_ask(&fake, rooms, "x");
	struct pm2a_emit emit = { .event = "e", .rooms = rooms, .n_rooms = 2 };
	int r;

	ask.n_topics = 2;
	ask.to_subscribers = true;
	ask.on_result = count_result;
	expect_memory(pm2a_subscribe(fake.p, PM2A_EXACT, everyone));
	expect_memory(pm2a_publish(fake.p, rooms, 2, pm2a_str("x"), 0));
	for (int i = 0; i < 3; i++) {
		r = pm2a_ask(fake.p, &ask);
		expect_memory(r);
		n_taken += r == 0;
		request_stats();
		expect_memory(pm2a_dispatch(fake.p, POLLIN | POLLOUT));
		fake.fd =
		    fake.fd >= 0 ? fake.fd : accept(fake.listener, NULL, NULL);
		if (i == 0 && fake.fd >= 0)
			(void)!send(fake.fd, says->data, says->len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		expect_memory(
		    pm2a_subscribe(fake.p, PM2A_PREFIX, rooms[i % 2]));
		expect_memory(pm2a_unsubscribe(fake.p, PM2A_EXACT, everyone));
		expect_memory(pm2a_emit(fake.p, &emit));
		r = pm2a_answer(fake.p, golden_question, pm2a_str("x"));
		ck_assert(r == 0 || r == -ENOMEM || r == PM2A_E_GONE);
	}
}

static size_t
live_without(int64_t n, bool once)
{
	static const char *const names[] = { "welcome", "pong", "publish-all",
		"publish-several", "presence-joined", "question", "ping",
		"error", "result-list", "part", "stats-reply" };
	struct vectors vectors = vectors_read();
	struct msg_writer says = { 0 };
	size_t n_allocations;

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		const struct vector *v = vector_find(&vectors, names[i]);

		msg_put_raw(&says, v->frame.data, v->frame.len);
	}
	fake_start(&fake, defaults);
	n_taken = n_ended = 0;
	(void)fake_fail_allocations(n, once);
	live(&says);
	n_allocations = fake_fail_allocations(-1, false);
	ck_assert_uint_ge(n_taken - n_ended, stats().open);
	pm2a_free(fake.p);
	fake.p = NULL;
	ck_assert_uint_eq(n_taken, n_ended);
	fake_stop(&fake);
	msg_writer_fini(&says);
	vectors_free(&vectors);
	return n_allocations;
}

TEST(no_allocation_that_fails_does_harm)
{
	size_t n = live_without(-1, false);

	ck_assert_uint_gt(n, 30);
	ck_assert_uint_ge(n_taken, 3);
	for (size_t i = 0; i < n; i++) {
		(void)live_without((int64_t)i, true);
		(void)live_without((int64_t)i, false);
	}
}

TEST(a_connection_that_had_no_memory_is_made_again)
{
	fake_connect(&fake, defaults);
	(void)fake_fail_allocations(0, false);
	ck_assert_int_eq(send(fake.fd, "\0\0\0\4\x40\0\0\0", 8, 0), 8);
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLIN), -ENOMEM);
	(void)fake_fail_allocations(-1, false);
	ck_assert_int_eq(pm2a_fd(fake.p), -1);
	fake_expect(&fake, "disconnect -12");
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	fake_expect(&fake, "connect fake/1 7");
	fake_stop(&fake);
}

TEST(a_refusal_before_welcome_ends_a_question_that_was_not_sent)
{
	fake_start(&fake, defaults);
	fake_settle(&fake);
	ck_assert_int_eq(ask_for(1000), 0);
	fake_say(&fake, FRAME_ERROR, 0, "", "94 a178 a179 c2 01");
	ck_assert_uint_eq(fake.events.n, 1);
	fake_welcome(&fake, true, 1 << 20, 0);
	ck_assert_int_eq(fake_settle(&fake), 0);
	fake_stop(&fake);
}

static void
free_client(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	struct fake *the = arg;

	ck_assert_int_eq(result->error, PM2A_E_CLOSED);
	pm2a_free(p);
	the->p = NULL;
}

TEST(a_callback_may_free_what_is_about_to_finish)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");

	ask.on_result = free_client;
	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	ck_assert_int_eq(pm2a_finish(fake.p, 1000), PM2A_E_CLOSED);
	ck_assert_ptr_null(fake.p);
	fake_stop(&fake);
}

static void
stop_running(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)result;
	(void)arg;
	pm2a_stop(p);
}

/* Another process reads what is sent, as the daemon would. */
TEST(what_a_callback_stops_is_finished_all_the_same)
{
	struct pm2a_ask ask = fake_ask(&fake, &everyone, "x");
	char bytes[256];
	pid_t child;

	ask.on_result = stop_running;
	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct pollfd pfd = { .fd = fake.fd, .events = POLLIN };

		close(pm2a_fd(fake.p));
		while (poll(&pfd, 1, 5000) == 1 &&
		       read(fake.fd, bytes, sizeof(bytes)) > 0)
			continue;
		_exit(0);
	}
	close(fake.fd);
	fake.fd = -1;
	ck_assert_int_eq(pm2a_finish(fake.p, 5000), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	fake_stop(&fake);
}
