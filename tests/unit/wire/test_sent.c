#include "wire/sent.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

#define TOPIC(s)                   \
	{                          \
		(s), sizeof(s) - 1 \
	}

static const struct sent_bytes rooms[] = { TOPIC("socket.io#/#room1#"),
	TOPIC("socket.io#/#room2#") };
static const struct sent_bytes everyone = TOPIC("socket.io#/#");
static const struct sent_bytes nothing;

static struct sent_bytes
bytes_of(const struct buffer *buffer)
{
	return (struct sent_bytes){ buffer->data, buffer->len };
}

static void
put_hello(struct msg_writer *w, const struct vector *v)
{
	sent_write_hello(w, &(struct sent_hello){ .name = "app",
				.client = "lib",
				.role = "emitter",
				.key = "k",
				.pid = v->type,
				.pm_id = -1 });
}

static void
put_rooms(struct msg_writer *w, const struct vector *v)
{
	sent_write_topics(w, FRAME_SUBSCRIBE, (uint8_t)v->flags, rooms, 2);
}

static void
put_member(struct msg_writer *w, const struct vector *v)
{
	sent_write_topics(w, FRAME_SUBSCRIBE, (uint8_t)v->flags, &everyone, 1);
}

static void
put_none(struct msg_writer *w, const struct vector *v)
{
	sent_write_topics(w, FRAME_SUBSCRIBE, (uint8_t)v->flags, NULL, 0);
}

static void
put_unsubscribe(struct msg_writer *w, const struct vector *v)
{
	sent_write_topics(w, FRAME_UNSUBSCRIBE, (uint8_t)v->flags, rooms, 1);
}

static void
put_opaque(struct msg_writer *w, const struct vector *v)
{
	sent_write_opaque(w, (enum frame_type)v->type, (uint8_t)v->flags,
	    bytes_of(&v->topic), bytes_of(&v->body));
}

static void
put_several(struct msg_writer *w, const struct vector *v)
{
	struct msg_writer field = { 0 };

	sent_put_several(&field, rooms, 2);
	ck_assert_uint_eq(field.len, v->topic.len);
	sent_write_opaque(w, FRAME_PUBLISH, FRAME_SEVERAL,
	    (struct sent_bytes){ field.data, field.len }, bytes_of(&v->body));
	msg_writer_fini(&field);
}

static void
put_ask(struct msg_writer *w, const struct vector *v, uint64_t id,
    const char *gather, int64_t timeout_ms, const char *payload)
{
	struct buffer bytes = hex(payload);

	sent_write_request(
	    w, &(struct sent_request){ (uint8_t)v->flags, bytes_of(&v->topic),
		   id, gather, timeout_ms, bytes_of(&bytes) });
	free(bytes.data);
}

static void
put_ask_list(struct msg_writer *w, const struct vector *v)
{
	put_ask(w, v, 1, "list", 5000,
	    "94a475696431a12fad637573746f6d52657175657374a46a6f686e");
}

static void
put_ask_several(struct msg_writer *w, const struct vector *v)
{
	put_ask(w, v, 4, "stream", 300000, "");
}

static void
put_answer_yes(struct msg_writer *w, const struct vector *v)
{
	(void)v;
	sent_write_answer(w, 281474976710657, VERDICT_YES,
	    (struct sent_bytes)TOPIC("\xaahello john"));
}

static void
put_answer_no(struct msg_writer *w, const struct vector *v)
{
	(void)v;
	sent_write_answer(w, 12, VERDICT_NO, nothing);
}

static void
put_answer_more(struct msg_writer *w, const struct vector *v)
{
	(void)v;
	sent_write_answer(
	    w, 12, VERDICT_MORE, (struct sent_bytes)TOPIC("\x91\x01"));
}

static void
put_stats(struct msg_writer *w, const struct vector *v)
{
	static const char *const sections[] = { "overview", "clients" };

	(void)v;
	sent_write_stats(w, &(struct sent_stats){ sections, 2, 100, NULL });
}

static const struct {
	const char *name;
	void (*put)(struct msg_writer *w, const struct vector *v);
} writers[] = {
	{ "subscribe-rooms", put_rooms },
	{ "subscribe-member", put_member },
	{ "subscribe-prefix", put_member },
	{ "subscribe-none", put_none },
	{ "unsubscribe-room", put_unsubscribe },
	{ "publish-all", put_opaque },
	{ "publish-volatile", put_opaque },
	{ "publish-empty", put_opaque },
	{ "publish-several", put_several },
	{ "ping", put_opaque },
	{ "ping-empty", put_opaque },
	{ "pong", put_opaque },
	{ "ask-list", put_ask_list },
	{ "ask-several", put_ask_several },
	{ "answer-yes", put_answer_yes },
	{ "answer-no", put_answer_no },
	{ "answer-more", put_answer_more },
	{ "stats", put_stats },
};

TEST_EACH(a_written_frame_is_the_golden_one, writers)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, writers[row].name);
	struct msg_writer w = { 0 };

	writers[row].put(&w, v);
	ck_assert(!w.fault);
	ck_assert_uint_eq(w.len, v->frame.len);
	ck_assert_mem_eq(w.data, v->frame.data, w.len);
	msg_writer_fini(&w);
	vectors_free(&vectors);
}

