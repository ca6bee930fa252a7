#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stats/closed.h"
#include "unit/rig/edges.h"

TEST(every_cut_of_a_conversation_gives_the_same_answers)
{
	static const char *const said[] = { "hello-least", "subscribe-rooms",
		"subscribe-member", "ping", "unsubscribe-room", "ping-empty" };
	uint8_t all[1024];
	size_t len = 0, wanted = 0;

	golden = vectors_read();
	for (size_t i = 0; i < N_ELEMENTS(said); i++) {
		const struct vector *v = vector_find(&golden, said[i]);

		memcpy(all + len, v->frame.data, v->frame.len);
		len += v->frame.len;
	}
	vectors_free(&golden);
	for (size_t cut = 0; cut < len; cut++) {
		struct client *c;

		begin();
		c = dial();
		if (cut > 0)
			say(c, all, cut);
		turn();
		say(c, all + cut, len - cut);
		settle();
		ck_assert(cut == 0 || c->n_got >= wanted - 8);
		wanted = c->n_got;
		ck_assert_uint_eq(next_frame(c).type, FRAME_WELCOME);
		ck_assert_uint_eq(next_frame(c).type, FRAME_PRESENCE);
		ck_assert_uint_eq(next_frame(c).type, FRAME_PONG);
		ck_assert_uint_eq(next_frame(c).type, FRAME_PONG);
		expect_nothing(c);
		end();
	}
}

TEST(a_delivery_is_byte_for_byte_what_was_published)
{
	static const char *const said[] = { "publish-room", "publish-several" };
	struct client *a, *b, *other;

	begin();
	a = join();
	b = join();
	other = join();
	say_golden(b, "subscribe-rooms");
	settle();
	for (size_t i = 0; i < N_ELEMENTS(said); i++) {
		const struct vector *v = vector_find(&golden, said[i]);

		say_golden(a, said[i]);
		settle();
		expect_frame(b, v->frame.data, v->frame.len);
	}
	expect_nothing(a);
	expect_nothing(b);
	expect_nothing(other);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 2);
	end();
}

TEST(runs_of_one_topic_and_changes_of_topic_keep_the_order)
{
	static const char *const topics[] = { "t", "t", "t", "u", "t", "u", "u",
		"nobody", "t" };
	struct client *a, *b;
	uint8_t out[4096];
	size_t len = 0;

	begin();
	a = join();
	b = join();
	say(b, "\0\0\0\x9\3\0\0\0\x92\xa1t\xa1u", 13);
	settle();
	for (uint32_t i = 0; i < 90; i++)
		len += put_publish(out + len, topics[i % 9], i % 5 == 0, i);
	say(a, out, len);
	settle();
	for (uint32_t i = 0; i < 90; i++) {
		struct frame f;
		uint32_t number;

		if (i % 9 == 7)
			continue;
		f = next_frame(b);
		memcpy(&number, f.body, sizeof(number));
		ck_assert_uint_eq(number, i);
		ck_assert_uint_eq(f.topic[0], topics[i % 9][0]);
		ck_assert_uint_eq(f.flags, i % 5 == 0);
	}
	expect_nothing(b);
	ck_assert_uint_eq(broker_stats(broker)->n_published, 90);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 80);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 10);
	end();
}

TEST(a_run_that_is_larger_than_a_queue_may_be_cuts_nobody)
{
	const struct conn_limits narrow = { 8192, 8192, 3600000, 0 };
	struct native_settings small = settings;
	struct client *a, *b;
	uint8_t *out = calloc(1, 60000);
	size_t len = 0;

	begin();
	small.max_frame = 4096;
	native_configure(native, &small);
	conn_set_limit(set, &narrow);
	a = join();
	b = join();
	say(b, "\0\0\0\x7\3\0\0\0\x91\xa1t", 11);
	settle();
	while (len < 50000)
		len += 1000 + frame_write_head(
				  out + len, FRAME_PUBLISH, 0, "t", 1, 1000);
	say(a, out, len);
	settle();
	ck_assert_uint_eq(conn_set_n_open(set), 2);
	ck_assert_uint_eq(b->n_got - b->n_taken, len);
	ck_assert_mem_eq(b->got + b->n_taken, out, len);
	free(out);
	end();
}

/*
 * The kernel names b first, since it was readable before; its message came
 * after the subscription nevertheless.
 */
