#include "pm2a.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/fake.h"
#include "wire/msg.h"

static struct fake fake;
static const struct pm2a_options defaults;

#define TOPIC(s) ((struct pm2a_bytes){ (s), sizeof(s) - 1 })

static const struct pm2a_bytes everyone = { "socket.io#/#", 12 };
static const struct pm2a_bytes rooms[] = { { "socket.io#/#room1#", 18 },
	{ "socket.io#/#room2#", 18 } };

static int
publish(const char *topic, const char *body, unsigned flags)
{
	struct pm2a_bytes bytes = pm2a_str(topic);

	return pm2a_publish(fake.p, &bytes, 1, pm2a_str(body), flags);
}

static struct pm2a_stats
stats(void)
{
	struct pm2a_stats out;

	pm2a_get_stats(fake.p, &out);
	return out;
}

TEST(nothing_happens_before_the_first_dispatch)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(pm2a_fd(fake.p), -1);
	ck_assert_int_eq(pm2a_events(fake.p), 0);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 0);
	ck_assert(!pm2a_is_connected(fake.p));
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	ck_assert_int_ge(pm2a_fd(fake.p), 0);
	fake_stop(&fake);
}

TEST(hello_goes_alone_and_says_who_it_is)
{
	struct msg_tree *tree;
	struct frame f;
	const char *s;
	size_t len;

	fake_start(&fake,
	    (struct pm2a_options){ .key = "shop", .role = PM2A_ROLE_EMITTER });
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, everyone), 0);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	ck_assert_int_eq(fake_settle(&fake), 0);
	f = fake_hear(&fake, FRAME_HELLO);
	fake_hear_nothing(&fake);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_str(msg_find(msg_root(tree), "role"), &s, &len));
	ck_assert_mem_eq(s, "emitter", len);
	ck_assert(msg_str(msg_find(msg_root(tree), "key"), &s, &len));
	ck_assert_mem_eq(s, "shop", len);
	ck_assert(msg_str(msg_find(msg_root(tree), "name"), &s, &len));
	ck_assert_mem_eq(s, "test", len);
	msg_tree_free(tree);
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(behind_welcome_go_subscriptions_ping_and_what_waited)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    pm2a_subscribe(fake.p, PM2A_EXACT, rooms[i]), 0);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_MEMBER, everyone), 0);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_PREFIX, everyone), 0);
	ck_assert_int_eq(fake_settle(&fake), 0);
	fake_welcome(&fake, true, 65536, 0);
	fake_hear_golden(&fake, "subscribe-rooms");
	fake_hear_golden(&fake, "subscribe-member");
	fake_hear_golden(&fake, "subscribe-prefix");
	fake_hear_golden(&fake, "ping-empty");
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_hear_nothing(&fake);
	fake_expect_none(&fake);
	ck_assert(!pm2a_is_connected(fake.p));
	fake_say(&fake, FRAME_PONG, 0, "", "");
	fake_expect(&fake, "connect fake/1 7");
	ck_assert_int_eq(pm2a_deadline_ms(fake.p), -1);
	ck_assert_int_eq(pm2a_events(fake.p), POLLIN);
	fake_stop(&fake);
}

TEST(a_subscription_is_sent_once_and_made_again)
{
	fake_connect(&fake, defaults);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    pm2a_subscribe(fake.p, PM2A_MEMBER, everyone), 0);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, rooms[0]), 0);
	ck_assert_int_eq(pm2a_unsubscribe(fake.p, PM2A_EXACT, rooms[0]), 0);
	ck_assert_int_eq(pm2a_unsubscribe(fake.p, PM2A_EXACT, everyone), 0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "subscribe-member");
	(void)fake_hear(&fake, FRAME_SUBSCRIBE);
	fake_hear_golden(&fake, "unsubscribe-room");
	fake_hear_nothing(&fake);
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 2");
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_hear_golden(&fake, "subscribe-member");
	fake_hear_golden(&fake, "ping-empty");
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(subscriptions_are_cut_into_frames_that_fit)
{
	char name[64];
	size_t n = 0;

	fake_start(&fake, defaults);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "a topic of some length %d", i);
		ck_assert_int_eq(
		    pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str(name)), 0);
	}
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 4096, 0);
	while (n < 3000) {
		struct frame f = fake_hear(&fake, FRAME_SUBSCRIBE);
		struct msg_topics topics;

		ck_assert_uint_le(f.size - FRAME_LENGTH_SIZE, 4096);
		ck_assert_int_eq(
		    msg_topics_open(f.body, f.body_len, &topics), 0);
		n += topics.n_left;
	}
	ck_assert_uint_eq(n, 3000);
	(void)fake_hear(&fake, FRAME_PING);
	fake_stop(&fake);
}

