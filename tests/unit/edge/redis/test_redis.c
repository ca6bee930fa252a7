#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "edge/redis/auth.h"
#include "edge/redis/causes.h"
#include "edge/redis/client.h"
#include "unit/rig/redis.h"

/* Clients of Redis's protocol beside native ones, in one daemon. */

#define SECRET "correct horse"
static void
tell(struct client *c, const char *text)
{
	say(c, text, strlen(text));
}

/* Expects that c has received exactly `text` since the last call. */
static void
expect(struct client *c, const char *text)
{
	ck_assert_msg(c->n_got - c->n_taken == strlen(text) &&
			  memcmp(c->got + c->n_taken, text, strlen(text)) == 0,
	    "got %.*s, not %s", (int)(c->n_got - c->n_taken),
	    (const char *)c->got + c->n_taken, text);
	c->n_taken = c->n_got;
}

static void
ask(struct client *c, const char *text, const char *reply)
{
	tell(c, text);
	settle();
	expect(c, reply);
}

/* As expect(), once it has come. */
static void
wait_for(struct client *c, const char *text)
{
	while (c->n_got - c->n_taken < strlen(text)) {
		ck_assert_int_eq(loop_turn(loop, true), 0);
		read_some(c);
	}
	expect(c, text);
}

/* As ask(), for what may have to wait because of a wrong password. */
static void
ask_patiently(struct client *c, const char *text, const char *reply)
{
	tell(c, text);
	wait_for(c, reply);
}

/* As ask(), for what may be answered in many ways. */
static void
do_it(struct client *c, const char *text)
{
	tell(c, text);
	settle();
	c->n_taken = c->n_got;
}

static void
subscribe(struct client *c, const char *topic, uint8_t flags)
{
	struct msg_writer w = { 0 };
	uint8_t head[FRAME_HEADER_SIZE];

	msg_put_array(&w, 1);
	msg_put_str(&w, topic);
	frame_write_head(head, FRAME_SUBSCRIBE, flags, NULL, 0, w.len);
	say(c, head, sizeof(head));
	say(c, w.data, w.len);
	msg_writer_fini(&w);
}

static void
expect_message(struct client *c, const char *topic, const char *body)
{
	struct frame f = next_frame(c);

	ck_assert_uint_eq(f.type, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags, 0);
	ck_assert_uint_eq(f.topic_len, strlen(topic));
	ck_assert_mem_eq(f.topic, topic, f.topic_len);
	ck_assert_uint_eq(f.body_len, strlen(body));
	ck_assert_mem_eq(f.body, body, f.body_len);
}

static const struct {
	const char *said, *reply;
	bool ends;
} strangers[] = {
	{ "PING\r\n", "-NOAUTH Authentication required.\r\n", false },
	{ "*11\r\n",
	    "-ERR Protocol error: unauthenticated multibulk length\r\n", true },
	{ "*1\r\n$16385\r\n",
	    "-ERR Protocol error: unauthenticated bulk length\r\n", true },
	{ "AUTH correct\r\n",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n",
	    false },
	{ "AUTH \"correct horsecorrect horse\"\r\n",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n",
	    false },
	{ "AUTH \"correct horsf\"\r\n",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n",
	    false },
	{ "AUTH \"\"\r\n",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n",
	    false },
	{ "AUTH nobody \"correct horse\"\r\n",
	    "-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n",
	    false },
	{ "AUTH \"correct horse\"\r\nPING\r\n", "+OK\r\n+PONG\r\n", false },
	{ "AUTH default \"correct horse\"\r\nRESET\r\nPING\r\n",
	    "+OK\r\n+RESET\r\n-NOAUTH Authentication required.\r\n", false },
};

TEST_EACH(a_stranger_has_small_limits_and_needs_the_password, strangers)
{
	struct client *c;

	begin_redis(SECRET);
	c = dial_redis();
	ask(c, strangers[row].said, strangers[row].reply);
	if (strangers[row].ends)
		expect_end(c);
	else
		ask_patiently(c, "QUIT\r\n", "+OK\r\n");
	end_redis();
}

