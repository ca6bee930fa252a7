#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/redis/client.h"
#include "unit/rig/redis.h"

/* Messages of native workers as clients of Redis get them. */

/* A client that has sent these words. */
static struct client *
dial_and_say(const char *text)
{
	struct client *c = dial_redis();

	say(c, text, strlen(text));
	settle();
	c->n_taken = c->n_got;
	return c;
}

#define CLASSIC "PSUBSCRIBE k#/#*\r\nSUBSCRIBE k-request#/#\r\n"

/* Bodies, as of tests/vectors/adapter.txt. */
#define ENCODED "94 a175 c0 c0 a8325b2268222c315d" /* 2["h",1] */
#define PACKET                                                               \
	"93 a175 83 a474797065 02 a464617461 dd00000002 a168 01 a36e7370 a1" \
	"2f 83 a5726f6f6d73 90 a6657863657074 90 a5666c616773 80"
#define BROKEN "94 a175 c0 c0 a8325b2268222c3f5d" /* 2["h",?] */
#define COMMAND                                                               \
	"93 a175 83 a36e7370 a12f a3636d64 ac736f636b6574734c65617665 a5726f" \
	"6f6d73 91 a161 83 a5726f6f6d73 90 a6657863657074 90 a5666c616773 80"
#define PLAIN "93 a175 82 a474797065 02 a464617461 91 a168 80"

static const char request[] =
    "{\"uid\":\"u\",\"type\":3,\"opts\":{\"rooms\":[],\"except\":[]},"
    "\"rooms\":[\"a\"]}";

static void
send_frame(struct client *c, enum frame_type type, uint8_t flags,
    const char *topic, const void *body, size_t len)
{
	uint8_t head[256];

	say(c, head,
	    frame_write_head(head, type, flags, topic, strlen(topic), len));
	say(c, body, len);
}

static void
publish_body(struct client *c, const char *topic, const char *body)
{
	struct buffer bytes = hex(body);

	send_frame(c, FRAME_PUBLISH, 0, topic, bytes.data, bytes.len);
	free(bytes.data);
}

/* c has got a message with these bytes, before anything else. */
static void
expect_bytes(struct client *c, const char *head, const void *body, size_t len)
{
	size_t n = strlen(head);
	char length[32];
	size_t n_length =
	    (size_t)snprintf(length, sizeof(length), "$%zu\r\n", len);
	const uint8_t *got = c->got + c->n_taken;

	ck_assert_uint_ge(c->n_got - c->n_taken, n + n_length + len + 2);
	ck_assert_msg(memcmp(got, head, n) == 0, "got %.*s", (int)n, got);
	ck_assert_msg(memcmp(got + n, length, n_length) == 0, "length");
	ck_assert_mem_eq(got + n + n_length, body, len);
	c->n_taken += n + n_length + len + 2;
}

static void
expect_hex(struct client *c, const char *head, const char *body)
{
	struct buffer bytes = hex(body);

	expect_bytes(c, head, bytes.data, bytes.len);
	free(bytes.data);
}

#define BY_PATTERN(n, topic) \
	"*4\r\n$8\r\npmessage\r\n$5\r\nk#/#*\r\n$" #n "\r\n" topic "\r\n"
#define BY_REQUESTS "*3\r\n$7\r\nmessage\r\n$12\r\nk-request#/#\r\n"

static void
expect_no_more(const struct client *c)
{
	ck_assert_msg(c->n_got == c->n_taken, "also got %.*s",
	    (int)(c->n_got - c->n_taken), (const char *)c->got + c->n_taken);
}

TEST(an_encoded_broadcast_comes_as_a_packet_and_a_command_as_a_request)
{
	struct client *from, *c;

	begin_redis("");
	from = join();
	c = dial_and_say(CLASSIC);
	publish_body(from, "k#/#", PLAIN);
	publish_body(from, "k#/#", ENCODED);
	publish_body(from, "k#/#", COMMAND);
	publish_body(from, "k#/#r#", COMMAND);
	publish_body(from, "k#/#", BROKEN);
	publish_body(from, "k#/#r#", ENCODED);
	settle();
	expect_hex(c, BY_PATTERN(4, "k#/#"), PLAIN);
	expect_hex(c, BY_PATTERN(4, "k#/#"), PACKET);
	expect_bytes(c, BY_REQUESTS, request, strlen(request));
	expect_bytes(c, BY_REQUESTS, request, strlen(request));
	expect_hex(c, BY_PATTERN(6, "k#/#r#"), PACKET);
	expect_no_more(c);
	ck_assert_uint_eq(redis_stats(redis)->n_malformed, 1);
	ck_assert_uint_eq(redis_stats(redis)->n_translated, 4);
	end_redis();
}

static const struct {
	const char *topic, *body;
} opaque[] = {
	{ "other", ENCODED },
	{ "k#room#", ENCODED },
	{ "k#/#", "a568656c6c6f" },
	{ "k#/#", "93a161a162a163" },
	{ "k#/#", PACKET },
	{ "k#/#", "" },
};

TEST_EACH(what_is_not_of_workers_comes_as_it_is, opaque)
{
	struct client *from, *c;
	char head[64];

	begin_redis("");
	from = join();
	c = dial_and_say("SUBSCRIBE other k#room# k#/#\r\n");
	publish_body(from, opaque[row].topic, opaque[row].body);
	settle();
	snprintf(head, sizeof(head), "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n",
	    strlen(opaque[row].topic), opaque[row].topic);
	expect_hex(c, head, opaque[row].body);
	expect_no_more(c);
	end_redis();
}

