#include "pm2a.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/fake.h"

/*
 * Each state in which a client can be, and what closes, frees or ends it there.
 */

static struct fake fake;
static const struct pm2a_options defaults;
static const struct pm2a_bytes topic = { "t", 1 };

static struct pm2a_stats
stats(void)
{
	struct pm2a_stats out;

	pm2a_get_stats(fake.p, &out);
	return out;
}

static int
publish(void)
{
	return pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0);
}

static void
reach_new(void)
{
	fake_start(&fake, defaults);
}

static void
reach_waiting(void)
{
	fake_start(&fake, defaults);
	fake_close_listener(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), 0);
	fake_expect(&fake, "connect_error 1");
}

static void
reach_greeting(void)
{
	fake_start(&fake, defaults);
	(void)fake_settle(&fake);
}

static void
reach_joining(void)
{
	reach_greeting();
	fake_welcome(&fake, true, 65536, 0);
	(void)fake_hear(&fake, FRAME_PING);
}

static void
reach_open(void)
{
	fake_connect(&fake, defaults);
}

static void
reach_leaving_early(void)
{
	reach_joining();
	fake_say_golden(&fake, "goodbye");
}

static void
reach_leaving(void)
{
	reach_open();
	fake_say_golden(&fake, "goodbye");
}

static const struct {
	const char *name;
	void (*reach)(void);
	const char *end;       /* the event of a connection that is lost */
	const char *close;     /* the event of one that is closed */
	bool takes_requests;   /* and keeps them */
	bool sends_what_waits; /* when it is closed */
} states[] = {
	{ "new", reach_new, NULL, NULL, true, true },
	{ "waiting", reach_waiting, NULL, NULL, false, false },
	{ "greeting", reach_greeting, "connect_error 2", NULL, true, true },
	{ "joining", reach_joining, "connect_error 2", NULL, true, true },
	{ "open", reach_open, "disconnect 2", "disconnect 0", true, true },
	{ "leaving early", reach_leaving_early, NULL, NULL, false, false },
	{ "leaving", reach_leaving, "disconnect 0", "disconnect 0", false,
	    false },
};

/* Whether a request is taken; its result is an event. */
static bool
opens_request(void)
{
	struct pm2a_ask ask = fake_ask(&fake, &topic, "x");
	int r = pm2a_ask(fake.p, &ask);

	ck_assert(r == 0 || r == PM2A_E_AWAY);
	return r == 0;
}