TEST(a_stranger_who_does_not_read_is_cut)
{
	static char many[64 * 1024];
	struct client *c;

	begin_redis(SECRET);
	c = dial_redis();
	for (size_t i = 0; i + 6 <= sizeof(many); i += 6)
		memcpy(many + i, "PING\r\n", 6);
	say(c, many, sizeof(many) / 6 * 6);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert_uint_eq(closed_n(hub_closed(hub), &conn_slow_consumer), 1);
	end_redis();
}

/* Both in one turn, the one who publishes first in the daemon's list. */
TEST(a_subscription_is_in_force_for_what_is_published_after_it)
{
	struct client *publisher, *worker;

	begin_redis("");
	worker = join();
	publisher = dial_redis();
	subscribe(worker, "room", 0);
	tell(publisher, "PUBLISH room hello\r\n");
	settle();
	expect(publisher, ":1\r\n");
	expect_message(worker, "room", "hello");
	end_redis();
}

TEST(publish_counts_what_is_delivered)
{
	struct client *a, *b, *worker;

	begin_redis("");
	worker = join();
	a = dial_redis();
	b = dial_redis();
	subscribe(worker, "news", 0);
	do_it(a, "SUBSCRIBE news\r\nPSUBSCRIBE n* *s x*\r\n");
	do_it(b, "HELLO 3\r\nSUBSCRIBE news\r\n");
	ask(b, "PUBLISH news hi\r\n",
	    ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n:5\r\n");
	expect_message(worker, "news", "hi");
	ck_assert_uint_eq(redis_stats(redis)->n_delivered, 4);
	ck_assert_uint_eq(redis_stats(redis)->n_published, 1);
	end_redis();
}

/* Copied, and shared. */
static const size_t payload_sizes[] = { 255, 256, 1000 };

TEST_EACH(a_message_has_the_same_bytes_by_channel_and_by_pattern, payload_sizes)
{
	static char payload[1001], said[1100], reply[4000];
	size_t size = payload_sizes[row];
	struct client *a, *b;

	for (size_t i = 0; i < size; i++)
		payload[i] = (char)('a' + i % 23);
	payload[size] = '\0';
	begin_redis("");
	a = dial_redis();
	b = dial_redis();
	do_it(a, "PSUBSCRIBE n*\r\nSUBSCRIBE news\r\n");
	do_it(b, "HELLO 3\r\nPSUBSCRIBE ne*\r\n");
	snprintf(said, sizeof(said),
	    "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%zu\r\n%s\r\n", size,
	    payload);
	snprintf(reply, sizeof(reply),
	    ">4\r\n$8\r\npmessage\r\n$3\r\nne*\r\n$4\r\nnews\r\n$%zu\r\n%s\r\n"
	    ":3\r\n",
	    size, payload);
	ask_patiently(b, said, reply);
	snprintf(reply, sizeof(reply),
	    "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%zu\r\n%s\r\n"
	    "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$%zu\r\n%s\r\n",
	    size, payload, size, payload);
	ask_patiently(a, "", reply);
	end_redis();
}

TEST(patterns_that_begin_alike_share_a_prefix_and_go_one_by_one)
{
	struct client *a, *b;

	begin_redis("");
	a = dial_redis();
	b = dial_redis();
	do_it(a, "PSUBSCRIBE k#*a k#*b\r\n");
	ask(b, "PUBLISH k#xa 1\r\n", ":1\r\n");
	ask(b, "PUBLISH k#xc 1\r\n", ":0\r\n");
	do_it(a, "PUNSUBSCRIBE k#*b\r\n");
	ask(b, "PUBLISH k#xa 1\r\n", ":1\r\n");
	ask(b, "PUBLISH k#xb 1\r\n", ":0\r\n");
	do_it(a, "PUNSUBSCRIBE k#*a\r\n");
	ask(b, "PUBLISH k#xa 1\r\nPUBSUB NUMPAT\r\n", ":0\r\n:0\r\n");
	ck_assert_uint_eq(topic_n_subscriptions(broker_topics(broker)), 0);
	end_redis();
}

/* More than a few, so that one which is forgotten would be one too many. */
TEST(patterns_that_are_gone_leave_nothing_behind)
{
	static const char *const gone[] = { "PUNSUBSCRIBE", "RESET" };
	static char text[4096];
	struct client *a, *b;

	begin_redis("");
	a = dial_redis();
	b = dial_redis();
	for (size_t how = 0; how < 2; how++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "PSUBSCRIBE");

		for (int i = 0; i < 200; i++)
			len += (size_t)snprintf(
			    text + len, sizeof(text) - len, " p%03d*", i);
		snprintf(
		    text + len, sizeof(text) - len, "\r\n%s\r\n", gone[how]);
		do_it(a, text);
		ck_assert_uint_eq(
		    topic_n_subscriptions(broker_topics(broker)), 0);
		ask(b, "PUBLISH p001 x\r\n", ":0\r\n");
		expect(a, "");
	}
	end_redis();
}

