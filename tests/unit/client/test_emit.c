#include "pm2a.h"

#include <stdlib.h>
#include <string.h>

#include "unit/fake.h"
#include "wire/msg.h"

static struct fake fake;
static const struct pm2a_options defaults;

#define MANY 2000

static const struct pm2a_bytes rooms[] = { { "room1", 5 }, { "room2", 5 } };

/* The payload of what is emitted, in hex, on a topic. */
static const struct {
	struct pm2a_emit emit;
	const char *args, *topic, *payload;
} emits[] = {
	{ { .event = "hello" }, "a5776f726c64", "socket.io#/#",
	    "93 a7656d6974746572 83 a474797065 02 a464617461 92 a568656c6c6f"
	    "a5776f726c64 a36e7370 a12f 83 a5726f6f6d73 90 a6657863657074 90"
	    "a5666c616773 80" },
	{ { .event = "e", .nsp = "/chat", .rooms = rooms, .n_rooms = 1 }, "",
	    "socket.io#/chat#room1#",
	    "93 a7656d6974746572 83 a474797065 02 a464617461 91 a165"
	    "a36e7370 a52f63686174 83 a5726f6f6d73 91 a5726f6f6d31"
	    "a6657863657074 90 a5666c616773 80" },
	{ { .event = "e",
	      .except = rooms,
	      .n_except = 2,
	      .flags = PM2A_VOLATILE },
	    "07 c0 9181a16101", "socket.io#/#",
	    "93 a7656d6974746572 83 a474797065 02 a464617461 94 a165 07 c0"
	    "9181a16101 a36e7370 a12f 83 a5726f6f6d73 90 a6657863657074 92"
	    "a5726f6f6d31 a5726f6f6d32 a5666c616773 81 a8766f6c6174696c65"
	    "c3" },
};

static int
emit_with(const struct pm2a_emit *emit, const char *args_hex)
{
	struct buffer args = hex(args_hex);
	struct pm2a_emit copy = *emit;
	int r;

	copy.args = pm2a_bytes(args.data, args.len);
	r = pm2a_emit(fake.p, &copy);
	free(args.data);
	(void)fake_settle(&fake);
	return r;
}

TEST_EACH(what_is_emitted_is_what_the_redis_emitters_write, emits)
{
	struct buffer payload = hex(emits[row].payload);
	struct frame f;

	fake_connect(&fake, defaults);
	ck_assert_int_eq(emit_with(&emits[row].emit, emits[row].args), 0);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags,
	    emits[row].emit.flags == PM2A_VOLATILE ? FRAME_VOLATILE : 0);
	ck_assert_uint_eq(f.topic_len, strlen(emits[row].topic));
	ck_assert_mem_eq(f.topic, emits[row].topic, f.topic_len);
	ck_assert_uint_eq(f.body_len, payload.len);
	ck_assert_mem_eq(f.body, payload.data, f.body_len);
	free(payload.data);
	fake_stop(&fake);
}

TEST(several_rooms_are_several_topics)
{
	struct msg_topics topics;
	const uint8_t *name;
	struct frame f;
	size_t len;

	fake_connect(&fake, (struct pm2a_options){ .key = "shop" });
	ck_assert_int_eq(pm2a_emit(fake.p,
			     &(struct pm2a_emit){
				 .event = "e", .rooms = rooms, .n_rooms = 2 }),
	    0);
	(void)fake_settle(&fake);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags, FRAME_SEVERAL);
	ck_assert_int_eq(msg_topics_open(f.topic, f.topic_len, &topics), 0);
	for (int i = 1; i <= 2; i++) {
		ck_assert(msg_topics_next(&topics, &name, &len));
		ck_assert_uint_eq(len, 13);
		ck_assert_mem_eq(
		    name, i == 1 ? "shop#/#room1#" : "shop#/#room2#", len);
	}
	ck_assert(!msg_topics_next(&topics, &name, &len));
	fake_stop(&fake);
}

/* All workers have subscribed to the namespace's topic, and sort out. */
TEST(rooms_that_can_be_no_topics_go_to_the_namespace)
{
	static char name[5000];
	static struct pm2a_bytes many[MANY];
	struct pm2a_emit emit = { .event = "e", .rooms = many, .n_rooms = 1 };
	struct frame f;

	memset(name, 'x', sizeof(name));
	fake_start(&fake, defaults);
	many[0] = pm2a_bytes(name, 4083);
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), 0);
	many[0].len++;
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), 0);
	for (int i = 0; i < MANY; i++)
		many[i] = pm2a_bytes(name, 30);
	emit.n_rooms = MANY;
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 1 << 20, 0);
	(void)fake_hear(&fake, FRAME_PING);
	ck_assert_uint_eq(fake_hear(&fake, FRAME_PUBLISH).topic_len, 4096);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.topic_len, 12);
	ck_assert_uint_gt(f.body_len, 4084);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.topic_len, 12);
	ck_assert_uint_eq(f.flags, 0);
	fake_stop(&fake);
}

TEST(more_rooms_than_a_frame_has_topics_go_to_the_namespace)
{
	static struct pm2a_bytes rooms_of_one[FRAME_SEVERAL_MAX + 1];
	struct pm2a_options options = defaults;
	struct pm2a_emit emit = {
		.event = "e",
		.rooms = rooms_of_one,
		.n_rooms = FRAME_SEVERAL_MAX,
	};
	struct frame f;

	for (int i = 0; i <= FRAME_SEVERAL_MAX; i++)
		rooms_of_one[i] = pm2a_bytes("x", 1);
	options.key = "k";
	fake_start(&fake, options);
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), 0);
	emit.n_rooms++;
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), 0);
	(void)fake_settle(&fake);
	fake_welcome(&fake, true, 1 << 20, 0);
	(void)fake_hear(&fake, FRAME_PING);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags, FRAME_SEVERAL);
	f = fake_hear(&fake, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags, 0);
	ck_assert_uint_eq(f.topic_len, strlen("k#/#"));
	fake_stop(&fake);
}

static const struct {
	struct pm2a_emit emit;
	const char *args;
} wrong[] = {
	{ { .event = NULL }, "" },
	{ { .event = "connect" }, "" },
	{ { .event = "disconnect" }, "" },
	{ { .event = "newListener" }, "" },
	{ { .event = "e", .nsp = "" }, "" },
	{ { .event = "e", .nsp = "chat" }, "" },
	{ { .event = "e", .flags = 2 }, "" },
	{ { .event = "e" }, "c1" },
	{ { .event = "e" }, "92 01" },
	{ { .event = "e" }, "01 a2 61" },
	{ { .event = "e" }, "dd ffffffff" },
};

TEST_EACH(wrong_events_are_refused, wrong)
{
	fake_connect(&fake, defaults);
	ck_assert_int_eq(
	    emit_with(&wrong[row].emit, wrong[row].args), PM2A_E_ARGUMENT);
	fake_hear_nothing(&fake);
	fake_stop(&fake);
}

TEST(an_event_may_be_volatile_while_the_daemon_is_away)
{
	struct pm2a_emit emit = { .event = "e", .flags = PM2A_VOLATILE };

	fake_start(&fake, defaults);
	ck_assert_int_eq(pm2a_emit(fake.p, &emit), PM2A_E_AWAY);
	fake_stop(&fake);
}