TEST(a_subscription_that_fits_no_frame_is_refused_here)
{
	static char name[5000];

	memset(name, 'x', sizeof(name));
	fake_start(&fake, defaults);
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_bytes(name, sizeof(name))),
	    0);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_MEMBER, everyone), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 4096, 0);
	fake_hear_golden(&fake, "subscribe-member");
	(void)fake_hear(&fake, FRAME_PING);
	fake_expect(&fake, "refusal topic-too-long");
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_PREFIX, pm2a_bytes(name, sizeof(name))),
	    PM2A_E_TOO_BIG);
	fake_stop(&fake);
}

TEST(wrong_topics_are_refused)
{
	static char name[70000];

	fake_start(&fake, (struct pm2a_options){ .role = PM2A_ROLE_EMITTER });
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str("")), PM2A_E_ARGUMENT);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_PREFIX, pm2a_str("")), 0);
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_MEMBER, everyone), PM2A_E_ARGUMENT);
	ck_assert_int_eq(pm2a_subscribe(fake.p, (enum pm2a_kind)3, everyone),
	    PM2A_E_ARGUMENT);
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_bytes(name, sizeof(name))),
	    PM2A_E_TOO_BIG);
	fake_stop(&fake);
}

TEST(published_messages_are_the_golden_ones)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, "publish-all");
	struct pm2a_bytes all = pm2a_bytes(v->body.data, v->body.len);

	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_publish(fake.p, &everyone, 1, all, 0), 0);
	v = vector_find(&vectors, "publish-several");
	ck_assert_int_eq(pm2a_publish(fake.p, rooms, 2,
			     pm2a_bytes(v->body.data, v->body.len), 0),
	    0);
	v = vector_find(&vectors, "publish-volatile");
	ck_assert_int_eq(
	    pm2a_publish(fake.p, &everyone, 1,
		pm2a_bytes(v->body.data, v->body.len), PM2A_VOLATILE),
	    0);
	ck_assert_int_eq(pm2a_events(fake.p), POLLIN | POLLOUT);
	ck_assert_uint_eq(stats().queued, 3);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "publish-all");
	fake_hear_golden(&fake, "publish-several");
	fake_hear_golden(&fake, "publish-volatile");
	ck_assert_uint_eq(stats().queued, 0);
	ck_assert_uint_eq(stats().queued_bytes, 0);
	ck_assert_uint_eq(stats().published, 3);
	vectors_free(&vectors);
	fake_stop(&fake);
}