TEST(a_subscription_is_in_force_for_what_another_publishes_after_it)
{
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	say_golden(b, "ping");
	turn();
	say_golden(a, "subscribe-rooms");
	say_golden(b, "publish-room");
	settle();
	ck_assert_uint_eq(next_frame(a).type, FRAME_PUBLISH);
	end();
}

TEST(answers_keep_the_order_of_what_they_answer)
{
	/* PING 1, an empty topic, a membership, PING 2, an unknown section,
	 * PING 3 */
	struct buffer said = hex("00000005 40000000 31"
				 "00000004 10000000"
				 "00000007 03020000 91a174"
				 "00000005 40000000 32"
				 "00000010 50000000 81a873656374696f6e7391a0"
				 "00000005 40000000 33");
	struct client *c;

	begin();
	c = join();
	say(c, said.data, said.len);
	settle();
	ck_assert_uint_eq(next_frame(c).body[0], '1');
	expect_error(c, "bad-topic", false);
	ck_assert_uint_eq(next_frame(c).type, FRAME_PRESENCE);
	ck_assert_uint_eq(next_frame(c).body[0], '2');
	expect_error(c, "bad-body", false);
	ck_assert_uint_eq(next_frame(c).body[0], '3');
	expect_nothing(c);
	free(said.data);
	end();
}

static const struct {
	const char *last; /* that the publisher says */
	const char *code; /* of the ERROR, if any */
} ends[] = {
	{ "", NULL },
	{ "00000004 21000000", "unknown-type" },
	{ "00000005 03000000 c0", "bad-body" },
};

TEST_EACH(what_came_before_the_end_is_done_whatever_the_end, ends)
{
	struct buffer last = hex(ends[row].last);
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	say_golden(a, "ping");
	publish(a, "t", 0, 1);
	say(a, last.data, last.len);
	shutdown(a->fd, SHUT_WR);
	settle();
	ck_assert_uint_eq(next_frame(a).type, FRAME_PONG);
	if (ends[row].code != NULL)
		expect_error(a, ends[row].code, true);
	expect_nothing(a);
	expect_end(a);
	ck_assert_uint_eq(next_frame(b).type, FRAME_PUBLISH);
	expect_nothing(b);
	free(last.data);
	end();
}

TEST(what_a_client_said_before_it_died_is_delivered)
{
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	say_golden(a, "ping");
	turn();
	turn();
	/* It dies with the PONG unread. */
	publish(a, "t", 0, 1);
	hang_up(a);
	settle();
	ck_assert_uint_eq(next_frame(b).type, FRAME_PUBLISH);
	ck_assert_uint_eq(closed_n(hub_closed(hub), &conn_reset), 1);
	end();
}

TEST(join_then_emit_holds_within_one_read)
{
	struct client *a, *b;
	uint8_t out[64];
	size_t len;

	begin();
	a = join();
	b = join();
	say(a, "\0\0\0\x7\3\0\0\0\x91\xa1t", 11);
	len = put_publish(out, "news", 0, 1);
	say(a, out, len);
	settle();
	len = put_publish(out, "t", 0, 2);
	say(b, out, len);
	settle();
	ck_assert_uint_eq(next_frame(a).topic_len, 1);
	end();
}

static const struct refused {
	const char *frame;
	const char *code;
	bool fatal;
} refusals[] = {
	{ "00000003 100000", "bad-frame", true },
	{ "00000004 10000001", "bad-frame", true },
	{ "00000004 02000000", "unknown-type", true },
	{ "00000004 21000000", "unknown-type", true },
	{ "00000004 40010000", "bad-flags", true },
	{ "00000005 03030000 90", "bad-flags", true },
	{ "00000005 40000001 78", "bad-topic", true },
	{ "00000004 03000000", "bad-body", true },
	{ "00000009 03000000 ddffffffff", "bad-body", true },
	{ "00000006 03000000 9101", "bad-body", true },
	{ "00000005 10020001 01", "bad-topic", true },
	{ "00000004 10000000", "bad-topic", false },
	{ "00000006 03000000 91a0", "bad-topic", false },
	{ "00200000 03000000", "frame-too-big", true },
	{ "00000005 50000000 01", "bad-body", true },
};

