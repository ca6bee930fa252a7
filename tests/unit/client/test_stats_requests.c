#include "pm2a.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "unit/fake.h"
#include "wire/msg.h"

static struct fake fake;
static const struct pm2a_options defaults;

static void
on_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	(void)p;
	if (reply->error != 0)
		fake_note(&fake, "%s: error %d %s: %s", (const char *)arg,
		    reply->error, reply->refusal, reply->message);
	else
		fake_note(
		    &fake, "%s: %zu bytes", (const char *)arg, reply->body.len);
}

/* Requests the overview, and returns what pm2a_stats() did. */
static int
request(const char *name, int timeout_ms)
{
	return pm2a_stats(
	    fake.p, &(struct pm2a_stats_request){ .timeout_ms = timeout_ms,
			.on_reply = on_reply,
			.arg = (void *)(uintptr_t)name });
}

static size_t
queued_bytes(void)
{
	struct pm2a_stats stats;

	pm2a_get_stats(fake.p, &stats);
	return stats.queued_bytes;
}

TEST(a_request_is_the_golden_one_and_ends_with_the_reply)
{
	static const char *const sections[] = { "overview", "clients" };
	struct vectors vectors = vectors_read();
	char event[64];

	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_stats(fake.p,
			     &(struct pm2a_stats_request){ .sections = sections,
				 .n_sections = 2,
				 .limit = 100,
				 .on_reply = on_reply,
				 .arg = (void *)(uintptr_t) "a" }),
	    0);
	(void)fake_settle(&fake);
	fake_hear_golden(&fake, "stats");
	fake_expect_none(&fake);
	fake_say_golden(&fake, "stats-reply");
	snprintf(event, sizeof(event), "a: %zu bytes",
	    vector_find(&vectors, "stats-reply")->body.len);
	fake_expect(&fake, event);
	fake_say_golden(&fake, "stats-reply");
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_deadline_ms(fake.p), -1);
	vectors_free(&vectors);
	fake_stop(&fake);
}

TEST(all_zeros_leave_the_sections_to_the_daemon)
{
	struct frame f;

	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	f = fake_hear(&fake, FRAME_STATS);
	ck_assert_uint_eq(f.body_len, 1);
	ck_assert_uint_eq(f.body[0], 0x80);
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 5000);
	fake_stop(&fake);
	fake_expect(&fake, "a: error 3 : ");
}

TEST(one_request_is_sent_at_a_time)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	ck_assert_int_eq(request("b", 0), 0);
	(void)fake_settle(&fake);
	(void)fake_hear(&fake, FRAME_STATS);
	fake_hear_nothing(&fake);
	ck_assert_uint_gt(queued_bytes(), 0);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	fake_expect(&fake, "a: 1 bytes");
	(void)fake_hear(&fake, FRAME_STATS);
	ck_assert_uint_eq(queued_bytes(), 0);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "81a16100");
	fake_expect(&fake, "b: 4 bytes");
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_reply_that_comes_too_late_is_not_that_to_another_request)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 100), 0);
	ck_assert_int_eq(request("b", 300), 0);
	ck_assert_int_eq(request("c", 200), 0);
	(void)fake_settle(&fake);
	(void)fake_hear(&fake, FRAME_STATS);
	(void)fake_after(&fake, 99);
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "a: error 5 : ");
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 100);
	(void)fake_after(&fake, 100);
	fake_expect(&fake, "c: error 5 : ");
	fake_hear_nothing(&fake);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	fake_expect_none(&fake);
	(void)fake_hear(&fake, FRAME_STATS);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "81a16100");
	fake_expect(&fake, "b: 4 bytes");
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_refusal_that_comes_too_late_is_nobodys)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 100), 0);
	(void)fake_after(&fake, 100);
	fake_expect(&fake, "a: error 5 : ");
	fake_say(&fake, FRAME_ERROR, 0, "", "93a8 6261642d626f6479 a178 c2");
	fake_expect_none(&fake);
	fake_stop(&fake);
}