TEST(wrong_messages_are_refused)
{
	struct pm2a_bytes empty = pm2a_str("");
	static char big[70000];

	fake_connect(&fake, defaults);
	ck_assert_int_eq(
	    pm2a_publish(fake.p, &everyone, 0, empty, 0), PM2A_E_ARGUMENT);
	ck_assert_int_eq(
	    pm2a_publish(fake.p, &empty, 1, empty, 0), PM2A_E_ARGUMENT);
	ck_assert_int_eq(
	    pm2a_publish(fake.p, &everyone, 1, empty, 2), PM2A_E_ARGUMENT);
	ck_assert_uint_eq(stats().dropped, 0);
	ck_assert_int_eq(
	    pm2a_publish(fake.p, &everyone, 1, pm2a_bytes(big, sizeof(big)), 0),
	    PM2A_E_TOO_BIG);
	memset(big, 'x', 65);
	big[65] = '\0';
	ck_assert_int_eq(publish(big, "", 0), PM2A_E_TOO_BIG);
	ck_assert_uint_eq(stats().dropped, 2);
	(void)fake_settle(&fake);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(messages_wait_for_a_connection_up_to_the_bound)
{
	static char body[1000];
	struct pm2a_bytes bytes = pm2a_bytes(body, sizeof(body));
	int n = 0, r;

	fake_start(&fake, (struct pm2a_options){ .queue_max_bytes = 10240 });
	while ((r = pm2a_publish(fake.p, &everyone, 1, bytes, 0)) == 0)
		n++;
	ck_assert_int_eq(r, PM2A_E_FULL);
	ck_assert_int_eq(n, 10);
	ck_assert_int_eq(publish("t", "x", PM2A_VOLATILE), PM2A_E_AWAY);
	ck_assert_uint_eq(stats().dropped, 2);
	ck_assert_uint_eq(stats().queued, 10);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	for (int i = 0; i < 10; i++)
		(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(a_message_that_waited_longer_than_its_age_is_dropped_and_counted)
{
	fake_start(&fake, (struct pm2a_options){ .queue_max_age_ms = 1 });
	ck_assert_int_eq(publish("t", "old", 0), 0);
	ck_assert_int_eq(publish("t", "old", 0), 0);
	fake_now_ms += 2;
	ck_assert_int_eq(publish("t", "x", PM2A_VOLATILE), PM2A_E_AWAY);
	ck_assert_uint_eq(stats().expired, 2);
	ck_assert_uint_eq(stats().dropped, 3);
	ck_assert_uint_eq(stats().queued, 0);
	ck_assert_int_eq(publish("t", "old", 0), 0);
	fake_now_ms += 100;
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	ck_assert_uint_eq(stats().expired, 3);
	ck_assert_uint_eq(stats().queued_bytes, 0);
	fake_stop(&fake);
}

TEST(a_message_above_the_limits_that_welcome_tells_is_dropped)
{
	static char body[5000];

	fake_start(&fake, defaults);
	ck_assert_int_eq(pm2a_publish(fake.p, &everyone, 1,
			     pm2a_bytes(body, sizeof(body)), 0),
	    0);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 4096, 0);
	(void)fake_hear(&fake, FRAME_PING);
	ck_assert_uint_eq(fake_hear(&fake, FRAME_PUBLISH).body_len, 1);
	fake_hear_nothing(&fake);
	ck_assert_uint_eq(stats().dropped, 1);
	ck_assert_uint_eq(stats().queued_bytes, 0);
	fake_stop(&fake);
}

/* Publishes until the socket takes no more. */
static size_t
fill_socket(size_t body_len)
{
	char *body = calloc(1, body_len);
	size_t n = 0;

	do {
		ck_assert_int_eq(pm2a_publish(fake.p, &everyone, 1,
				     pm2a_bytes(body, body_len), 0),
		    0);
		ck_assert_int_eq(pm2a_dispatch(fake.p, POLLOUT), 0);
		n++;
	} while (stats().queued == 0);
	free(body);
	return n;
}

TEST(what_was_begun_is_lost_and_the_rest_waits)
{
	fake_connect(
	    &fake, (struct pm2a_options){ .queue_max_bytes = 1 << 22 });
	(void)fill_socket(60000);
	ck_assert_uint_eq(stats().queued, 1);
	ck_assert_int_eq(publish("t", "later", 0), 0);
	ck_assert_int_eq(publish("t", "never", PM2A_VOLATILE), PM2A_E_FULL);
	ck_assert_uint_eq(stats().dropped, 1);
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 2");
	ck_assert_uint_eq(stats().dropped, 2);
	ck_assert_uint_eq(stats().queued, 1);
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	ck_assert_mem_eq(fake_hear(&fake, FRAME_PUBLISH).body, "later", 5);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(writing_to_a_daemon_that_has_died_raises_no_signal)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	close(fake.fd);
	fake.fd = -1;
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLOUT), 0);
	fake_expect(&fake, "disconnect 2");
	fake_stop(&fake);
}

TEST(a_blocked_socket_is_written_when_it_takes_more)
{
	size_t n;

	fake_connect(
	    &fake, (struct pm2a_options){ .queue_max_bytes = 1 << 22 });
	n = fill_socket(60000);
	ck_assert_int_eq(publish("t", "last", 0), 0);
	(void)fake_settle(&fake);
	while (n-- > 0)
		ck_assert_uint_eq(
		    fake_hear(&fake, FRAME_PUBLISH).body_len, 60000);
	ck_assert_mem_eq(fake_hear(&fake, FRAME_PUBLISH).body, "last", 4);
	ck_assert_uint_eq(stats().queued_bytes, 0);
	fake_stop(&fake);
}