TEST(a_run_of_native_messages_comes_in_order)
{
	uint8_t run[256];
	size_t len = 0;
	struct client *a, *b, *worker;

	begin_redis("");
	worker = join();
	a = dial_redis();
	b = dial_redis();
	do_it(a, "SUBSCRIBE t\r\n");
	do_it(b, "HELLO 3\r\nSUBSCRIBE t\r\n");
	len += put_publish(run + len, "t", 0, 0x41414141);
	len += put_publish(run + len, "t", 0, 0x42424242);
	len += put_publish(run + len, "u", 0, 0x43434343);
	say(worker, run, len);
	settle();
	expect(a, "*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nAAAA\r\n"
		  "*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nBBBB\r\n");
	expect(b, ">3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nAAAA\r\n"
		  ">3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nBBBB\r\n");
	end_redis();
}

TEST(a_native_message_to_several_topics_comes_once_for_each)
{
	uint8_t out[64];
	struct msg_writer w = { 0 };
	struct client *a, *worker;
	size_t n;

	begin_redis("");
	worker = join();
	a = dial_redis();
	do_it(a, "SUBSCRIBE t u\r\n");
	msg_put_array(&w, 3);
	msg_put_str(&w, "t");
	msg_put_str(&w, "u");
	msg_put_str(&w, "v");
	n = frame_write_head(
	    out, FRAME_PUBLISH, FRAME_SEVERAL, w.data, w.len, 2);
	memcpy(out + n, "hi", 2);
	say(worker, out, n + 2);
	msg_writer_fini(&w);
	settle();
	expect(a, "*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$2\r\nhi\r\n"
		  "*3\r\n$7\r\nmessage\r\n$1\r\nu\r\n$2\r\nhi\r\n");
	end_redis();
}

TEST(who_does_not_read_is_cut_and_nobody_else)
{
	static const struct conn_limits narrow = { 65536, 65536, 10000, 0 };
	struct client *slow, *b;

	begin_redis("");
	conn_set_limit(set, &narrow);
	slow = dial_redis();
	b = dial_redis();
	do_it(slow, "SUBSCRIBE t\r\n");
	for (int i = 0; i < 400; i++) {
		char line[4096];

		snprintf(line, sizeof(line), "PUBLISH t %04000d\r\n", i);
		tell(b, line);
		turn();
		read_some(b);
	}
	settle();
	ck_assert_uint_eq(closed_n(hub_closed(hub), &conn_slow_consumer), 1);
	b->n_taken = b->n_got;
	ask(b, "PUBLISH t x\r\n", ":0\r\n");
	end_redis();
}

TEST(a_protocol_error_comes_behind_the_replies_before_it)
{
	struct client *c;

	begin_redis("");
	c = dial_redis();
	ask(c, "PING\r\nPUBLISH t x\r\n*1\r\n:1\r\n",
	    "+PONG\r\n:0\r\n-ERR Protocol error: expected '$', got ':'\r\n");
	expect_end(c);
	end_redis();
}

TEST(what_is_too_long_is_answered_and_the_next_request_too)
{
	static char text[128 * 1024];
	size_t len = 0;
	struct client *c;

	begin_redis("");
	c = dial_redis();
	len = (size_t)snprintf(text, sizeof(text),
	    "*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$100000\r\n%0100000d\r\n"
	    "PUBLISH t %05000d\r\nPING\r\n",
	    0, 0);
	say(c, text, len);
	settle();
	expect(c, "-ERR the request is too long; max-frame is 4096 bytes\r\n"
		  "-ERR the message is too long; max-frame is 4096 bytes, and "
		  "it needs 5005\r\n+PONG\r\n");
	end_redis();
}