TEST(a_refusal_ends_the_request_with_its_words)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "error"); /* of a SUBSCRIBE */
	fake_expect(&fake, "refusal topic-too-long");
	fake_say(&fake, FRAME_ERROR, 0, "", "93a8 6261642d626f6479 a178 c2");
	fake_expect(&fake, "a: error 4 bad-body: x");
	fake_say(&fake, FRAME_ERROR, 0, "", "93a8 6261642d626f6479 a178 c2");
	fake_expect(&fake, "refusal bad-body");
	fake_stop(&fake);
}

TEST(a_request_waits_for_the_attempt_and_fails_with_it)
{
	fake_start(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	(void)fake_hear(&fake, FRAME_STATS);
	ck_assert_int_eq(request("b", 0), 0);
	fake_hang_up(&fake);
	fake_expect(&fake, "a: error 2 : ");
	fake_expect(&fake, "b: error 1 : ");
	fake_expect(&fake, "connect_error 2");
	ck_assert_int_eq(request("c", 0), PM2A_E_AWAY);
	ck_assert_uint_eq(queued_bytes(), 0);
	fake_wait_for_attempt(&fake);
	ck_assert_int_eq(request("d", 0), 0);
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	(void)fake_hear(&fake, FRAME_STATS);
	fake_hear_nothing(&fake);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	fake_expect(&fake, "d: 1 bytes");
	fake_stop(&fake);
}

TEST(a_request_that_waits_has_its_timeout_too)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
	ck_assert_int_eq(request("a", 100), 0);
	(void)fake_after(&fake, 99);
	fake_expect_none(&fake);
	(void)fake_after(&fake, 1);
	fake_expect(&fake, "a: error 5 : ");
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(a_daemon_without_statistics_is_known_as_one)
{
	fake_start(&fake, defaults);
	fake.lacks_stats = true;
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_expect(&fake, "a: error 4 unsupported: ");
	ck_assert_int_eq(request("b", 0), PM2A_E_REFUSED);
	(void)fake_hear(&fake, FRAME_PING);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(a_close_ends_requests_and_a_late_reply_does_no_harm)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	pm2a_close(fake.p);
	ck_assert_int_eq(request("b", 0), PM2A_E_CLOSED);
	(void)fake_settle(&fake);
	fake_expect(&fake, "a: error 3 : ");
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	fake_expect_none(&fake);
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 0");
	fake_stop(&fake);
}

/* A STATS_REPLY whose body is a map with one str of n bytes. */
static void
say_large(size_t n)
{
	struct msg_writer w = { 0 };
	uint8_t head[FRAME_HEADER_SIZE] = { 0 };
	char *text = calloc(1, n);

	msg_put_raw(&w, head, sizeof(head));
	msg_put_map(&w, 1);
	msg_put_str(&w, "a");
	msg_put_strn(&w, text, n);
	frame_write_head(
	    w.data, FRAME_STATS_REPLY, 0, NULL, 0, w.len - FRAME_HEADER_SIZE);
	for (size_t off = 0, len; off < w.len; off += len) {
		len = w.len - off < 50000 ? w.len - off : 50000;
		if (fake.fd >= 0)
			(void)!send(fake.fd, w.data + off, len, MSG_NOSIGNAL);
		(void)fake_settle(&fake);
	}
	msg_writer_fini(&w);
	free(text);
}

TEST(a_reply_may_be_larger_than_max_frame_if_it_is_due)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	say_large(300000);
	fake_expect(&fake, "a: 300008 bytes");
	fake_expect_none(&fake);
	say_large(300000);
	fake_expect(&fake, "disconnect 10");
	fake_stop(&fake);
}

static const char *const malformed[] = { "c0", "90", "81a161", "8000", "" };

TEST_EACH(a_reply_that_is_no_map_is_malformed, malformed)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(request("a", 0), 0);
	(void)fake_settle(&fake);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", malformed[row]);
	fake_expect(&fake, "a: error 2 : ");
	fake_expect(&fake, "disconnect 10");
	fake_stop(&fake);
}