TEST_EACH(a_refusal_names_its_code_and_ends_only_who_is_broken, refusals)
{
	const struct refused *r = &refusals[row];
	struct buffer frame = hex(r->frame);
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	say(a, frame.data, frame.len);
	say_golden(b, "ping");
	settle();
	expect_error(a, r->code, r->fatal);
	if (r->fatal) {
		expect_end(a);
	} else {
		say_golden(a, "ping");
		settle();
		ck_assert_uint_eq(next_frame(a).type, FRAME_PONG);
	}
	ck_assert_uint_eq(next_frame(b).type, FRAME_PONG);
	ck_assert_uint_eq(conn_set_n_open(set), r->fatal ? 1 : 2);
	free(frame.data);
	end();
}

TEST(an_oversize_publish_is_read_past_and_the_connection_goes_on)
{
	const size_t body = (2 << 20) - 4;
	uint8_t head[8], *zeros = calloc(1, 65536);
	struct client *c;

	begin();
	c = join();
	frame_write_head(head, FRAME_PUBLISH, 0, "", 0, body);
	say(c, head, sizeof(head));
	for (size_t sent = 0; sent < body; sent += 65536) {
		size_t part = body - sent < 65536 ? body - sent : 65536;

		say(c, zeros, part);
		settle();
		ck_assert_uint_le(blob_total_bytes(), 4 * BLOB_CHUNK);
	}
	say_golden(c, "ping");
	settle();
	expect_error(c, "frame-too-big", false);
	ck_assert_uint_eq(next_frame(c).type, FRAME_PONG);
	free(zeros);
	end();
}

TEST(who_speaks_another_protocol_hears_it_at_once)
{
	struct client *c;

	begin();
	c = dial();
	say(c, "GET / HTTP/1.1\r\n", 16);
	settle();
	expect_error(c, "hello-expected", true);
	expect_end(c);
	end();
}

static const struct {
	const char *frame;
	const char *code;
} beginnings[] = {
	{ "00000004 40000000", "hello-expected" },
	{ "00000004 10000000", "hello-expected" },
	{ "00000400 1000", NULL },
	{ "00000400 10000001", "hello-expected" },
	{ "00000004 01000000", "bad-body" },
	{ "00000005 01000000 90", "bad-body" },
	{ "00000005 01000000 80", "bad-hello" },
	{ "0000000f 01000000 81a870726f746f636f6c01", "bad-hello" },
	{ "00000016 01000000 82a870726f746f636f6c02 a46e616d65a161",
	    "bad-version" },
	{ "00000005 01010000 80", "bad-flags" },
	{ "00000005 01000001 80", "bad-topic" },
	{ "00001000 01000000", NULL },
	{ "00001001 01000000", "frame-too-big" },
	{ "00000003 01000000", "bad-frame" },
};

TEST_EACH(a_conversation_begins_with_hello_or_ends, beginnings)
{
	struct buffer frame = hex(beginnings[row].frame);
	struct client *c;

	begin();
	c = dial();
	say(c, frame.data, frame.len);
	settle();
	if (beginnings[row].code != NULL) {
		expect_error(c, beginnings[row].code, true);
		expect_end(c);
		ck_assert_uint_eq(conn_set_n_open(set), 0);
	} else {
		expect_nothing(c);
		ck_assert_uint_eq(conn_set_n_open(set), 1);
	}
	ck_assert_uint_eq(broker_n_members(broker), 0);
	free(frame.data);
	end();
}

TEST(a_second_hello_ends_the_conversation)
{
	struct client *c;

	begin();
	c = join();
	say_golden(c, "hello-least");
	settle();
	expect_error(c, "bad-state", true);
	expect_end(c);
	end();
}

#define AS_MEMBER "00000007 03020000 91a174"
#define EXACTLY "00000007 03000000 91a174"
#define BY_PREFIX "00000007 03010000 91a174"
#define PUBLISH "00000005 10000001 74"

static const struct {
	enum control_role role;
	const char *frame;
	bool is_allowed;
} rights[] = {
	{ CONTROL_MEMBER, AS_MEMBER, true },
	{ CONTROL_MEMBER, EXACTLY, true },
	{ CONTROL_MEMBER, BY_PREFIX, true },
	{ CONTROL_MEMBER, PUBLISH, true },
	{ CONTROL_EMITTER, AS_MEMBER, false },
	{ CONTROL_EMITTER, EXACTLY, true },
	{ CONTROL_EMITTER, BY_PREFIX, true },
	{ CONTROL_EMITTER, PUBLISH, true },
	{ CONTROL_OBSERVER, AS_MEMBER, false },
	{ CONTROL_OBSERVER, EXACTLY, true },
	{ CONTROL_OBSERVER, BY_PREFIX, true },
	{ CONTROL_OBSERVER, PUBLISH, false },
};