TEST(what_was_sent_before_the_end_is_carried_out)
{
	struct client *c, *worker;

	begin_redis("");
	worker = join();
	c = dial_redis();
	subscribe(worker, "t", 0);
	settle();
	tell(c, "PUBLISH t 1\r\nPUBLISH t 2\r\n");
	hang_up(c);
	settle();
	expect_message(worker, "t", "1");
	expect_message(worker, "t", "2");
	end_redis();
}

TEST(what_comes_behind_quit_is_not_looked_at)
{
	struct client *c;

	begin_redis("");
	c = dial_redis();
	ask(c, "QUIT\r\nPING\r\n*x\r\n", "+OK\r\n");
	expect_end(c);
	end_redis();
}

static void
on_drained(void *arg)
{
	*(bool *)arg = true;
}

TEST(a_drain_answers_what_has_come)
{
	bool is_drained = false;
	struct client *c;

	begin_redis("");
	c = dial_redis();
	tell(c, "PING\r\n");
	turn();
	redis_drain(redis, on_drained, &is_drained);
	settle();
	ck_assert(is_drained);
	expect(c, "+PONG\r\n");
	expect_end(c);
	end_redis();
}

/* The last client's messages reach the first. */
TEST(a_drain_carries_out_everything_before_it_ends_anybody)
{
	bool is_drained = false;
	struct client *a, *b;

	begin_redis("");
	a = dial_redis();
	b = dial_redis();
	do_it(a, "SUBSCRIBE t\r\n");
	tell(b, "PUBLISH t last\r\n");
	turn();
	redis_drain(redis, on_drained, &is_drained);
	settle();
	ck_assert(is_drained);
	expect(b, ":1\r\n");
	expect(a, "*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nlast\r\n");
	end_redis();
}

static const struct {
	const char *bytes;
} https[] = {
	{ "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nPUBLISH t x\r\n" },
	{ "PUT / HTTP/1.1\r\nhost: localhost:6379\r\n\r\nPUBLISH t x\r\n" },
	{ "*2\r\n$4\r\nPOST\r\n$1\r\n/\r\nPUBLISH t x\r\n" },
};

/* A page's requests from the browser of whoever works on this host. */
TEST_EACH(http_ends_the_connection_and_is_not_obeyed, https)
{
	static const char *const passwords[] = { "", SECRET };

	for (size_t i = 0; i < 2; i++) {
		struct client *c;

		begin_redis(passwords[i]);
		c = dial_redis();
		do_it(c, https[row].bytes);
		expect_end(c);
		ck_assert_uint_eq(redis_stats(redis)->n_published, 0);
		ck_assert_uint_eq(
		    closed_n(hub_closed(hub), &redis_bad_request), 1);
		end_redis();
	}
}

static const struct {
	const char *args;
	size_t n; /* lines */
} lists[] = {
	{ "", 3 },
	{ " TYPE normal", 2 },
	{ " type PubSub", 1 },
	{ " TYPE master", 0 },
	{ " ID 1", 1 },
	{ " ID 3 99 2", 2 },
};

TEST_EACH(a_list_of_clients_has_who_was_asked_for, lists)
{
	char text[64];
	struct client *c;
	size_t n = 0;

	begin_redis("");
	c = dial_redis();
	dial_redis();
	do_it(dial_redis(), "SUBSCRIBE t\r\n");
	snprintf(text, sizeof(text), "CLIENT LIST%s\r\n", lists[row].args);
	tell(c, text);
	settle();
	for (size_t i = 0; i + 5 <= c->n_got; i++)
		n += memcmp(c->got + i, " sub=", 5) == 0;
	ck_assert_uint_eq(n, lists[row].n);
	end_redis();
}

static const struct {
	const char *said, *line;
} libraries[] = {
	{ "", "resp=2 lib-name= lib-ver=\n" },
	{ "CLIENT SETINFO LIB-NAME ioredis\r\n",
	    "resp=2 lib-name=ioredis lib-ver=\n" },
	{ "CLIENT SETINFO lib-name node-redis\r\n"
	  "CLIENT SETINFO lib-ver 5.0.1\r\nRESET\r\n",
	    "resp=2 lib-name=node-redis lib-ver=5.0.1\n" },
};