TEST(what_arrives_is_told)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "publish-room");
	fake_expect(&fake, "message 1 socket.io#/#room1# 66");
	fake_say_golden(&fake, "publish-several");
	fake_expect(&fake, "message 2 socket.io#/#room2# 72");
	fake_say_golden(&fake, "publish-volatile");
	fake_expect(&fake, "message 1 socket.io#/# 70 volatile");
	fake_say_golden(&fake, "presence-joined");
	fake_expect(&fake, "presence socket.io#/# joined chat 7 of 4");
	fake_say_golden(&fake, "presence-left");
	fake_expect(&fake, "presence socket.io#/# left chat 7 of 3");
	fake_say_golden(&fake, "error");
	fake_expect(&fake, "refusal topic-too-long");
	fake_say_golden(&fake, "ping");
	fake_hear_golden(&fake, "pong");
	fake_say_golden(&fake, "stats-reply");
	fake_say_golden(&fake, "pong");
	fake_expect_none(&fake);
	ck_assert_uint_eq(stats().received, 3);
	ck_assert_uint_eq(stats().refusals, 1);
	fake_stop(&fake);
}

TEST(a_fatal_refusal_ends_the_connection)
{
	fake_connect(&fake, defaults);
	fake_say_golden(&fake, "error-fatal");
	fake_expect(&fake, "refusal bad-frame fatal");
	fake_expect(&fake, "disconnect 4");
	ck_assert_int_eq(pm2a_fd(fake.p), -1);
	fake_wait_for_attempt(&fake);
	(void)fake_hear(&fake, FRAME_HELLO);
	fake_stop(&fake);
}

TEST(a_refusal_before_welcome_is_an_attempt_that_failed)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	(void)fake_hear(&fake, FRAME_HELLO);
	fake_say_golden(&fake, "error-fatal");
	fake_expect(&fake, "refusal bad-frame fatal");
	fake_expect(&fake, "connect_error 4");
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(nobody_there_is_told_and_tried_again_ever_more_rarely)
{
	int64_t before, longest = 0;

	fake_start(&fake, (struct pm2a_options){ .reconnect_min_ms = 10,
			      .reconnect_max_ms = 400 });
	fake_close_listener(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	fake_expect(&fake, "connect_error 1");
	for (int i = 0; i < 40; i++) {
		before = fake_now_ms;
		fake_now_ms = pm2a_deadline_ms(fake.p);
		ck_assert_int_ge(fake_now_ms, before);
		ck_assert_int_le(fake_now_ms - before, i < 6 ? 10 << i : 400);
		if (fake_now_ms - before > longest)
			longest = fake_now_ms - before;
		ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
		fake_expect(&fake, "connect_error 1");
	}
	ck_assert_int_gt(longest, 100);
	fake_open_listener(&fake);
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	fake_expect(&fake, "connect fake/1 7");
	fake_hang_up(&fake);
	ck_assert_int_le(pm2a_deadline_ms(fake.p), fake_now_ms + 10);
	fake_stop(&fake);
}

TEST(a_daemon_that_does_not_answer_is_given_up)
{
	fake_start(&fake, (struct pm2a_options){ .connect_timeout_ms = 100 });
	(void)fake_settle(&fake);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 100);
	(void)fake_after(&fake, 99);
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "connect_error 5");
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_after(&fake, 100);
	fake_expect(&fake, "connect_error 5");
	fake_stop(&fake);
}

TEST(a_silent_daemon_is_pinged_and_then_given_up)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 1000);
	(void)fake_hear(&fake, FRAME_PING);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	fake_expect(&fake, "connect fake/1 7");
	(void)fake_after(&fake, 999);
	fake_hear_nothing(&fake);
	(void)fake_after(&fake, 1);
	fake_hear_golden(&fake, "ping-empty");
	(void)fake_after(&fake, 999);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	(void)fake_after(&fake, 999);
	fake_hear_nothing(&fake);
	(void)fake_after(&fake, 5000);
	fake_hear_golden(&fake, "ping-empty");
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1000);
	fake_expect(&fake, "disconnect 5");
	fake_stop(&fake);
}

