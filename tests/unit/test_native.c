#include "edge/native.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/support.h"
#include "wire/control.h"
#include "wire/frame.h"

/*
 * A daemon without a listener: connections are socket pairs, the loop is run
 * turn by turn, and the test is every client.
 */
#define N_PEERS_MAX 8

struct client {
	int fd;
	uint8_t *got;
	size_t n_got, n_taken;
};

static struct loop *loop;
static struct conn_set *set;
static struct broker *broker;
static struct native *native;
static struct client clients[N_PEERS_MAX];
static size_t n_clients;
static bool is_drained;
static struct vectors golden;

static void
put_config(struct msg_writer *w, void *arg)
{
	(void)arg;
	msg_put_map(w, 0);
}

static const struct native_settings settings = {
	.server = "pm2adapterd/0.1.0",
	.socket = "/run/s",
	.max_frame = 1 << 20,
	.max_connections = N_PEERS_MAX - 1,
	.hello_timeout_ms = 3600000,
	.ping_interval_ms = 30000,
	.drain_timeout_ms = 3600000,
	.topic_max_bytes = 4096,
	.subscriptions_max = 1000,
	.put_config = put_config,
};

static void
begin(void)
{
	const struct conn_limits net = { 8 << 20, 4 << 20, 10000 };
	const struct broker_limits core = { 4096, 1000 };

	log_set_level(LOG_ERROR);
	n_clients = 0;
	memset(clients, 0, sizeof(clients));
	is_drained = false;
	golden = vectors_read();
	ck_assert_int_eq(loop_new(&loop), 0);
	set = conn_set_new(loop, &net);
	broker = broker_new(&core, (struct hash_key){ 1, 2 });
	native = native_new(loop, set, broker, &settings);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

static void
read_some(struct client *c)
{
	uint8_t bytes[65536];
	ssize_t n;

	while (c->fd >= 0 && (n = read(c->fd, bytes, sizeof(bytes))) > 0) {
		c->got = realloc(c->got, c->n_got + (size_t)n);
		memcpy(c->got + c->n_got, bytes, (size_t)n);
		c->n_got += (size_t)n;
	}
}

/* Turns until everything that was said has been answered and written. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++) {
		turn();
		for (size_t k = 0; k < n_clients; k++)
			read_some(&clients[k]);
	}
}

static void
hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void
end(void)
{
	for (size_t i = 0; i < n_clients; i++) {
		if (clients[i].fd >= 0)
			hang_up(&clients[i]);
		free(clients[i].got);
	}
	settle();
	native_free(native);
	broker_free(broker);
	conn_set_free(set);
	loop_free(loop);
	blob_trim();
	vectors_free(&golden);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

static struct client *
dial(void)
{
	struct client *c = &clients[n_clients++];
	struct peer peer = { getpid(), getuid(), getgid() };
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c->fd = fds[0];
	native_listen_ops.accepted(native, fds[1], &peer);
	return c;
}

static void
say(struct client *c, const void *data, size_t len)
{
	ck_assert_int_eq(write(c->fd, data, len), (ssize_t)len);
}

static void
say_golden(struct client *c, const char *name)
{
	const struct vector *v = vector_find(&golden, name);

	ck_assert_ptr_nonnull(v);
	say(c, v->frame.data, v->frame.len);
}

/* The next frame that c got; fails when there is none. */
static struct frame
next_frame(struct client *c)
{
	struct frame f;

	ck_assert_msg(frame_peek(c->got + c->n_taken, c->n_got - c->n_taken,
			  UINT32_MAX, &f) == FRAME_READY,
	    "no frame has come");
	c->n_taken += f.size;
	return f;
}

static void
expect_nothing(const struct client *c)
{
	ck_assert_uint_eq(c->n_taken, c->n_got);
}

static void
expect_frame(struct client *c, const void *frame, size_t len)
{
	struct frame f = next_frame(c);

	ck_assert_uint_eq(f.size, len);
	ck_assert_mem_eq(f.start, frame, len);
}

static void
expect_error(struct client *c, const char *code, bool fatal)
{
	struct frame f = next_frame(c);
	struct msg_tree *tree = NULL;
	bool is_fatal = !fatal;
	const char *s;
	size_t len;

	ck_assert_uint_eq(f.type, FRAME_ERROR);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_str(msg_at(msg_root(tree), 0), &s, &len));
	ck_assert_msg(len == strlen(code) && memcmp(s, code, len) == 0, "%.*s",
	    (int)len, s);
	ck_assert(msg_bool(msg_at(msg_root(tree), 2), &is_fatal));
	ck_assert(is_fatal == fatal);
	msg_tree_free(tree);
}