TEST_EACH(a_list_of_clients_shows_their_library_and_its_version, libraries)
{
	struct client *c;
	const char *line = libraries[row].line;

	begin_redis("");
	c = dial_redis();
	tell(c, libraries[row].said);
	settle();
	tell(c, "CLIENT LIST\r\n");
	settle();
	ck_assert_ptr_nonnull(memmem(c->got, c->n_got, line, strlen(line)));
	end_redis();
}

TEST(the_longest_texts_of_a_client_are_listed_in_whole)
{
	static const char *const sets[] = { "SETNAME", "SETINFO lib-name",
		"SETINFO lib-ver" };
	char name[257], text[320];
	struct client *c;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	begin_redis("");
	c = dial_redis();
	for (size_t i = 0; i < N_ELEMENTS(sets); i++) {
		snprintf(text, sizeof(text), "CLIENT %s %s\r\n", sets[i], name);
		tell(c, text);
	}
	tell(c, "CLIENT INFO\r\n");
	settle();
	snprintf(text, sizeof(text), "lib-ver=%s\n", name);
	ck_assert_ptr_nonnull(memmem(c->got, c->n_got, text, strlen(text)));
	end_redis();
}

static const struct {
	const char *args, *reply;
} bad_lists[] = {
	{ "TYPE", "-ERR syntax error\r\n" },
	{ "TYPE normal more", "-ERR syntax error\r\n" },
	{ "NAME x", "-ERR syntax error\r\n" },
	{ "TYPE odd", "-ERR Unknown client type 'odd'\r\n" },
	{ "ID 1 x", "-ERR Invalid client ID\r\n" },
	{ "ID 0", "-ERR Invalid client ID\r\n" },
};

TEST_EACH(a_list_that_cannot_be_is_refused_as_redis_does, bad_lists)
{
	char text[64];

	begin_redis("");
	snprintf(text, sizeof(text), "CLIENT LIST %s\r\n", bad_lists[row].args);
	ask(dial_redis(), text, bad_lists[row].reply);
	end_redis();
}

TEST(one_client_too_many_is_told_so)
{
	struct client *c;

	begin_redis("");
	for (int i = 0; i < CLIENTS_MAX; i++)
		ask(dial_redis(), "PING\r\n", "+PONG\r\n");
	c = dial_redis();
	settle();
	expect(c, "-ERR max number of clients reached\r\n");
	expect_end(c);
	ck_assert_ptr_nonnull(join());
	end_redis();
}

/* A worker that has been asked for something may be about to have the room. */
TEST(what_follows_a_request_to_a_room_reaches_all_of_its_namespace)
{
	struct client *emitter, *redis_worker, *worker, *other;
	struct msg_topics topics;
	const uint8_t *topic;
	struct frame f;
	size_t len;

	begin_redis("");
	worker = join();
	other = join();
	emitter = dial_redis();
	redis_worker = dial_redis();
	subscribe(worker, "k#/#", 0);
	subscribe(worker, "k-request#/#", 0);
	subscribe(other, "k#/other#", 0);
	do_it(redis_worker, "PSUBSCRIBE k#/#*\r\n");
	ask(emitter, "PUBLISH k#/#room# 0\r\n", ":1\r\n");
	redis_worker->n_taken = redis_worker->n_got;
	expect_nothing(worker);
	ask(emitter, "PUBLISH k-request#/# join\r\nPUBLISH k#/#room# 1\r\n",
	    ":1\r\n:2\r\n");
	expect_message(worker, "k-request#/#", "join");
	f = next_frame(worker);
	ck_assert_uint_eq(f.flags, FRAME_SEVERAL);
	ck_assert_int_eq(msg_topics_open(f.topic, f.topic_len, &topics), 0);
	ck_assert(msg_topics_next(&topics, &topic, &len));
	ck_assert_mem_eq(topic, "k#/#room#", len);
	ck_assert(msg_topics_next(&topics, &topic, &len));
	ck_assert_mem_eq(topic, "k#/#", len);
	ck_assert(!msg_topics_next(&topics, &topic, &len));
	ck_assert_mem_eq(f.body, "1", 1);
	expect_nothing(worker);
	expect_nothing(other);
	expect(redis_worker,
	    "*4\r\n$8\r\npmessage\r\n$5\r\nk#/#*\r\n$9\r\nk#/#room#\r\n"
	    "$1\r\n1\r\n");
	end_redis();
}