TEST_EACH(a_role_may_do_what_the_protocol_says, rights)
{
	struct buffer frame = hex(rights[row].frame);
	struct client *a, *b;
	size_t done;

	begin();
	a = join_as("a", rights[row].role);
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	say(a, frame.data, frame.len);
	settle();
	done = a->n_got == a->n_taken || a->got[a->n_taken + 4] != FRAME_ERROR;
	ck_assert_uint_eq(done, rights[row].is_allowed);
	if (!rights[row].is_allowed)
		expect_error(a, "forbidden", false);
	done = topic_n_subscriptions(broker_topics(broker)) - 1 +
	       broker_stats(broker)->n_delivered;
	ck_assert_uint_eq(done, rights[row].is_allowed);
	ck_assert_uint_eq(conn_set_n_open(set), 2);
	free(frame.data);
	end();
}

static void
limit(size_t topic_bytes, uint32_t n_subscriptions)
{
	struct native_settings small = settings;
	const struct broker_limits core = {
		.topic_max_bytes = topic_bytes,
		.subscriptions_max = n_subscriptions,
	};

	small.topic_max_bytes = topic_bytes;
	small.subscriptions_max = n_subscriptions;
	native_configure(native, &small);
	broker_set_limits(broker, &core);
}

TEST(a_topic_that_is_too_long_is_refused_and_the_others_are_taken)
{
	struct client *c;

	begin();
	limit(3, 1000);
	c = join();
	say_frame(c, FRAME_SUBSCRIBE, 0, "94 a161 a461626364 a0 a3616263");
	settle();
	expect_error(c, "bad-topic", false);
	expect_error(c, "topic-too-long", false);
	expect_nothing(c);
	ck_assert_uint_eq(topic_n_exact(broker_topics(broker)), 2);
	end();
}

TEST(subscriptions_over_the_limit_are_refused_until_there_is_room)
{
	struct client *c;

	begin();
	limit(4096, 2);
	c = join();
	say_frame(c, FRAME_SUBSCRIBE, 0, "93 a161 a162 a163");
	settle();
	expect_error(c, "too-many-subscriptions", false);
	say_frame(c, FRAME_UNSUBSCRIBE, 0, "91 a161");
	say_frame(c, FRAME_SUBSCRIBE, 0, "91 a163");
	settle();
	expect_nothing(c);
	ck_assert_ptr_null(topic_find(broker_topics(broker), "a", 1));
	ck_assert_ptr_nonnull(topic_find(broker_topics(broker), "c", 1));
	end();
}

static const struct {
	const char *frame;
	const char *code;
} unroutable[] = {
	{ "00000008 10000004 61616161", "topic-too-long" },
	{ "00000004 10000000", "bad-topic" },
	{ "00000007 10020003 91a174", NULL },
	{ "00000008 10020004 92a174a0", "bad-topic" },
	{ "0000000c 10020008 92a174a461616161", "topic-too-long" },
};

TEST_EACH(nobody_gets_a_message_of_which_one_topic_is_refused, unroutable)
{
	struct buffer frame = hex(unroutable[row].frame);
	struct client *a, *b;

	begin();
	limit(3, 1000);
	a = join();
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, FRAME_BY_PREFIX, "91a0");
	settle();
	say(a, frame.data, frame.len);
	settle();
	if (unroutable[row].code != NULL)
		expect_error(a, unroutable[row].code, false);
	else
		expect_frame(b, frame.data, frame.len);
	expect_nothing(a);
	expect_nothing(b);
	free(frame.data);
	end();
}

TEST(who_has_unsubscribed_gets_nothing_more)
{
	static const uint8_t flags[] = { 0, FRAME_BY_PREFIX, FRAME_AS_MEMBER };
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	for (size_t i = 0; i < N_ELEMENTS(flags); i++)
		say_frame(b, FRAME_SUBSCRIBE, flags[i], "91a174");
	settle();
	ck_assert_uint_eq(next_frame(b).type, FRAME_PRESENCE);
	for (size_t i = 0; i < N_ELEMENTS(flags); i++) {
		publish(a, "t", 0, (uint32_t)i);
		settle();
		ck_assert_uint_eq(next_frame(b).type, FRAME_PUBLISH);
		say_frame(b, FRAME_UNSUBSCRIBE, flags[i], "91a174");
		settle();
	}
	publish(a, "t", 0, 7);
	settle();
	expect_nothing(b);
	end();
}