TEST(goodbye_is_left_in_order_and_returned_from)
{
	int64_t before;

	fake_connect(&fake, defaults);
	ck_assert_int_eq(publish("t", "sent", 0), 0);
	fake_say_golden(&fake, "goodbye");
	(void)fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_int_eq(recv(fake.fd, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(publish("t", "waits", 0), 0);
	fake_say_golden(&fake, "publish-room");
	fake_expect(&fake, "message 1 socket.io#/#room1# 66");
	before = fake_now_ms;
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 0");
	ck_assert_int_ge(pm2a_deadline_ms(fake.p), before + 100);
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	ck_assert_mem_eq(fake_hear(&fake, FRAME_PUBLISH).body, "waits", 5);
	ck_assert_uint_eq(stats().dropped, 0);
	fake_stop(&fake);
}

TEST(a_daemon_that_says_goodbye_and_stays_is_left)
{
	fake_connect(&fake, (struct pm2a_options){ .connect_timeout_ms = 50 });
	fake_say_golden(&fake, "goodbye");
	(void)fake_after(&fake, 49);
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "disconnect 5");
	fake_stop(&fake);
}

TEST(closing_sends_what_waits_and_waits_for_the_end)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	pm2a_close(fake.p);
	pm2a_close(fake.p);
	ck_assert_int_eq(publish("t", "y", 0), PM2A_E_CLOSED);
	ck_assert_int_eq(
	    pm2a_subscribe(fake.p, PM2A_EXACT, everyone), PM2A_E_CLOSED);
	ck_assert_int_eq(fake_settle(&fake), 0);
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_hear_nothing(&fake);
	ck_assert_int_eq(recv(fake.fd, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	fake_say_golden(&fake, "publish-room");
	fake_expect_none(&fake);
	close(fake.fd);
	fake.fd = -1;
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLIN), PM2A_E_CLOSED);
	fake_expect(&fake, "disconnect 0");
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_int_eq(pm2a_fd(fake.p), -1);
	ck_assert_uint_eq(stats().dropped, 0);
	fake_stop(&fake);
}

TEST(closing_before_the_first_attempt_still_sends)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, everyone), 0);
	ck_assert_int_eq(publish("t", "x", 0), 0);
	pm2a_close(fake.p);
	ck_assert_int_eq(fake_settle(&fake), 0);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_hear_nothing(&fake);
	fake_hang_up(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_expect_none(&fake);
	ck_assert_uint_eq(stats().dropped, 0);
	fake_stop(&fake);
}

TEST(closing_with_nothing_to_send_ends_at_once)
{
	fake_start(&fake, defaults);
	pm2a_close(fake.p);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_stop(&fake);

	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	pm2a_close(fake.p);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_stop(&fake);
}

