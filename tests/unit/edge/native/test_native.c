#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "stats/closed.h"
#include "unit/rig/edges.h"

static bool is_drained;

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

/* Messages that are no runs are staged each by itself. */
TEST(what_was_staged_in_is_in_the_account_and_given_back)
{
	static uint8_t out[3000 * 16];
	size_t before, len = 0;
	struct client *a;

	begin();
	a = join();
	settle();
	blob_drop_spare();
	before = blob_held_bytes();
	for (size_t i = 0; i < 3000; i++)
		len += put_publish(
		    out + len, i % 2 == 0 ? "t" : "u", 0, (uint32_t)i);
	say(a, out, len);
	settle();
	blob_drop_spare();
	ck_assert_uint_ge(blob_held_bytes(), before + 3000 * 32);
	while (blob_held_bytes() > before)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	end();
}

struct greeting {
	int64_t id, epoch_ms;
	char reason[32]; /* of the connection before; empty: not told */
	int64_t n_unwritten;
	int64_t n_messages, since_ms; /* -1: not told */
};

static struct greeting
read_greeting(struct client *c)
{
	struct greeting g = {
		.n_unwritten = -1, .n_messages = -1, .since_ms = -1
	};
	const struct msg_node *previous;
	struct msg_tree *tree = NULL;
	struct frame f;
	const char *s;
	size_t len;

	settle();
	f = next_frame(c);
	ck_assert_uint_eq(f.type, FRAME_WELCOME);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_int(msg_find(msg_root(tree), "id"), &g.id));
	ck_assert(msg_int(msg_find(msg_root(tree), "epoch"), &g.epoch_ms));
	previous = msg_find(msg_root(tree), "previous");
	if (previous != NULL) {
		ck_assert(msg_str(msg_find(previous, "reason"), &s, &len));
		snprintf(g.reason, sizeof(g.reason), "%.*s", (int)len, s);
		ck_assert(
		    msg_int(msg_find(previous, "unwritten"), &g.n_unwritten));
		if (msg_find(previous, "messages") != NULL) {
			ck_assert(msg_int(
			    msg_find(previous, "messages"), &g.n_messages));
			ck_assert(msg_int(
			    msg_find(previous, "since_ms"), &g.since_ms));
		}
	}
	msg_tree_free(tree);
	return g;
}

static struct greeting
greet(struct client **out)
{
	*out = dial();
	say_golden(*out, "hello-least");
	return read_greeting(*out);
}

/* Connects as the client that had that connection before. */
static struct greeting
greet_again(int64_t epoch_ms, int64_t id)
{
	uint8_t head[FRAME_HEADER_SIZE];
	struct msg_writer w = { 0 };
	struct client *c = dial();

	msg_put_map(&w, 3);
	msg_put_str(&w, "protocol");
	msg_put_int(&w, 1);
	msg_put_str(&w, "name");
	msg_put_str(&w, "app");
	msg_put_str(&w, "previous");
	msg_put_map(&w, 2);
	msg_put_str(&w, "epoch");
	msg_put_int(&w, epoch_ms);
	msg_put_str(&w, "id");
	msg_put_int(&w, id);
	frame_write_head(head, FRAME_HELLO, 0, NULL, 0, w.len);
	say(c, head, sizeof(head));
	say(c, w.data, w.len);
	msg_writer_fini(&w);
	return read_greeting(c);
}

TEST(who_comes_for_the_first_time_is_told_of_no_other_connection)
{
	struct client *c;

	begin();
	ck_assert_str_eq(greet(&c).reason, "");
	end();
}

TEST(who_comes_again_is_told_how_its_connection_ended)
{
	struct greeting first, second, again;
	struct client *a, *b;

	begin();
	first = greet(&a);
	second = greet(&b);
	hang_up(a);
	say_frame(b, FRAME_GOODBYE, 0, "");
	settle();
	again = greet_again(first.epoch_ms, first.id);
	ck_assert_str_eq(again.reason, "eof");
	ck_assert_int_eq(again.n_unwritten, 0);
	ck_assert_int_eq(again.n_messages, 0);
	ck_assert_int_ge(again.since_ms, 0);
	again = greet_again(second.epoch_ms, second.id);
	ck_assert_str_eq(again.reason, "unknown-type");
	end();
}

