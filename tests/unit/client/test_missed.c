#include "pm2a.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/fake.h"
#include "wire/msg.h"

static struct fake fake;
static int64_t lost_at;

/* Connected, with a subscription, and then not any more. */
static void
begin_lost(void)
{
	fake_connect(&fake, (struct pm2a_options){ .key = NULL });
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str("t")), 0);
	(void)fake_settle(&fake);
	fake_hang_up(&fake);
	lost_at = fake_now_ms;
	fake_expect(&fake, "disconnect 2");
}

static void
expect_missed(int why, const char *reason, unsigned n_bytes)
{
	char text[160];

	snprintf(text, sizeof(text), "missed %d %s %u %d %lld ms", why, reason,
	    n_bytes, fake.since_ms > 0 ? 99 : 0,
	    (long long)(fake_now_ms - lost_at));
	fake_expect(&fake, text);
	fake_expect_none(&fake);
}

static uint64_t
n_missed(void)
{
	struct pm2a_stats stats;

	pm2a_get_stats(fake.p, &stats);
	return stats.missed;
}

/* Hears HELLO, which names the connection before; 0: none. */
static void
hear_hello(int64_t epoch_ms, int64_t id)
{
	struct frame f = fake_hear(&fake, FRAME_HELLO);
	const struct msg_node *previous;
	struct msg_tree *tree;
	int64_t n = -1;

	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	previous = msg_find(msg_root(tree), "previous");
	ck_assert_int_eq(previous != NULL, id != 0);
	if (previous != NULL) {
		ck_assert_uint_eq(msg_count(previous), 2);
		ck_assert(msg_int(msg_find(previous, "epoch"), &n));
		ck_assert_int_eq(n, epoch_ms);
		ck_assert(msg_int(msg_find(previous, "id"), &n));
		ck_assert_int_eq(n, id);
	}
	msg_tree_free(tree);
	fake.off -= f.size;
}

TEST(who_is_back_is_told_how_its_connection_was_ended)
{
	begin_lost();
	fake.reason = "slow-consumer";
	fake_wait_for_attempt(&fake);
	hear_hello(1, 7);
	(void)fake_after(&fake, 300);
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "slow-consumer", 1234);
	ck_assert_int_ge(fake_now_ms - lost_at, 300);
	ck_assert_uint_eq(n_missed(), 1);
	fake_stop(&fake);
}

TEST(the_loss_begins_with_the_oldest_message_that_the_daemon_threw_away)
{
	begin_lost();
	fake.reason = "slow-consumer";
	fake.since_ms = 7000;
	fake_rejoin(&fake);
	lost_at = fake_now_ms - 7000;
	expect_missed(PM2A_E_LOST, "slow-consumer", 1234);
	fake_stop(&fake);
}

TEST(a_loss_does_not_begin_after_the_end_that_was_seen)
{
	begin_lost();
	fake.reason = "eof";
	fake.since_ms = 1;
	(void)fake_after(&fake, 300);
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "eof", 1234);
	fake_stop(&fake);
}

TEST(each_loss_is_told_once)
{
	begin_lost();
	fake.reason = "eof";
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "eof", 1234);
	(void)fake_after(&fake, 10000);
	fake_expect_none(&fake);
	fake.reason = "memory-limit";
	fake_hang_up(&fake);
	lost_at = fake_now_ms;
	fake_expect(&fake, "disconnect 2");
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "memory-limit", 1234);
	ck_assert_uint_eq(n_missed(), 2);
	fake_stop(&fake);
}

TEST(the_first_connection_has_missed_nothing_and_names_none)
{
	fake_start(&fake, (struct pm2a_options){ .key = NULL });
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str("t")), 0);
	(void)fake_settle(&fake);
	hear_hello(0, 0);
	fake_rejoin(&fake);
	fake_expect_none(&fake);
	ck_assert_uint_eq(n_missed(), 0);
	fake_stop(&fake);
}

TEST(who_had_no_subscription_has_missed_nothing)
{
	fake_connect(&fake, (struct pm2a_options){ .key = NULL });
	fake_hang_up(&fake);
	fake_expect(&fake, "disconnect 2");
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str("t")), 0);
	fake_rejoin(&fake);
	fake_expect_none(&fake);
	ck_assert_uint_eq(n_missed(), 0);
	fake_stop(&fake);
}

TEST(another_daemon_is_a_restart_whatever_it_says)
{
	begin_lost();
	fake.reason = "unknown";
	fake.is_restarted = true;
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "restart", 1234);
	fake_stop(&fake);
}

TEST(a_daemon_that_does_not_say_is_unknown)
{
	begin_lost();
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "unknown", 0);
	fake_stop(&fake);
}

/* Only the last connection that was open counts. */
TEST(a_connection_that_breaks_before_it_is_open_changes_nothing)
{
	begin_lost();
	fake.reason = "eof";
	fake_wait_for_attempt(&fake);
	fake_welcome(&fake, true, 65536, 0);
	fake_hang_up(&fake);
	fake_expect(&fake, "connect_error 2");
	fake.reason = "slow-consumer";
	fake_wait_for_attempt(&fake);
	hear_hello(1, 7);
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, "slow-consumer", 1234);
	fake_stop(&fake);
}

TEST(a_silent_daemon_is_left_and_what_was_missed_is_told)
{
	fake_start(&fake, (struct pm2a_options){ .key = NULL });
	ck_assert_int_eq(pm2a_subscribe(fake.p, PM2A_EXACT, pm2a_str("t")), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 65536, 1000);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	fake_expect(&fake, "connect fake/1 7");
	(void)fake_after(&fake, 1000);
	(void)fake_after(&fake, 1000);
	lost_at = fake_now_ms;
	fake_expect(&fake, "disconnect 5");
	fake.reason = "eof";
	fake_rejoin(&fake);
	expect_missed(PM2A_E_TIMEOUT, "eof", 1234);
	fake_stop(&fake);
}

TEST(a_reason_is_cut_where_it_is_too_long)
{
	static const char words[] =
	    "0123456789012345678901234567890123456789012345678901234567890123";
	char reason[80];

	snprintf(reason, sizeof(reason), "%sand more", words);
	begin_lost();
	fake.reason = reason;
	fake_rejoin(&fake);
	expect_missed(PM2A_E_LOST, words, 1234);
	fake_stop(&fake);
}