static char long_section[5000];
static const char *const long_sections[] = { long_section };

static const struct {
	struct pm2a_stats_request request;
	int r;
} wrong[] = {
	{ { .on_reply = NULL }, PM2A_E_ARGUMENT },
	{ { .on_reply = on_reply, .limit = 1001 }, PM2A_E_ARGUMENT },
	{ { .on_reply = on_reply, .timeout_ms = -1 }, PM2A_E_ARGUMENT },
	{ { .on_reply = on_reply, .timeout_ms = PM2A_TIMEOUT_MAX_MS + 1 },
	    PM2A_E_ARGUMENT },
	{ { .on_reply = on_reply,
	      .sort = "0123456789012345678901234567890123" },
	    PM2A_E_ARGUMENT },
	{ { .on_reply = on_reply, .sections = long_sections, .n_sections = 1 },
	    PM2A_E_TOO_BIG },
};

TEST_EACH(wrong_requests_are_refused, wrong)
{
	memset(long_section, 'x', sizeof(long_section) - 1);
	fake_connect(&fake, defaults);
	ck_assert_int_eq(pm2a_stats(fake.p, &wrong[row].request), wrong[row].r);
	(void)fake_settle(&fake);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(sixteen_requests_may_be_open)
{
	fake_connect(&fake, defaults);
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(request("a", 0), 0);
	ck_assert_int_eq(request("b", 0), PM2A_E_FULL);
	(void)fake_settle(&fake);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	ck_assert_int_eq(request("b", 0), 0);
	fake_stop(&fake);
}

TEST(requests_count_towards_the_bound_of_what_waits)
{
	fake_start(&fake, (struct pm2a_options){ .queue_max_bytes = 20 });
	ck_assert_int_eq(request("a", 0), 0);
	ck_assert_uint_eq(queued_bytes(), 9);
	ck_assert_int_eq(request("b", 0), 0);
	ck_assert_int_eq(request("c", 0), PM2A_E_FULL);
	fake_stop(&fake);
}

static void
request_again(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	(void)p;
	(void)arg;
	fake_note(&fake, "%d then %d", reply->error, request("again", 1));
}

static void
free_in_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	(void)arg;
	fake_note(&fake, "freed %d", reply->error);
	pm2a_free(p);
	fake.p = NULL;
}

static void
do_in_reply(
    void (*fn)(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg))
{
	ck_assert_int_eq(
	    pm2a_stats(fake.p, &(struct pm2a_stats_request){ .on_reply = fn,
				   .timeout_ms = 1 }),
	    0);
}

TEST(a_callback_may_request_again)
{
	fake_connect(&fake, defaults);
	do_in_reply(request_again);
	(void)fake_settle(&fake);
	fake_say(&fake, FRAME_STATS_REPLY, 0, "", "80");
	fake_expect(&fake, "0 then 0");
	do_in_reply(request_again);
	fake_now_ms++;
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	fake_expect(&fake, "again: error 5 : ");
	fake_expect(&fake, "5 then 0");
	fake_expect_none(&fake);
	fake_hang_up(&fake);
	fake_stop(&fake);
}

TEST(a_client_can_be_freed_in_a_reply)
{
	for (int i = 0; i < 3; i++) {
		fake_connect(&fake, defaults);
		do_in_reply(free_in_reply);
		ck_assert_int_eq(request("other", 1), 0);
		if (i < 2)
			(void)fake_settle(&fake);
		if (i == 0)
			ck_assert_int_eq(
			    send(fake.fd, "\0\0\0\5\x51\0\0\0\x80", 9, 0), 9);
		else if (i == 1)
			shutdown(fake.fd, SHUT_RDWR);
		else
			fake_now_ms++;
		ck_assert_int_eq(
		    pm2a_dispatch(fake.p, 1 /* POLLIN */), PM2A_E_CLOSED);
		ck_assert_uint_eq(fake.events.n, 2);
		fake_stop(&fake);
	}
}