TEST(closing_while_the_daemon_is_away_drops)
{
	fake_start(&fake, defaults);
	fake_close_listener(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	fake_expect(&fake, "connect_error 1");
	ck_assert_int_eq(publish("t", "x", 0), 0);
	pm2a_close(fake.p);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 0);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_uint_eq(stats().dropped, 1);
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(closing_ends_at_its_deadline)
{
	fake_connect(&fake, (struct pm2a_options){ .connect_timeout_ms = 100 });
	pm2a_close(fake.p);
	ck_assert_int_eq(fake_after(&fake, 99), 0);
	fake_now_ms += 1;
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_expect(&fake, "disconnect 5");
	fake_stop(&fake);
}

static int dispatched;

static void
call_back_in(struct pm2a *p, const struct pm2a_message *message, void *user)
{
	(void)message;
	(void)user;
	dispatched = pm2a_dispatch(p, POLLIN);
	ck_assert_int_eq(publish("t", "from a callback", 0), 0);
}

TEST(a_callback_may_publish_and_must_not_dispatch)
{
	fake_connect(&fake, defaults);
	fake_stop(&fake);
	fake_start(&fake, defaults);
	pm2a_free(fake.p);
	ck_assert_int_eq(pm2a_new(&(struct pm2a_options){ .socket = fake.path,
				      .callbacks.on_message = call_back_in },
			     &fake.p),
	    0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_say_golden(&fake, "publish-room");
	ck_assert_int_eq(dispatched, PM2A_E_ARGUMENT);
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_stop(&fake);
}

static size_t n_freed;

static void
free_in_message(struct pm2a *p, const struct pm2a_message *m, void *user)
{
	(void)m;
	(void)user;
	n_freed++;
	pm2a_free(p);
}

static void
free_in_connect(struct pm2a *p, const struct pm2a_welcome *w, void *user)
{
	(void)w;
	(void)user;
	n_freed++;
	pm2a_free(p);
}

static void
free_in_end(struct pm2a *p, int why, const char *text, void *user)
{
	(void)why;
	(void)text;
	(void)user;
	n_freed++;
	pm2a_free(p);
}

static void
free_in_refusal(struct pm2a *p, const char *code, const char *message,
    bool fatal, void *user)
{
	(void)code;
	(void)message;
	(void)fatal;
	(void)user;
	n_freed++;
	pm2a_free(p);
}

static const struct {
	struct pm2a_callbacks callbacks;
	const char *says[3]; /* golden frames behind HELLO */
} freed_in[] = {
	{ { .on_message = free_in_message },
	    { "welcome", "publish-all", "publish-room" } },
	{ { .on_connect = free_in_connect },
	    { "welcome", "pong", "publish-room" } },
	{ { .on_refusal = free_in_refusal },
	    { "welcome", "error-fatal", "error" } },
	{ { .on_connect_error = free_in_end },
	    { "publish-all", "welcome", NULL } },
	{ { .on_disconnect = free_in_end }, { "welcome", "pong", "question" } },
};

TEST_EACH(a_client_can_be_freed_in_any_callback, freed_in)
{
	struct vectors vectors = vectors_read();
	struct pm2a_options options = { .callbacks = freed_in[row].callbacks };
	struct msg_writer w = { 0 };

	fake_start(&fake, defaults);
	pm2a_free(fake.p);
	options.socket = fake.path;
	ck_assert_int_eq(pm2a_new(&options, &fake.p), 0);
	(void)fake_settle(&fake);
	for (int i = 0; i < 3 && freed_in[row].says[i] != NULL; i++) {
		const struct vector *v =
		    vector_find(&vectors, freed_in[row].says[i]);

		msg_put_raw(&w, v->frame.data, v->frame.len);
	}
	if (options.callbacks.on_disconnect != NULL)
		msg_put_raw(&w, "\0\0\0\0\0\0\0\0", 8);
	ck_assert_int_eq(send(fake.fd, w.data, w.len, MSG_NOSIGNAL), w.len);
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLIN), PM2A_E_CLOSED);
	ck_assert_uint_eq(n_freed, 1);
	fake.p = NULL;
	msg_writer_fini(&w);
	vectors_free(&vectors);
	fake_stop(&fake);
}

static int watched_fd;
static size_t n_changes;

static void
on_change(struct pm2a *p, void *arg)
{
	ck_assert_ptr_eq(arg, &fake);
	if (pm2a_fd(p) == -1 && watched_fd >= 0)
		ck_assert_msg(fcntl(watched_fd, F_GETFD) >= 0,
		    "the descriptor was closed before it was told");
	watched_fd = pm2a_fd(p);
	n_changes++;
}

TEST(an_event_loop_is_told_of_every_change)
{
	struct pm2a_bytes topic = pm2a_str("t");

	watched_fd = -1;
	fake_start(&fake, defaults);
	pm2a_watch(fake.p, on_change, &fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	ck_assert_int_eq(watched_fd, pm2a_fd(fake.p));
	ck_assert_int_ge(watched_fd, 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	n_changes = 0;
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0), 0);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0), 0);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLOUT), 0);
	ck_assert_uint_eq(n_changes, 2);
	ck_assert_int_eq(pm2a_dispatch(fake.p, POLLOUT), 0);
	ck_assert_uint_eq(n_changes, 2);
	fake_hang_up(&fake);
	ck_assert_int_eq(watched_fd, -1);
	pm2a_watch(fake.p, NULL, NULL);
	fake_stop(&fake);
}