TEST(a_ping_is_echoed_up_to_its_limit)
{
	uint8_t ping[FRAME_HEADER_SIZE + 1025] = { 0 };
	struct client *c;
	struct frame f;

	begin();
	c = join();
	frame_write_head(ping, FRAME_PING, 0, NULL, 0, 1024);
	ping[FRAME_HEADER_SIZE + 1023] = 0x5a;
	say(c, ping, FRAME_HEADER_SIZE + 1024);
	settle();
	f = next_frame(c);
	ck_assert_uint_eq(f.type, FRAME_PONG);
	ck_assert_uint_eq(f.body_len, 1024);
	ck_assert_mem_eq(f.body, ping + FRAME_HEADER_SIZE, 1024);
	frame_write_head(ping, FRAME_PING, 0, NULL, 0, 1025);
	say(c, ping, FRAME_HEADER_SIZE + 1025);
	settle();
	expect_error(c, "bad-body", true);
	expect_end(c);
	end();
}

TEST(a_pong_is_taken_without_a_word)
{
	struct client *c;

	begin();
	c = join();
	say_golden(c, "pong");
	settle();
	expect_nothing(c);
	ck_assert_uint_eq(conn_set_n_open(set), 1);
	end();
}

/* Turns until the broker has seen n messages; nobody reads meanwhile. */
static void
route(uint64_t n)
{
	while (broker_stats(broker)->n_published < n)
		turn();
}

/* Publishes a frame of so many bytes to t. */
static void
publish_large(struct client *c, size_t size)
{
	uint8_t *out = calloc(1, size);

	frame_write_head(
	    out, FRAME_PUBLISH, 0, "t", 1, size - FRAME_HEADER_SIZE - 1);
	say(c, out, size);
	free(out);
}

TEST(a_volatile_message_is_dropped_for_who_does_not_keep_up)
{
	const struct conn_limits limits = { 64 << 20, 0, 3600000, 0 };
	/* More in all than a socket buffers. */
	enum { SIZE = 65536, N = 32 };
	struct client *a, *b;

	begin();
	conn_set_limit(set, &limits);
	a = join();
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	for (uint64_t i = 0; i < N; i++) {
		publish_large(a, SIZE);
		route(i + 1);
	}
	publish(a, "t", FRAME_VOLATILE, 1);
	route(N + 1);
	ck_assert_uint_eq(broker_stats(broker)->n_refused, 1);
	publish(a, "t", 0, 2);
	settle();
	ck_assert_uint_eq(broker_stats(broker)->n_refused, 1);
	for (int i = 0; i < N; i++)
		ck_assert_uint_eq(next_frame(b).size, SIZE);
	ck_assert_uint_eq(next_frame(b).flags, 0);
	expect_nothing(b);
	publish(a, "t", FRAME_VOLATILE, 3);
	settle();
	ck_assert_uint_eq(next_frame(b).flags, FRAME_VOLATILE);
	end();
}

TEST(who_does_not_read_is_cut_and_the_others_get_everything)
{
	const struct conn_limits limits = { 1 << 20, 1 << 20, 3600000, 0 };
	struct client *a, *slow, *good;
	uint32_t n = 0;

	begin();
	conn_set_limit(set, &limits);
	a = join();
	slow = join();
	good = join();
	say_frame(slow, FRAME_SUBSCRIBE, 0, "91a174");
	say_frame(good, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	for (; conn_set_n_open(set) == 3 && n < 100; n++) {
		publish_large(a, 65536);
		route(n + 1);
		read_some(good);
	}
	ck_assert_uint_eq(conn_set_n_open(set), 2);
	ck_assert_uint_eq(closed_n(hub_closed(hub), &conn_slow_consumer), 1);
	publish(a, "t", 0, n);
	settle();
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(next_frame(good).size, 65536);
	ck_assert_uint_eq(next_frame(good).body_len, sizeof(n));
	expect_nothing(good);
	end();
}