/* The client has let go of its socket. */
static void
expect_eof(void)
{
	char bytes[4096];
	ssize_t n;

	if (fake.fd < 0)
		return;
	do
		n = recv(fake.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (n > 0);
	ck_assert_int_eq(n, 0);
}

TEST_EACH(a_connection_can_end_in_any_state, states)
{
	bool is_connected = row >= 2;

	states[row].reach();
	ck_assert_int_eq(opens_request(), states[row].takes_requests);
	if (is_connected)
		fake_hang_up(&fake);
	else
		ck_assert_int_eq(pm2a_fd(fake.p), -1);
	if (is_connected && states[row].takes_requests)
		fake_expect(&fake, states[row].reach == reach_greeting
				       ? "result 1 "
				       : "result 2 ");
	if (states[row].end != NULL)
		fake_expect(&fake, states[row].end);
	fake_expect_none(&fake);
	if (is_connected)
		fake_wait_for_attempt(&fake);
	fake_stop(&fake);
}

TEST_EACH(a_client_can_be_freed_in_any_state, states)
{
	bool has_request;

	states[row].reach();
	has_request = opens_request();
	pm2a_free(fake.p);
	fake.p = NULL;
	if (has_request)
		fake_expect(&fake, "result 3 ");
	fake_expect_none(&fake);
	expect_eof();
	fake_stop(&fake);
}

TEST_EACH(a_client_can_be_closed_in_any_state, states)
{
	bool has_request;

	states[row].reach();
	has_request = opens_request();
	pm2a_close(fake.p);
	fake_expect_none(&fake);
	ck_assert(!pm2a_is_connected(fake.p));
	ck_assert_int_eq(pm2a_timeout_ms(fake.p), 0);
	ck_assert_int_eq(publish(), PM2A_E_CLOSED);
	(void)fake_settle(&fake);
	if (has_request)
		fake_expect(&fake, "result 3 ");
	if (pm2a_fd(fake.p) >= 0) {
		expect_eof();
		fake_hang_up(&fake);
	}
	if (states[row].close != NULL)
		fake_expect(&fake, states[row].close);
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_int_eq(pm2a_fd(fake.p), -1);
	fake_stop(&fake);
}

TEST_EACH(a_close_sends_what_waits_if_it_can, states)
{
	states[row].reach();
	ck_assert_int_eq(publish(), 0);
	pm2a_close(fake.p);
	(void)fake_settle(&fake);
	if (row == 0 || states[row].reach == reach_greeting)
		fake_welcome(&fake, true, 65536, 0);
	if (states[row].sends_what_waits)
		(void)fake_hear(&fake, FRAME_PUBLISH);
	if (pm2a_fd(fake.p) >= 0) {
		expect_eof();
		fake_hang_up(&fake);
	}
	if (states[row].close != NULL)
		fake_expect(&fake, states[row].close);
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_uint_eq(stats().dropped, !states[row].sends_what_waits);
	fake_stop(&fake);
}

TEST_EACH(a_client_can_be_freed_while_it_closes, states)
{
	for (int n_messages = 0; n_messages < 2; n_messages++)
		for (int n_dispatches = 0; n_dispatches < 2; n_dispatches++) {
			states[row].reach();
			if (n_messages > 0)
				ck_assert_int_eq(publish(), 0);
			pm2a_close(fake.p);
			if (n_dispatches > 0)
				(void)!pm2a_dispatch(fake.p, 0);
			pm2a_free(fake.p);
			fake.p = NULL;
			fake_expect_none(&fake);
			expect_eof();
			fake_stop(&fake);
		}
}

TEST(a_last_attempt_that_fails_is_the_end)
{
	reach_new();
	ck_assert_int_eq(publish(), 0);
	fake_close_listener(&fake);
	pm2a_close(fake.p);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_expect(&fake, "connect_error 1");
	ck_assert_uint_eq(stats().dropped, 1);
	fake_stop(&fake);
}

TEST(a_last_greeting_that_breaks_is_the_end)
{
	reach_greeting();
	ck_assert_int_eq(publish(), 0);
	pm2a_close(fake.p);
	(void)fake_settle(&fake);
	fake_hang_up(&fake);
	fake_expect(&fake, "connect_error 2");
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_uint_eq(stats().dropped, 1);
	fake_stop(&fake);
}

TEST(a_goodbye_instead_of_the_last_welcome_is_the_end)
{
	reach_greeting();
	ck_assert_int_eq(publish(), 0);
	pm2a_close(fake.p);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "goodbye");
	expect_eof();
	fake_hang_up(&fake);
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	ck_assert_uint_eq(stats().dropped, 1);
	fake_stop(&fake);
}

TEST(a_last_greeting_has_the_time_of_a_close)
{
	fake_start(&fake, (struct pm2a_options){ .connect_timeout_ms = 100 });
	ck_assert_int_eq(publish(), 0);
	fake_now_ms += 50;
	pm2a_close(fake.p);
	ck_assert_int_eq(fake_settle(&fake), 0);
	ck_assert_int_eq(fake_after(&fake, 99), 0);
	fake_now_ms += 1;
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_expect(&fake, "connect_error 5");
	fake_stop(&fake);
}

/* Calls everything that a callback must not, in a callback. */
static void
try_all(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)arg;
	fake_note(&fake, "%d: %d %d %d", result->error,
	    pm2a_dispatch(p, POLLIN), pm2a_run(p, -1), pm2a_finish(p, 1000));
}

TEST(callbacks_do_not_dispatch_run_or_finish)
{
	struct pm2a_ask ask = fake_ask(&fake, &topic, "x");

	ask.on_result = try_all;
	reach_open();
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_settle(&fake);
	fake_say_golden(&fake, "result-list");
	fake_expect(&fake, "0: 8 8 8");
	ck_assert(pm2a_is_connected(fake.p));
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	pm2a_free(fake.p);
	fake.p = NULL;
	fake_expect(&fake, "3: 8 8 8");
	fake_stop(&fake);
}

static void
close_in_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)result;
	(void)arg;
	pm2a_close(p);
}

TEST_EACH(a_close_in_a_callback_is_a_close, states)
{
	struct pm2a_ask ask = fake_ask(&fake, &topic, "x");

	ask.on_result = close_in_result;
	ask.timeout_ms = 1;
	states[row].reach();
	if (!states[row].takes_requests) {
		ck_assert_int_eq(pm2a_ask(fake.p, &ask), PM2A_E_AWAY);
		fake_stop(&fake);
		return;
	}
	ck_assert_int_eq(pm2a_ask(fake.p, &ask), 0);
	(void)fake_after(&fake, 1001);
	if (pm2a_fd(fake.p) >= 0) {
		expect_eof();
		fake_hang_up(&fake);
	}
	if (states[row].close != NULL)
		fake_expect(&fake, states[row].close);
	fake_expect_none(&fake);
	ck_assert_int_eq(pm2a_dispatch(fake.p, 0), PM2A_E_CLOSED);
	fake_stop(&fake);
}