static const char *const alien[] = {
	"00000000",                        /* a length below the header */
	"0000000310000000",                /* the same */
	"0000000510000009ff",              /* a topic longer than its frame */
	"ffffffff10000000",                /* more than max_frame */
	"0000000402000000",                /* a second WELCOME */
	"000000052300000090",              /* RESULT: too few elements */
	"0000000524000000c0",              /* PART: no array */
	"000000052100000090",              /* QUESTION: too few elements */
	"000000053000000080",              /* PRESENCE: no keys */
	"0000000560000000c0",              /* ERROR: no array */
	"0000000561000000c0",              /* GOODBYE: no map */
	"00000006100200019001",            /* no topics */
	"00000006100200 01 c0 01",         /* topics that are no array */
	"00000008210200 01 90 93 01 c400", /* QUESTION: no topics */
};

TEST_EACH(bytes_that_no_daemon_sends_end_the_connection, alien)
{
	struct buffer bytes = hex(alien[row]);

	fake_connect(&fake, defaults);
	ck_assert_int_eq(
	    send(fake.fd, bytes.data, bytes.len, MSG_NOSIGNAL), bytes.len);
	(void)fake_settle(&fake);
	fake_expect(&fake, "disconnect 10");
	fake_expect_none(&fake);
	ck_assert_uint_eq(stats().malformed, 1);
	fake_wait_for_attempt(&fake);
	(void)fake_hear(&fake, FRAME_HELLO);
	free(bytes.data);
	fake_stop(&fake);
}

TEST(before_welcome_only_a_refusal_may_come)
{
	struct vectors vectors = vectors_read();

	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];
		uint8_t type = (uint8_t)v->type;

		if (type == FRAME_WELCOME || type == FRAME_ERROR ||
		    type == FRAME_GOODBYE || strcmp(v->way, "in") == 0 ||
		    type == FRAME_STATS_REPLY)
			continue;
		fake_start(&fake, defaults);
		(void)fake_settle(&fake);
		fake_say_bytes(&fake, v->frame.data, v->frame.len);
		fake_expect(&fake, "connect_error 10");
		fake_stop(&fake);
	}
	vectors_free(&vectors);
}

/* All that a daemon may say, behind one another. */
static struct msg_writer
everything(void)
{
	static const char *const names[] = { "welcome", "pong", "publish-all",
		"publish-several", "presence-joined", "question",
		"question-room", "ping", "error", "error-ask", "result-list",
		"result-union", "part", "goodbye", "publish-room" };
	struct vectors vectors = vectors_read();
	struct msg_writer w = { 0 };

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		const struct vector *v = vector_find(&vectors, names[i]);

		msg_put_raw(&w, v->frame.data, v->frame.len);
	}
	vectors_free(&vectors);
	return w;
}

TEST(every_prefix_of_a_stream_can_be_the_last)
{
	struct msg_writer all = everything();

	for (size_t len = 0; len <= all.len; len++) {
		fake_start(&fake, defaults);
		(void)fake_settle(&fake);
		fake_say_bytes(&fake, all.data, len);
		ck_assert_uint_eq(stats().malformed, 0);
		ck_assert_int_ge(pm2a_fd(fake.p), 0);
		fake_hang_up(&fake);
		ck_assert_int_eq(pm2a_fd(fake.p), -1);
		fake_stop(&fake);
	}
	msg_writer_fini(&all);
}

TEST(a_stream_that_comes_in_single_bytes_says_the_same)
{
	struct msg_writer all = everything();
	struct events whole;

	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	fake_say_bytes(&fake, all.data, all.len);
	whole = fake.events;
	ck_assert_uint_ge(whole.n, 7);
	fake_stop(&fake);
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	for (size_t i = 0; i < all.len; i++)
		fake_say_bytes(&fake, all.data + i, 1);
	ck_assert_uint_eq(fake.events.n, whole.n);
	for (size_t i = 0; i < whole.n; i++)
		ck_assert_str_eq(fake.events.text[i], whole.text[i]);
	fake_stop(&fake);
	msg_writer_fini(&all);
}

TEST(a_large_message_is_put_together)
{
	size_t len = 60000;
	uint8_t *bytes = calloc(1, len);

	fake_connect(&fake, defaults);
	frame_write_head(
	    bytes, FRAME_PUBLISH, 0, "t", 1, len - FRAME_HEADER_SIZE - 1);
	for (size_t i = 0; i < len; i += 10000)
		fake_say_bytes(&fake, bytes + i, 10000);
	fake_expect(&fake, "message 1 t 59991");
	free(bytes);
	fake_stop(&fake);
}