TEST(frames_are_appended_to_what_is_there)
{
	struct vectors vectors = vectors_read();
	struct msg_writer w = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < N_ELEMENTS(writers); i++)
		writers[i].put(&w, vector_find(&vectors, writers[i].name));
	for (size_t i = 0; i < N_ELEMENTS(writers); i++) {
		const struct vector *v = vector_find(&vectors, writers[i].name);

		ck_assert_uint_le(at + v->frame.len, w.len);
		ck_assert_mem_eq(w.data + at, v->frame.data, v->frame.len);
		at += v->frame.len;
	}
	ck_assert_uint_eq(at, w.len);
	msg_writer_fini(&w);
	vectors_free(&vectors);
}

static const struct {
	const char *key;
	int64_t pm_id;
	size_t n; /* keys of the map */
} hellos[] = {
	{ NULL, -1, 5 },
	{ "k", -1, 6 },
	{ NULL, 0, 6 },
	{ "k", 3, 7 },
};

TEST_EACH(a_hello_has_what_is_known, hellos)
{
	struct msg_writer w = { 0 };
	struct msg_tree *tree;
	struct frame f;
	const char *s;
	size_t len;
	int64_t n = 0;

	sent_write_hello(&w, &(struct sent_hello){ .name = "app",
				 .client = "lib/1",
				 .role = "emitter",
				 .key = hellos[row].key,
				 .pid = 4711,
				 .pm_id = hellos[row].pm_id });
	ck_assert_int_eq(frame_peek(w.data, w.len, 4096, &f), FRAME_READY);
	ck_assert_uint_eq(f.size, w.len);
	ck_assert_uint_eq(f.type, FRAME_HELLO);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert_uint_eq(msg_count(msg_root(tree)), hellos[row].n);
	ck_assert(msg_int(msg_find(msg_root(tree), "protocol"), &n));
	ck_assert_int_eq(n, 1);
	ck_assert(msg_int(msg_find(msg_root(tree), "pid"), &n));
	ck_assert_int_eq(n, 4711);
	ck_assert(msg_str(msg_find(msg_root(tree), "role"), &s, &len));
	ck_assert_uint_eq(len, 7);
	ck_assert_mem_eq(s, "emitter", len);
	ck_assert_int_eq(
	    msg_find(msg_root(tree), "key") != NULL, hellos[row].key != NULL);
	if (hellos[row].pm_id >= 0) {
		ck_assert(msg_int(msg_find(msg_root(tree), "pm_id"), &n));
		ck_assert_int_eq(n, hellos[row].pm_id);
	}
	msg_tree_free(tree);
	msg_writer_fini(&w);
}

static const struct {
	struct sent_stats stats;
	const char *body;
} stats[] = {
	{ { .limit = 0 }, "80" },
	{ { .limit = 3 }, "81a56c696d697403" },
	{ { .sort = "id" }, "81a4736f7274a26964" },
};

TEST_EACH(stats_has_only_what_is_given, stats)
{
	struct buffer body = hex(stats[row].body);
	struct msg_writer w = { 0 };
	struct frame f;

	sent_write_stats(&w, &stats[row].stats);
	ck_assert_int_eq(frame_peek(w.data, w.len, 4096, &f), FRAME_READY);
	ck_assert_uint_eq(f.body_len, body.len);
	ck_assert_mem_eq(f.body, body.data, body.len);
	msg_writer_fini(&w);
	free(body.data);
}

static int64_t
previous(const struct msg_tree *tree, const char *key)
{
	const struct msg_node *map = msg_find(msg_root(tree), "previous");
	int64_t n;

	ck_assert_ptr_nonnull(map);
	ck_assert(msg_int(msg_find(map, key), &n));
	return n;
}

TEST(a_hello_names_the_connection_before)
{
	struct msg_writer w = { 0 };
	struct msg_tree *tree;
	struct frame f;

	sent_write_hello(&w, &(struct sent_hello){ .name = "chat",
				 .client = "lib/1",
				 .role = "member",
				 .pid = 4711,
				 .pm_id = -1,
				 .previous_id = 7,
				 .previous_epoch_ms = 1700000000000 });
	ck_assert_int_eq(frame_peek(w.data, w.len, 4096, &f), FRAME_READY);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert_uint_eq(msg_count(msg_root(tree)), 6);
	ck_assert_int_eq(previous(tree, "epoch"), 1700000000000);
	ck_assert_int_eq(previous(tree, "id"), 7);
	msg_tree_free(tree);
	msg_writer_fini(&w);
}

TEST(nothing_is_written_where_there_is_no_memory)
{
	struct msg_writer w = { .fault = true };
	struct vectors vectors = vectors_read();

	for (size_t i = 0; i < N_ELEMENTS(writers); i++)
		writers[i].put(&w, vector_find(&vectors, writers[i].name));
	put_hello(&w, &vectors.at[0]);
	ck_assert(w.fault);
	ck_assert_uint_eq(w.len, 0);
	ck_assert_ptr_null(w.data);
	vectors_free(&vectors);
}
