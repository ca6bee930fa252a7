#include "pm2a_libevent.h"

#include <event2/event.h>
#include <unistd.h>

#include "unit/fake.h"

static struct fake fake;
static struct event_base *base;
static struct pm2a_libevent *binding;
static const struct pm2a_options defaults;
static const struct pm2a_bytes topic = { "t", 1 };

static void
on_end(struct pm2a *p, void *arg)
{
	ck_assert_ptr_eq(arg, &fake);
	fake_note(&fake, "end");
	pm2a_libevent_free(binding);
	binding = NULL;
	pm2a_free(p);
	fake.p = NULL;
}

/* Runs the loop as long as something is to be done at once. */
static void
turn(void)
{
	for (int i = 0; i < 10; i++)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	fake_receive(&fake);
}

static void
start(struct pm2a_options options)
{
	base = event_base_new();
	fake_start(&fake, options);
	ck_assert_int_eq(
	    pm2a_libevent_new(fake.p, base, on_end, &fake, &binding), 0);
	fake.is_driven = true;
	turn();
}

static void
stop(void)
{
	pm2a_libevent_free(binding);
	fake_stop(&fake);
	event_base_free(base);
}

static void
connect_over(void)
{
	fake_welcome(&fake, true, 65536, 0);
	turn();
	(void)fake_hear(&fake, FRAME_PING);
	fake_say(&fake, FRAME_PONG, 0, "", "");
	turn();
	fake_expect(&fake, "connect fake/1 7");
}

TEST(the_loop_connects_reads_and_writes)
{
	start(defaults);
	connect_over();
	fake_say_golden(&fake, "publish-room");
	turn();
	fake_expect(&fake, "message 1 socket.io#/#room1# 66");
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0), 0);
	turn();
	(void)fake_hear(&fake, FRAME_PUBLISH);
	stop();
}

TEST(the_loop_comes_back_after_the_connection_has_ended)
{
	start((struct pm2a_options){
	    .reconnect_min_ms = 1, .reconnect_max_ms = 1 });
	connect_over();
	fake_hang_up(&fake);
	turn();
	fake_expect(&fake, "disconnect 2");
	while (fake.fd < 0) {
		fake_now_ms += 1;
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
		fake_receive(&fake);
	}
	turn();
	connect_over();
	stop();
}

TEST(the_loop_says_when_the_client_is_closed)
{
	start(defaults);
	connect_over();
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0), 0);
	pm2a_close(fake.p);
	turn();
	(void)fake_hear(&fake, FRAME_PUBLISH);
	fake_expect_none(&fake);
	fake_hang_up(&fake);
	turn();
	fake_expect(&fake, "disconnect 0");
	fake_expect(&fake, "end");
	stop();
}

TEST(the_binding_can_go_before_the_client)
{
	start(defaults);
	connect_over();
	pm2a_libevent_free(binding);
	binding = NULL;
	ck_assert_int_eq(pm2a_publish(fake.p, &topic, 1, pm2a_str("x"), 0), 0);
	turn();
	fake_hear_nothing(&fake);
	stop();
}