/* The whole messages that came, to the end of the connection. */
static int64_t
count_messages(struct client *c)
{
	struct frame f;
	int64_t n = 0;

	read_some(c);
	while (frame_peek(c->got + c->n_taken, c->n_got - c->n_taken,
		   UINT32_MAX, &f) == FRAME_READY) {
		c->n_taken += f.size;
		n += f.type == FRAME_PUBLISH;
	}
	return n;
}

TEST(who_was_too_slow_is_told_so_and_how_many_bytes_are_lost)
{
	const struct conn_limits narrow = { 4096, 4096, 10000, 0 };
	struct client *a, *publisher;
	struct greeting first, again;
	uint64_t n_unwritten;
	int64_t n_published = 0, n_got = 0;

	begin();
	conn_set_limit(set, &narrow);
	first = greet(&a);
	publisher = join();
	say_frame(a, FRAME_SUBSCRIBE, 0, "91a174");
	settle();
	while (conn_set_n_open(set) == 2) {
		publish(publisher, "t", 0, 1);
		n_published++;
		turn();
	}
	n_unwritten = conn_set_stats(set)->n_unwritten;
	ck_assert_uint_gt(n_unwritten, 4000);
	ck_assert_uint_le(n_unwritten, 4096);
	again = greet_again(first.epoch_ms, first.id);
	ck_assert_str_eq(again.reason, "slow-consumer");
	ck_assert_int_eq(again.n_unwritten, (int64_t)n_unwritten);
	ck_assert_int_ge(again.since_ms, 0);
	n_got = count_messages(a);
	ck_assert_int_gt(n_got, 0);
	/* The message that was one too many was never queued, and the turn
	 * before the last may have read another one. */
	ck_assert_int_le(n_got + again.n_messages + 1, n_published);
	ck_assert_int_ge(n_got + again.n_messages + 2, n_published);
	end();
}

TEST(a_connection_whose_end_is_not_read_yet_has_ended_all_the_same)
{
	struct greeting first;
	struct client *a;

	begin();
	first = greet(&a);
	ck_assert_str_eq(greet_again(first.epoch_ms, first.id).reason, "eof");
	ck_assert_uint_eq(conn_set_n_open(set), 2);
	end();
}

TEST(of_a_connection_that_is_not_known_nothing_is_made_up)
{
	struct greeting first, again;
	struct client *a;

	begin();
	first = greet(&a);
	hang_up(a);
	settle();
	again = greet_again(first.epoch_ms, first.id + 100);
	ck_assert_str_eq(again.reason, "unknown");
	ck_assert_int_eq(again.since_ms, -1);
	ck_assert_int_eq(again.n_unwritten, 0);
	again = greet_again(first.epoch_ms - 1, first.id);
	ck_assert_str_eq(again.reason, "unknown");
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

TEST(a_drain_ends_at_its_timeout_whatever_clients_do)
{
	struct native_settings hasty = settings;
	struct client *a, *waiting;

	begin();
	hasty.drain_timeout_ms = 10;
	native_configure(native, &hasty);
	a = join();
	waiting = dial();
	native_drain(native, on_drained, &is_drained);
	ck_assert(!is_drained);
	while (!is_drained)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	read_some(a);
	ck_assert_uint_eq(next_frame(a).type, FRAME_GOODBYE);
	expect_end(a);
	expect_nothing(waiting);
	expect_end(waiting);
	ck_assert_uint_eq(closed_n(hub_closed(hub), &conn_shutdown), 2);
	end();
}

TEST(a_drain_waits_for_no_observer)
{
	struct client *a, *observer;

	begin();
	a = join();
	observer = join_as("watch", CONTROL_OBSERVER);
	native_drain(native, on_drained, &is_drained);
	settle();
	ck_assert(!is_drained);
	shutdown(a->fd, SHUT_WR);
	settle();
	ck_assert(is_drained);
	ck_assert_uint_eq(next_frame(observer).type, FRAME_GOODBYE);
	expect_end(observer);
	end();
}

TEST(a_drain_goes_on_when_a_client_dies)
{
	struct client *a, *b;

	begin();
	a = join();
	b = join();
	native_drain(native, on_drained, &is_drained);
	settle();
	shutdown(a->fd, SHUT_WR);
	settle();
	ck_assert(!is_drained);
	hang_up(b);
	settle();
	ck_assert(is_drained);
	expect_end(a);
	end();
}