/* As many as there is room for; one more, and the first is forgotten. */
TEST(joins_may_be_pending_in_many_namespaces)
{
	char text[64];
	struct client *emitter, *worker;

	begin_redis("");
	worker = join();
	emitter = dial_redis();
	subscribe(worker, "k#/0#", 0);
	settle();
	for (int i = 0; i < PENDING_JOINS_MAX; i++) {
		snprintf(text, sizeof(text), "PUBLISH k-request#/%d# x\r\n", i);
		ask(emitter, text, ":0\r\n");
	}
	ask(emitter, "PUBLISH k#/0#room# x\r\n", ":1\r\n");
	ask(emitter, "PUBLISH k-request#/more# x\r\n", ":0\r\n");
	ask(emitter, "PUBLISH k#/0#room# x\r\n", ":0\r\n");
	end_redis();
}

TEST(a_name_has_a_longest_length)
{
	char text[512];
	struct client *c;

	begin_redis("");
	c = dial_redis();
	snprintf(text, sizeof(text), "CLIENT SETNAME %0256d\r\n", 7);
	ask(c, text, "+OK\r\n");
	snprintf(text, sizeof(text), "CLIENT SETNAME %0257d\r\n", 7);
	ask(c, text, "-ERR Client names cannot be longer than 256 bytes\r\n");
	tell(c, "CLIENT LIST\r\n");
	settle();
	ck_assert_mem_eq(c->got + c->n_got - 3, "\n\r\n", 3);
	end_redis();
}

static const struct {
	const char *command, *error;
	int n;
} manies[] = {
	{ "SUBSCRIBE", "too many subscriptions; max-subscriptions is 1000",
	    1000 },
	{ "SSUBSCRIBE", "too many subscriptions; max-subscriptions is 1000",
	    1000 },
	{ "PSUBSCRIBE", "too many patterns; a client may have 1024", 1024 },
};

/* The patterns' prefix is one and the same. */
TEST_EACH(a_client_has_so_many_of_a_kind_and_no_more, manies)
{
	static char text[64 * 1024];
	char error[128];
	size_t len = 0;
	struct client *c;

	begin_redis("");
	c = dial_redis();
	len = (size_t)snprintf(text, sizeof(text), "%s", manies[row].command);
	for (int i = 0; i <= manies[row].n; i++)
		len +=
		    (size_t)snprintf(text + len, sizeof(text) - len, " *%d", i);
	snprintf(text + len, sizeof(text) - len, " *7\r\n");
	tell(c, text);
	settle();
	len = (size_t)snprintf(
	    error, sizeof(error), "\r\n-ERR %s\r\n*3\r\n", manies[row].error);
	ck_assert_ptr_nonnull(memmem(c->got, c->n_got, error, len));
	snprintf(error, sizeof(error), "$2\r\n*7\r\n:%d\r\n", manies[row].n);
	c->n_taken = c->n_got - strlen(error);
	expect(c, error);
	end_redis();
}

/* `command` and the channels c0 to c999. */
static void
put_channels(char *text, const char *command)
{
	size_t len = (size_t)sprintf(text, "%s", command);

	for (int i = 0; i < 1000; i++)
		len += (size_t)sprintf(text + len, " c%d", i);
	sprintf(text + len, "\r\n");
}

/* The requests are read in the turn that ends the client, and carried out in
 * the next one, before its subscriptions are. */