TEST(what_clients_of_redis_publish_comes_as_it_is)
{
	struct client *c, *from;
	struct buffer body = hex(COMMAND);
	char head[64];

	begin_redis("");
	c = dial_and_say(CLASSIC);
	from = dial_and_say("");
	snprintf(head, sizeof(head),
	    "*3\r\n$7\r\nPUBLISH\r\n$4\r\nk#/#\r\n$%zu\r\n", body.len);
	say(from, head, strlen(head));
	say(from, body.data, body.len);
	say(from, "\r\n", 2);
	settle();
	expect_bytes(c, BY_PATTERN(4, "k#/#"), body.data, body.len);
	expect_no_more(c);
	free(body.data);
	end_redis();
}

/* To k#/#a# and k#/#b#. */
static void
publish_to_rooms(struct client *c, const char *body)
{
	static const char topics[] = "\x92\xa6k#/#a#\xa6k#/#b#";
	struct buffer bytes = hex(body);

	send_frame(
	    c, FRAME_PUBLISH, FRAME_SEVERAL, topics, bytes.data, bytes.len);
	free(bytes.data);
}

TEST(a_message_for_several_rooms_comes_once)
{
	static const char *const bodies[] = { ENCODED, PACKET };
	struct client *from, *all, *rooms, *b;

	begin_redis("");
	from = join();
	all = dial_and_say(CLASSIC);
	rooms = dial_and_say("SUBSCRIBE k#/#a# k#/#b#\r\n");
	b = dial_and_say("HELLO 3\r\nSUBSCRIBE k#/#b#\r\n");
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++)
		publish_to_rooms(from, bodies[i]);
	publish_to_rooms(from, COMMAND);
	settle();
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		expect_hex(all, BY_PATTERN(4, "k#/#"), PACKET);
		expect_hex(
		    rooms, "*3\r\n$7\r\nmessage\r\n$6\r\nk#/#a#\r\n", PACKET);
		expect_hex(
		    b, ">3\r\n$7\r\nmessage\r\n$6\r\nk#/#b#\r\n", PACKET);
	}
	expect_bytes(all, BY_REQUESTS, request, strlen(request));
	expect_no_more(all);
	expect_no_more(rooms);
	expect_no_more(b);
	end_redis();
}

TEST(shard_channels_get_what_native_workers_publish)
{
	static const char head[] = "*3\r\n$8\r\nsmessage\r\n$4\r\nk#/#\r\n";
	static const char text[] =
	    "{\"type\":5,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],"
	    "\"flags\":{}},\"rooms\":[\"a\"]},\"uid\":\"u\",\"nsp\":\"/\"}";
	static const char sharded[] =
	    "84 a474797065 03 a464617461 82 a67061636b6574 83 a474797065 02 "
	    "a464617461 dd00000002 a168 01 a36e7370 a12f a46f707473 83 "
	    "a5726f6f6d73 90 a6657863657074 90 a5666c616773 80 a3756964 a175 "
	    "a36e7370 a12f";
	struct client *from, *c;

	begin_redis("");
	from = join();
	c = dial_and_say("SSUBSCRIBE k#/# k#/#a#\r\n");
	publish_body(from, "k#/#", ENCODED);
	publish_body(from, "k#/#a#", ENCODED);
	publish_to_rooms(from, ENCODED);
	publish_body(from, "k#/#", COMMAND);
	publish_body(from, "k#/#", BROKEN);
	publish_body(from, "x#/#", ENCODED);
	publish_body(from, "k#/#", "a568656c6c6f");
	settle();
	for (int i = 0; i < 3; i++)
		expect_hex(c, head, sharded);
	expect_bytes(c, head, text, strlen(text));
	expect_no_more(c);
	ck_assert_uint_eq(redis_stats(redis)->n_malformed, 1);
	hang_up(c);
	settle();
	publish_body(from, "k#/#", BROKEN); /* nobody looks at it */
	settle();
	ck_assert_uint_eq(redis_stats(redis)->n_malformed, 1);
	end_redis();
}

static void
subscribe(struct client *c, const char *topic)
{
	struct msg_writer w = { 0 };

	msg_put_array(&w, 1);
	msg_put_str(&w, topic);
	send_frame(c, FRAME_SUBSCRIBE, 0, "", w.data, w.len);
	msg_writer_fini(&w);
}

TEST(what_is_published_to_a_shard_reaches_native_subscribers_too)
{
	struct client *native_one, *plain, *c;
	struct frame f;

	begin_redis("");
	native_one = join();
	subscribe(native_one, "k#/#");
	plain = dial_and_say("PSUBSCRIBE *\r\nSUBSCRIBE k#/#\r\n");
	c = dial_and_say("");
	say(c, "SPUBLISH k#/# body\r\n", 20);
	settle();
	f = next_frame(native_one);
	ck_assert_uint_eq(f.type, FRAME_PUBLISH);
	ck_assert_uint_eq(f.body_len, 4);
	ck_assert_mem_eq(f.body, "body", 4);
	expect_no_more(plain);
	ck_assert_mem_eq(c->got + c->n_taken, ":1\r\n", 4);
	end_redis();
}

TEST(a_channel_of_requests_counts_those_who_answer)
{
	struct client *worker, *c;
	static const char wanted[] = "*4\r\n$12\r\nk-request#/#\r\n:1\r\n"
				     "$4\r\nk#/#\r\n:1\r\n";

	begin_redis("");
	worker = join();
	subscribe(worker, "k-request#/#");
	subscribe(worker, "k#/#");
	c = dial_and_say("");
	dial_and_say(CLASSIC);
	say(c, "PUBSUB NUMSUB k-request#/# k#/#\r\n", 33);
	settle();
	ck_assert_uint_eq(c->n_got - c->n_taken, sizeof(wanted) - 1);
	ck_assert_mem_eq(c->got + c->n_taken, wanted, sizeof(wanted) - 1);
	end_redis();
}
