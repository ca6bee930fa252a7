#include "unit/daemon.h"

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
	ck_assert_uint_eq(conn_set_stats(set)->n_closed[CONN_SHUTDOWN], 2);
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