TEST(a_client_that_is_gone_receives_nothing_while_its_subscriptions_end)
{
	static char text[16384];
	struct client *c, *other;

	begin_redis("");
	c = dial_redis();
	other = dial_redis();
	put_channels(text, "SUBSCRIBE");
	do_it(c, text);
	put_channels(text, "SSUBSCRIBE");
	do_it(c, text);
	tell(other,
	    "PUBLISH c0 x\r\nSPUBLISH c0 x\r\nPUBSUB SHARDNUMSUB c0\r\n");
	hang_up(c);
	turn();
	ck_assert_uint_eq(broker_n_members(broker), 1);
	ck_assert_uint_gt(topic_n_subscriptions(broker_topics(broker)), 500);
	ck_assert_uint_gt(topic_n_subscriptions(redis->shards.topics), 500);
	settle();
	expect(other, ":0\r\n:0\r\n*2\r\n$2\r\nc0\r\n:0\r\n");
	ck_assert_uint_eq(topic_n_subscriptions(broker_topics(broker)), 0);
	ck_assert_uint_eq(topic_n_subscriptions(redis->shards.topics), 0);
	ck_assert(LIST_EMPTY(&redis->shards.gone));
	end_redis();
}

/* Nothing is left to a job when the edge ends. */
TEST(an_edge_ends_while_subscriptions_of_its_last_client_do)
{
	static char text[16384];
	struct client *c;

	begin_redis("");
	c = dial_redis();
	put_channels(text, "SUBSCRIBE");
	do_it(c, text);
	put_channels(text, "SSUBSCRIBE");
	do_it(c, text);
	hang_up(c);
	turn();
	ck_assert_uint_gt(topic_n_subscriptions(redis->shards.topics), 500);
	redis_free(redis);
	ck_assert(!broker_release(broker, UINT32_MAX));
	end();
}

/* "*[…]N*": a class is dear where it must be searched for. */
static size_t
put_dear_patterns(char *text, const char *command, int n)
{
	static const char class[] =
	    "[aabbccddeeffgghhiijjkkllmmnnooppqqrrssttuuvv]";
	size_t len = (size_t)sprintf(text, "%s", command);

	for (int i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, " *%s%d*", class, i);
	return len + (size_t)sprintf(text + len, "\r\n");
}

TEST(patterns_that_take_long_to_match_are_refused_until_others_have_left)
{
	static const char error[] =
	    "-ERR the client's patterns take too long to match; the limit is "
	    "2097152 steps a message, and this one takes ";
	static char text[64 * 1024];
	struct client *c, *other;

	begin_redis("");
	c = dial_redis();
	other = dial_redis();
	put_dear_patterns(text, "PSUBSCRIBE", 600);
	tell(c, text);
	settle();
	ck_assert_ptr_nonnull(memmem(c->got, c->n_got, error, strlen(error)));
	c->n_taken = c->n_got;
	ask(other, "PSUBSCRIBE x\r\n",
	    "*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n");
	ck_assert_uint_gt(redis->pattern_steps, 2000000);
	do_it(c, "PUNSUBSCRIBE\r\n");
	do_it(other, "PUNSUBSCRIBE\r\n");
	ck_assert_uint_eq(redis->pattern_steps, 0);
	do_it(c, text);
	ck_assert_uint_gt(redis->pattern_steps, 2000000);
	hang_up(c);
	settle();
	ck_assert_uint_eq(redis->pattern_steps, 0);
	end_redis();
}

#define WRONG                                                            \
	"-WRONGPASS invalid username-password pair or user is disabled." \
	"\r\n"

TEST(a_client_that_sends_no_password_in_time_is_ended)
{
	struct client *c, *in, *again;

	begin_redis(SECRET);
	c = dial_redis();
	in = dial_redis();
	again = dial_redis();
	ask(in, "AUTH \"correct horse\"\r\n", "+OK\r\n");
	ask(again, "AUTH \"correct horse\"\r\nRESET\r\n", "+OK\r\n+RESET\r\n");
	redis->settings.auth_timeout_ms = 0;
	wait_for(c, "-NOAUTH no AUTH within 0 ms\r\n");
	wait_for(again, "-NOAUTH no AUTH within 0 ms\r\n");
	expect_end(c);
	expect_end(again);
	ck_assert_uint_eq(closed_n(hub_closed(hub), &redis_auth_timeout), 2);
	ask(in, "PING\r\n", "+PONG\r\n");
	end_redis();
}

