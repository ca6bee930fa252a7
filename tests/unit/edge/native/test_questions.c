#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "unit/rig/edges.h"

/* Members of "t" that have said all that comes with joining. */
#define JOIN_T "91a174"

static struct client *
join_topic(const char *name)
{
	struct client *c = join_as(name, CONTROL_MEMBER);

	say_frame(c, FRAME_SUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	settle();
	return c;
}

/* Forgets what has come. */
static void
skip_all(struct client *c)
{
	c->n_taken = c->n_got;
}

/* Asks the members of t: ask id 5, timeout of 1000 ms, payload "hi". */
#define LIST "94 05 a46c697374 cd03e8 c4026869"
#define UNION "94 05 a5756e696f6e cd03e8 c400"
#define FIRST "94 05 a56669727374 cd03e8 c400"
#define STREAM "94 05 a673747265616d cd03e8 c400"

static void
ask_members(struct client *c, const char *body)
{
	ask_of(c, 0, "t", body);
}

static void
answer(struct client *c, const char *body)
{
	say_frame(c, FRAME_ANSWER, 0, body);
	settle();
}

/* The next frame's body must be this, in hex. */
static void
expect_body(struct client *c, enum frame_type type, const char *body)
{
	struct buffer want = hex(body);
	struct frame f = next_frame(c);

	ck_assert_int_eq(f.type, type);
	ck_assert_uint_eq(f.body_len, want.len);
	ck_assert_mem_eq(f.body, want.data, want.len);
	free(want.data);
}

TEST(a_question_goes_to_the_members_and_the_answers_to_the_asker)
{
	struct client *a, *b, *c, *stranger;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	stranger = join_as("d", CONTROL_MEMBER);
	skip_all(a);
	skip_all(b);
	skip_all(c);
	ask_members(a, LIST);
	expect_body(b, FRAME_QUESTION, "93 01 c4026869 a46c697374");
	expect_body(c, FRAME_QUESTION, "93 01 c4026869 a46c697374");
	expect_nothing(stranger);
	answer(c, "93 01 01 c40163");
	expect_nothing(a);
	answer(b, "93 01 01 a162");
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 02 02 90"
	    "92 93 03 a163 c40163 93 02 a162 c40162");
	expect_nothing(a);
	expect_nothing(b);
	expect_nothing(c);
	end();
}

TEST(a_union_has_each_string_once)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, UNION);
	answer(b, "93 01 01 c405 92a178a179");
	answer(c, "93 01 01 c405 92a179a17a");
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 02 02 90 93 a178 a179 a17a");
	end();
}

TEST(the_first_yes_ends_it_and_all_no_is_unknown)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, FIRST);
	answer(b, "92 01 00");
	expect_nothing(a);
	answer(c, "93 01 01 c401c0");
	expect_body(a, FRAME_RESULT,
	    "96 05 a5666f756e64 02 02 90 91 93 03 a163 c401c0");
	ask_members(a, FIRST);
	answer(b, "92 02 00");
	answer(c, "92 02 00");
	expect_body(a, FRAME_RESULT, "96 05 a7756e6b6e6f776e 02 02 90 90");
	end();
}

TEST(the_parts_of_a_stream_come_before_its_result)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	ask_members(a, STREAM);
	answer(b, "93 01 02 c40102");
	expect_body(a, FRAME_PART, "93 05 02 c40102");
	answer(b, "93 01 02 c40103");
	answer(b, "93 01 01 c40104");
	expect_body(a, FRAME_PART, "93 05 02 c40103");
	expect_body(a, FRAME_PART, "93 05 02 c40104");
	expect_body(a, FRAME_RESULT, "96 05 a8636f6d706c657465 01 01 90 90");
	end();
}

static const struct {
	const char *said, *heard; /* as hex */
} failures[] = {
	{ "a7746f6f2d626967", "a7746f6f2d626967" },
	{ "ab756e656e636f6461626c65", "ab756e656e636f6461626c65" },
	{ "c40b756e656e636f6461626c65", "ab756e656e636f6461626c65" },
	{ "a0", "a66661696c6564" },
	{ "a46c656674", "a66661696c6564" },
};