static const struct pm2a_options wrong_options[] = {
	{ .socket = "" },
	{ .socket = "/a/path/that/is/longer/than/107/bytes/"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		    "xxxxxxxxxxxxxxxxxxxx" },
	{ .name = "" },
	{ .key = "" },
	{ .key = "a#b" },
	{ .role = (enum pm2a_role)3 },
	{ .queue_max_age_ms = -1 },
	{ .queue_max_age_ms = 86400001 },
	{ .reconnect_min_ms = -1 },
	{ .reconnect_min_ms = 600001 },
	{ .reconnect_max_ms = 49 },
	{ .reconnect_max_ms = 600001 },
	{ .connect_timeout_ms = 9 },
	{ .connect_timeout_ms = 600001 },
};

TEST_EACH(options_out_of_their_range_are_refused, wrong_options)
{
	struct pm2a *p = NULL;

	ck_assert_int_eq(pm2a_new(&wrong_options[row], &p), PM2A_E_ARGUMENT);
	ck_assert_ptr_null(p);
}

TEST(the_defaults_need_no_options)
{
	char dir[256], tmp[32];
	struct pm2a *p = NULL;

	ck_assert_int_eq(setenv("PM2ADAPTERD_SOCKET", "/tmp/none", 1), 0);
	ck_assert_int_eq(pm2a_new(NULL, &p), 0);
	pm2a_free(p);
	memset(dir, 'x', sizeof(dir) - 1);
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	ck_assert_int_eq(setenv("PM2ADAPTERD_SOCKET", dir, 1), 0);
	ck_assert_int_eq(pm2a_new(NULL, &p), PM2A_E_ARGUMENT);
	ck_assert_int_eq(unsetenv("PM2ADAPTERD_SOCKET"), 0);
	make_folder(tmp);
	ck_assert_int_eq(setenv("TMPDIR", tmp, 1), 0);
	ck_assert_int_eq(setenv("PM2_HOME", dir, 1), 0);
	ck_assert_int_eq(pm2a_new(NULL, &p), 0); /* at a short path */
	pm2a_free(p);
	snprintf(
	    dir, sizeof(dir), "%s/pm2adapterd-%u", tmp, (unsigned)geteuid());
	ck_assert_int_eq(rmdir(dir), 0);
	remove_folder(tmp);
	ck_assert_int_eq(setenv("PM2_HOME", "/tmp", 1), 0);
	ck_assert_int_eq(pm2a_new(NULL, &p), 0);
	pm2a_free(p);
	pm2a_free(NULL);
}

TEST(every_result_has_words)
{
	for (int r = PM2A_E_AWAY; r <= PM2A_E_PROTOCOL; r++)
		for (int other = 0; other < r; other++)
			ck_assert_str_ne(
			    pm2a_strerror(r), pm2a_strerror(other));
	ck_assert_str_eq(pm2a_strerror(-ENOMEM), strerror(ENOMEM));
	ck_assert_str_eq(pm2a_strerror(99), pm2a_strerror(1000));
	ck_assert_str_ne(pm2a_version(), "");
}

TEST(goodbye_may_come_instead_of_welcome)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "goodbye");
	fake_say_golden(&fake, "error");
	fake_expect(&fake, "refusal topic-too-long");
	ck_assert_uint_eq(stats().malformed, 0);
	fake_hang_up(&fake);
	fake_expect_none(&fake);
	ck_assert_int_ge(pm2a_deadline_ms(fake.p), fake_now_ms + 100);
	fake_stop(&fake);
}

TEST(without_memory_subscriptions_stay_as_they_are)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_MEMBER, everyone), 0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "subscribe-member");
	(void)fake_fail_allocations(0, false);
	ck_assert_int_eq(
	    pm2a_unsubscribe(fake.p, PM2A_MEMBER, everyone), -ENOMEM);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, rooms[0]), -ENOMEM);
	(void)fake_fail_allocations(1, false);
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, rooms[0]), -ENOMEM);
	(void)fake_fail_allocations(-1, false);
	fake_hang_up(&fake);
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_hear_golden(&fake, "subscribe-member");
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}