TEST(three_wrong_passwords_end_a_connection)
{
	struct client *c;

	begin_redis(SECRET);
	c = dial_redis();
	/* The second waits for the first, whatever came with it. */
	ask(c, "AUTH a\r\nAUTH b\r\nHELLO 3 AUTH default c\r\nPING\r\n", WRONG);
	ck_assert_uint_eq(redis_stats(redis)->n_auth_failures, 1);
	wait_for(c, WRONG WRONG);
	expect_end(c);
	ck_assert_uint_eq(redis_stats(redis)->n_auth_failures, 3);
	ck_assert_uint_eq(closed_n(hub_closed(hub), &redis_auth_failed), 1);
	end_redis();
}

TEST(a_wrong_password_has_all_of_its_address_wait_and_no_others)
{
	struct client *c, *same, *other;

	begin_redis(SECRET);
	c = dial_redis();
	same = dial_redis();
	other = dial_redis();
	TAILQ_LAST(&redis->clients, redis_client_list)->origin.bytes[0] = 4;
	ask(c, "AUTH a\r\n", WRONG);
	ask(other, "AUTH \"correct horse\"\r\n", "+OK\r\n");
	/* No answer tells whether it was right before the others have one. */
	ask_patiently(
	    same, "AUTH \"correct horse\"\r\nPING\r\n", "+OK\r\n+PONG\r\n");
	ck_assert_uint_eq(redis->n_waiting, 0);
	ask(other, "AUTH x\r\n", WRONG);
	ask(same, "PING\r\n", "+PONG\r\n");
	end_redis();
}

TEST(a_client_that_goes_while_it_waits_has_tried_nothing)
{
	struct client *c, *in;

	begin_redis(SECRET);
	c = dial_redis();
	in = dial_redis();
	ask(in, "AUTH \"correct horse\"\r\nSUBSCRIBE t\r\n",
	    "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n");
	ask(c, "AUTH a\r\n", WRONG);
	ask(c, "AUTH \"correct horse\"\r\nPUBLISH t x\r\n", "");
	ck_assert_uint_eq(redis->n_waiting, 1);
	conn_close(TAILQ_FIRST(&redis->clients)->conn, &conn_reset);
	settle();
	ck_assert_uint_eq(redis->n_waiting, 0);
	ck_assert_uint_eq(redis_stats(redis)->n_open, 1);
	expect(in, "");
	end_redis();
}

TEST(addresses_that_sent_wrong_passwords_are_remembered_in_a_table_that_ends)
{
	struct client *c;
	struct redis_client *client;

	begin_redis(SECRET);
	c = dial_redis();
	client = TAILQ_FIRST(&redis->clients);
	for (int i = 0; i < 3 * GUESSERS_MAX; i++) {
		memcpy(client->origin.bytes + 1, &i, sizeof(i));
		client->n_auth_failures = 0;
		ask(c, "AUTH a\r\n", WRONG);
		ck_assert(redis_must_wait(client));
	}
	ck_assert_uint_eq(redis->guessers.n, GUESSERS_MAX);
	end_redis();
}

static enum sink_verdict
take_long(struct member *to, const struct message_run *run)
{
	(void)to;
	(void)run;
	while (clock_us() < loop_began_us(loop) + TURNS_MAX_US)
		;
	broker_add_work(broker, 1000);
	return SINK_QUEUED;
}

TEST(a_turn_that_ends_between_two_requests_leaves_no_reply_to_another_client)
{
	static const struct broker_sink sink = { .message = take_long };
	struct topic_name topic = { .bytes = "t", .len = 1 };
	struct client *a, *b;
	struct member *slow;

	begin_redis("");
	a = dial_redis();
	b = dial_redis();
	topic.hash = broker_hash(broker, &topic);
	slow = broker_join(broker, "slow", &sink, NULL);
	ck_assert_int_eq(
	    broker_subscribe(broker, slow, TOPIC_EXACT, &topic), 0);
	tell(a, "PUBLISH t x\r\nPING\r\n");
	while (a->n_got == 0) {
		turn();
		read_some(a);
	}
	expect(a, ":1\r\n");
	ck_assert_uint_eq(redis->out.len, 0);
	tell(b, "ECHO b\r\n");
	settle();
	expect(a, "+PONG\r\n");
	expect(b, "$1\r\nb\r\n");
	ck_assert(!broker_leave(broker, slow, 10));
	end_redis();
}