TEST_EACH(a_worker_that_fails_to_answer_is_missing_with_its_reason, failures)
{
	char said[64], heard[128];
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, LIST);
	snprintf(said, sizeof(said), "93 01 03 %s", failures[row].said);
	snprintf(heard, sizeof(heard),
	    "96 05 a8636f6d706c657465 02 01 91 93 02 a162 %s 90",
	    failures[row].heard);
	answer(b, said);
	expect_nothing(a);
	answer(c, "92 01 00");
	expect_body(a, FRAME_RESULT, heard);
	end();
}

TEST(who_goes_is_missing_and_presence_is_told_first)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, LIST);
	answer(b, "93 01 01 c40162");
	hang_up(c);
	settle();
	ck_assert_int_eq(next_frame(a).type, FRAME_PRESENCE);
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 02 01"
	    "91 93 03 a163 a46c656674 91 93 02 a162 c40162");
	end();
}

TEST(an_answer_that_was_written_before_the_end_counts)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	ask_members(a, LIST);
	say_frame(b, FRAME_ANSWER, 0, "93 01 01 c40162");
	hang_up(b);
	settle();
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 01 01 90 91 93 02 a162 c40162");
	ck_assert_int_eq(next_frame(a).type, FRAME_PRESENCE);
	end();
}

TEST(who_answers_and_leaves_at_once_has_answered)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, LIST);
	say_frame(b, FRAME_ANSWER, 0, "93 01 01 c40162");
	say_frame(b, FRAME_UNSUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	say_frame(c, FRAME_UNSUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	settle();
	ck_assert_int_eq(next_frame(a).type, FRAME_PRESENCE);
	ck_assert_int_eq(next_frame(a).type, FRAME_PRESENCE);
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 02 01"
	    "91 93 03 a163 a46c656674 91 93 02 a162 c40162");
	end();
}

TEST(who_leaves_and_joins_again_at_once_has_joined)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	say_frame(b, FRAME_UNSUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	say_frame(b, FRAME_SUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	settle();
	skip_all(a);
	skip_all(b);
	ask_members(a, LIST);
	ck_assert_int_eq(next_frame(b).type, FRAME_QUESTION);
	end();
}

/* The kernel names a first, since it was readable before. */
TEST(who_leaves_takes_no_message_before_a_join_that_was_sent_before_it)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join();
	say_golden(a, "ping");
	say_frame(b, FRAME_SUBSCRIBE, 0, "91a175");
	publish(a, "u", 0, 7);
	say_frame(a, FRAME_UNSUBSCRIBE, FRAME_AS_MEMBER, JOIN_T);
	settle();
	ck_assert_int_eq(next_frame(b).type, FRAME_PUBLISH);
	end();
}

TEST(who_has_subscribed_to_one_of_the_topics_is_asked_once)
{
	struct client *a, *b, *c, *emitter;

	begin();
	a = join();
	b = join();
	c = join();
	emitter = join_as("cron", CONTROL_EMITTER);
	say_frame(b, FRAME_SUBSCRIBE, 0, "92a174a175");
	say_frame(c, FRAME_SUBSCRIBE, 0, "91a175");
	say_frame(emitter, FRAME_SUBSCRIBE, 0, "91a175");
	settle();
	ask_of(a, FRAME_TO_SUBSCRIBERS, "t", LIST);
	expect_body(b, FRAME_QUESTION, "93 01 c4026869 a46c697374");
	expect_nothing(c);
	ask_of(a, FRAME_TO_SUBSCRIBERS | FRAME_SEVERAL, "\x92\xa1t\xa1u",
	    "94 06 a46c697374 cd03e8 c4026869");
	ck_assert_uint_eq(next_frame(b).flags, 3);
	expect_nothing(b);
	ck_assert_uint_eq(next_frame(c).topic_len, 5);
	expect_nothing(emitter);
	end();
}

static const struct {
	uint8_t flags;
	const char *topic, *body, *code;
	bool is_fatal;
} refused[] = {
	{ 0, "t", "94 05 a46c697374 ff c400", "bad-timeout", false },
	{ 0, "t", "94 05 a46c697374 ce000493e1 c400", "bad-timeout", false },
	{ 0, "", LIST, "bad-topic", false },
	{ 0, "t", "90", "bad-body", true },
	{ FRAME_SEVERAL, "\x91\xa1t", LIST, "bad-flags", true },
	{ 4, "t", LIST, "bad-flags", true },
	{ 3, "t", LIST, "bad-topic", true },
};