static void
expect_end(struct client *c)
{
	uint8_t byte;
	ssize_t n = read(c->fd, &byte, 1);

	ck_assert(n == 0 || (n < 0 && errno == ECONNRESET));
}

static struct client *
join(void)
{
	struct client *c = dial();

	say_golden(c, "hello-least");
	settle();
	ck_assert_uint_eq(next_frame(c).type, FRAME_WELCOME);
	return c;
}

TEST(hello_is_answered_with_welcome)
{
	struct client *c;
	struct msg_tree *tree = NULL;
	struct frame f;
	int64_t n;

	begin();
	c = dial();
	say_golden(c, "hello-full");
	settle();
	f = next_frame(c);
	ck_assert_uint_eq(f.type, FRAME_WELCOME);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_int(msg_find(msg_root(tree), "max_frame"), &n));
	ck_assert_int_eq(n, 1 << 20);
	ck_assert(msg_int(msg_find(msg_root(tree), "id"), &n));
	ck_assert_int_eq(n, 1);
	msg_tree_free(tree);
	ck_assert_uint_eq(broker_n_members(broker), 1);
	end();
}

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

static size_t
put_publish(uint8_t *out, const char *topic, uint8_t flags, uint32_t number)
{
	size_t n = frame_write_head(
	    out, FRAME_PUBLISH, flags, topic, strlen(topic), sizeof(number));

	memcpy(out + n, &number, sizeof(number));
	return n + sizeof(number);
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
	const struct conn_limits narrow = { 8192, 8192, 3600000 };
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

TEST(the_end_of_a_member_is_told_to_the_others)
{
	struct client *a, *b;
	struct frame f;

	begin();
	a = join();
	say_golden(a, "subscribe-member");
	b = join();
	say_golden(b, "subscribe-member");
	settle();
	next_frame(a);
	next_frame(a);
	next_frame(b);
	hang_up(b);
	settle();
	f = next_frame(a);
	ck_assert_uint_eq(f.type, FRAME_PRESENCE);
	ck_assert_ptr_nonnull(memmem(f.body, f.body_len,
	    "\xa5"
	    "event\xa4"
	    "left",
	    11));
	expect_nothing(a);
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
	{ "00000004 20000000", "unknown-type", true },
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

TEST(who_says_nothing_is_ended_at_the_deadline)
{
	struct native_settings hasty = settings;
	struct client *c;

	begin();
	hasty.hello_timeout_ms = 10;
	native_configure(native, &hasty);
	c = dial();
	while (conn_set_n_open(set) > 0)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	read_some(c);
	expect_error(c, "hello-timeout", true);
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

TEST(one_connection_more_than_allowed_is_told_so)
{
	struct client *c;

	begin();
	for (size_t i = 0; i < N_PEERS_MAX - 1; i++)
		join();
	c = dial();
	settle();
	expect_error(c, "too-many-connections", true);
	expect_end(c);
	ck_assert_uint_eq(conn_set_n_open(set), N_PEERS_MAX - 1);
	end();
}

static void
on_drained(void *arg)
{
	ck_assert_ptr_eq(arg, &is_drained);
	is_drained = true;
}

TEST(a_drain_routes_until_everybody_has_finished)
{
	struct client *a, *b;
	uint8_t out[64];
	size_t len;

	begin();
	a = join();
	b = join();
	say(b, "\0\0\0\x7\3\0\0\0\x91\xa1t", 11);
	settle();
	native_drain(native, on_drained, &is_drained);
	settle();
	ck_assert_uint_eq(next_frame(a).type, FRAME_GOODBYE);
	ck_assert_uint_eq(next_frame(b).type, FRAME_GOODBYE);
	shutdown(b->fd, SHUT_WR);
	settle();
	len = put_publish(out, "t", 0, 7);
	say(a, out, len);
	shutdown(a->fd, SHUT_WR);
	settle();
	expect_frame(b, out, len);
	expect_end(a);
	expect_end(b);
	ck_assert(is_drained);
	end();
}

TEST(a_drain_without_connections_is_over_at_once)
{
	begin();
	native_drain(native, on_drained, &is_drained);
	ck_assert(is_drained);
	end();
}