TEST_EACH(a_question_that_can_not_be_asked_is_refused_by_name, refused)
{
	struct client *a, *b;

	begin();
	a = join();
	b = join_topic("b");
	skip_all(b);
	ask_of(a, refused[row].flags, refused[row].topic, refused[row].body);
	expect_nothing(b);
	ck_assert_uint_eq(conn_set_n_open(set), refused[row].is_fatal ? 1 : 2);
	if (!refused[row].is_fatal)
		ck_assert_uint_eq(a->got[a->n_got - 1], 5); /* the ask id */
	expect_error(a, refused[row].code, refused[row].is_fatal);
	end();
}

TEST(an_observer_may_not_ask)
{
	struct client *o;

	begin();
	o = join_as("stats", CONTROL_OBSERVER);
	ask_members(o, LIST);
	expect_error(o, "forbidden", false);
	end();
}

/* Asks the members of "t" with that ask id, which must be below 128. */
static void
ask_numbered(struct client *c, int ask_id)
{
	char body[64];

	snprintf(body, sizeof(body), "94 %02x a46c697374 cd03e8 c4026869",
	    (unsigned)ask_id);
	ask_members(c, body);
}

TEST(an_ask_id_that_is_taken_ends_the_connection_whatever_else_is_wrong)
{
	struct client *a, *b;

	begin();
	a = join();
	b = join_topic("b");
	skip_all(b);
	ask_numbered(a, 5);
	skip_all(b);
	ask_of(a, 0, "", LIST);
	expect_error(a, "bad-state", true);
	expect_nothing(b);
	ck_assert_uint_eq(conn_set_n_open(set), 1);
	end();
}

TEST(too_many_open_questions_are_refused_and_the_others_go_on)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join();
	skip_all(a);
	for (int i = 0; i < 8; i++)
		ask_numbered(a, i);
	expect_nothing(a);
	ask_numbered(a, 8);
	expect_error(a, "too-many-questions", false);
	for (int i = 0; i < 4; i++)
		ask_numbered(c, i);
	expect_nothing(c);
	skip_all(a);
	answer(b, "92 01 00");
	ck_assert_int_eq(next_frame(a).type, FRAME_RESULT);
	ask_numbered(c, 4);
	expect_nothing(c);
	ask_numbered(c, 5);
	expect_error(c, "too-many-questions", false);
	end();
}

/* Says a yes to the question with a payload of n bytes. */
static void
answer_much(struct client *c, uint8_t question, uint16_t n)
{
	struct msg_writer w = { 0 };
	uint8_t head[FRAME_HEADER_SIZE];
	uint8_t *payload = calloc(1, n);

	msg_put_array(&w, 3);
	msg_put_int(&w, question);
	msg_put_int(&w, 1);
	msg_put_bin(&w, payload, n);
	frame_write_head(head, FRAME_ANSWER, 0, NULL, 0, w.len);
	say(c, head, sizeof(head));
	say(c, w.data, w.len);
	settle();
	msg_writer_fini(&w);
	free(payload);
}

TEST(the_parts_of_a_stream_have_the_limit_of_its_asker_or_that_of_the_broker)
{
	struct client *a, *b, *c, *d;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	ask_members(a, "95 05 a673747265616d cd03e8 c400 02");
	answer(b, "93 01 02 c40102");
	expect_body(a, FRAME_PART, "93 05 02 c40102");
	answer(b, "93 01 02 c4020304");
	ck_assert_uint_eq(a->got[a->n_got - 1], 5);
	expect_error(a, "gather-too-big", false);
	c = join_topic("c");
	d = join_topic("d");
	skip_all(a);
	ask_members(a, "95 05 a673747265616d cd03e8 c400 ce7fffffff");
	answer_much(b, 2, 4096);
	ck_assert_int_eq(next_frame(a).type, FRAME_PART);
	answer_much(c, 2, 4096);
	ck_assert_int_eq(next_frame(a).type, FRAME_PART);
	answer_much(d, 2, 1);
	ck_assert_uint_eq(a->got[a->n_got - 1], 5);
	expect_error(a, "gather-too-big", false);
	end();
}

TEST(an_answer_over_the_limit_is_refused_and_its_giver_is_missing)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	skip_all(b);
	ask_members(a, LIST);
	ck_assert_int_eq(next_frame(b).type, FRAME_QUESTION);
	skip_all(b);
	answer_much(b, 1, 4097);
	expect_error(b, "answer-too-big", false);
	answer(c, "92 01 00");
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 02 01"
	    "91 93 02 a162 a7746f6f2d626967 90");
	end();
}

TEST(answers_over_the_limit_end_the_question_with_an_error)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	skip_all(a);
	ask_members(a, LIST);
	answer_much(b, 1, 4088);
	expect_nothing(a);
	answer_much(c, 1, 4096);
	ck_assert_uint_eq(a->got[a->n_got - 1], 5);
	expect_error(a, "gather-too-big", false);
	expect_nothing(a);
	ck_assert_uint_eq(request_n_gathered_bytes(broker_requests(broker)), 0);
	end();
}

TEST(what_is_late_doubled_or_foreign_is_counted_and_ends_nothing)
{
	struct client *a, *b, *c, *d;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join_topic("c");
	d = join();
	skip_all(a);
	ask_members(a, LIST);
	answer(b, "92 01 00");
	answer(b, "92 01 00");
	answer(d, "92 01 00");
	answer(a, "92 01 00");
	answer(c, "92 02 00");
	expect_nothing(a);
	answer(c, "92 01 00");
	ck_assert_int_eq(next_frame(a).type, FRAME_RESULT);
	answer(c, "92 01 00");
	ck_assert_uint_eq(broker_stats(broker)->n_doubled, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_foreign, 3);
	ck_assert_uint_eq(broker_stats(broker)->n_late, 1);
	ck_assert_uint_eq(conn_set_n_open(set), 4);
	end();
}

static const struct {
	const char *ask, *answer;
} misplaced[] = {
	{ LIST, "93 01 02 c400" },
	{ UNION, "93 01 01 c400" },
	{ UNION, "93 01 01 c40180" },
	{ UNION, "93 01 01 c4029101" },
	{ LIST, "93 01 07 c400" },
};

TEST_EACH(an_answer_that_its_question_can_not_have_ends_who_gave_it, misplaced)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	skip_all(b);
	ask_members(a, misplaced[row].ask);
	skip_all(b);
	answer(b, misplaced[row].answer);
	expect_error(b, "bad-body", true);
	expect_end(b);
	ck_assert_int_eq(next_frame(a).type, FRAME_PRESENCE);
	ck_assert_int_eq(next_frame(a).type, FRAME_RESULT);
	end();
}

TEST(junk_of_who_was_not_asked_is_counted_and_ignored)
{
	struct client *a, *b, *c;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	c = join();
	ask_members(a, UNION);
	answer(c, "93 01 01 c400");
	answer(b, "92 01 00");
	answer(b, "93 01 01 c400");
	ck_assert_uint_eq(broker_stats(broker)->n_foreign, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_late, 1);
	ck_assert_uint_eq(conn_set_n_open(set), 3);
	end();
}

TEST(an_answer_does_not_overtake_a_message_of_the_same_connection)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	ask_members(a, LIST);
	publish(b, "t", 0, 1);
	answer(b, "92 01 00");
	ck_assert_int_eq(next_frame(a).type, FRAME_PUBLISH);
	ck_assert_int_eq(next_frame(a).type, FRAME_RESULT);
	publish(a, "t", 0, 2);
	ask_members(a, LIST);
	ck_assert_int_eq(next_frame(b).type, FRAME_PRESENCE);
	ck_assert_int_eq(next_frame(b).type, FRAME_QUESTION);
	ck_assert_int_eq(next_frame(b).type, FRAME_PUBLISH);
	ck_assert_int_eq(next_frame(b).type, FRAME_QUESTION);
	end();
}

static void
ignore_drained(void *arg)
{
	(void)arg;
}

TEST(in_a_drain_who_has_closed_its_sending_side_owes_nothing)
{
	struct client *a, *b;

	begin();
	a = join_topic("a");
	b = join_topic("b");
	skip_all(a);
	ask_members(a, LIST);
	native_drain(native, ignore_drained, NULL);
	settle();
	ck_assert_int_eq(next_frame(a).type, FRAME_GOODBYE);
	expect_nothing(a);
	ck_assert_int_eq(shutdown(b->fd, SHUT_WR), 0);
	settle();
	expect_body(a, FRAME_RESULT,
	    "96 05 a8636f6d706c657465 01 00 91 93 02 a162 a46c656674 90");
	ask_members(a, LIST);
	expect_body(a, FRAME_RESULT, "96 05 a8636f6d706c657465 00 00 90 90");
	end();
}
