#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

#define MAX 1024

static struct vectors vectors;

static void
open_vectors(void)
{
	vectors = vectors_read();
}

static void
check_frame(const struct frame *f, const struct vector *v)
{
	ck_assert_uint_eq(f->size, v->frame.len);
	ck_assert_uint_eq(f->type, v->type);
	ck_assert_uint_eq(f->flags, v->flags);
	ck_assert_uint_eq(f->topic_len, v->topic.len);
	ck_assert_mem_eq(f->topic, v->topic.data, v->topic.len);
	ck_assert_uint_eq(f->body_len, v->body.len);
	ck_assert_mem_eq(f->body, v->body.data, v->body.len);
}

TEST(every_golden_frame_is_found_with_its_fields)
{
	struct frame f;

	open_vectors();
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];

		ck_assert_int_eq(
		    frame_peek(v->frame.data, v->frame.len, MAX, &f),
		    FRAME_READY);
		ck_assert_ptr_eq(f.start, v->frame.data);
		check_frame(&f, v);
	}
	vectors_free(&vectors);
}

TEST(every_prefix_of_every_golden_frame_is_short)
{
	struct frame f;

	open_vectors();
	for (size_t i = 0; i < vectors.n; i++)
		for (size_t len = 0; len < vectors.at[i].frame.len; len++) {
			const struct buffer *whole = &vectors.at[i].frame;
			struct buffer part = exactly(whole->data, len);

			ck_assert_int_eq(
			    frame_peek(part.data, len, MAX, &f), FRAME_SHORT);
			ck_assert_uint_eq(
			    f.size, len < FRAME_HEADER_SIZE ? 0 : whole->len);
			free(part.data);
		}
	vectors_free(&vectors);
}

TEST(a_frame_is_found_whatever_follows_it)
{
	uint8_t two[4096];
	struct frame f;

	open_vectors();
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];

		memset(two, 0xff, sizeof(two));
		memcpy(two, v->frame.data, v->frame.len);
		ck_assert_int_eq(
		    frame_peek(two, sizeof(two), MAX, &f), FRAME_READY);
		check_frame(&f, v);
	}
	vectors_free(&vectors);
}

static struct buffer
concatenate(void)
{
	struct buffer all = { NULL, 0 };

	for (size_t i = 0; i < vectors.n; i++)
		all.len += vectors.at[i].frame.len;
	all.data = malloc(all.len);
	all.len = 0;
	for (size_t i = 0; i < vectors.n; i++) {
		memcpy(all.data + all.len, vectors.at[i].frame.data,
		    vectors.at[i].frame.len);
		all.len += vectors.at[i].frame.len;
	}
	return all;
}

/* Finds whole frames in what has come, checks that they are the golden ones
 * from number *n on, and returns how many bytes they have. */
static size_t
find_frames(const uint8_t *data, size_t len, size_t *n)
{
	struct frame f;
	size_t at = 0;

	while (frame_peek(data + at, len - at, MAX, &f) == FRAME_READY) {
		check_frame(&f, &vectors.at[(*n)++]);
		at += f.size;
	}
	return at;
}

TEST(every_cut_of_a_stream_gives_the_same_frames)
{
	struct buffer all;

	open_vectors();
	all = concatenate();
	for (size_t cut = 0; cut <= all.len; cut++) {
		struct buffer first = exactly(all.data, cut), rest;
		size_t n = 0, at = find_frames(first.data, cut, &n);

		rest = exactly(all.data + at, all.len - at);
		ck_assert_uint_eq(
		    find_frames(rest.data, rest.len, &n), rest.len);
		ck_assert_uint_eq(n, vectors.n);
		free(first.data);
		free(rest.data);
	}
	free(all.data);
	vectors_free(&vectors);
}

static const struct {
	const char *hex;
	enum frame_verdict verdict;
	size_t size; /* that is known then */
} verdicts[] = {
	{ "", FRAME_SHORT, 0 },
	{ "00", FRAME_SHORT, 0 },
	{ "000000", FRAME_SHORT, 0 },
	/* Lengths below 4 are told from the length field alone. */
	{ "00000000", FRAME_ALIEN, 0 },
	{ "00000001", FRAME_ALIEN, 0 },
	{ "00000002", FRAME_ALIEN, 0 },
	{ "00000003 10000000", FRAME_ALIEN, 0 },
	{ "00000004", FRAME_SHORT, 0 },
	{ "00000004 400000", FRAME_SHORT, 0 },
	{ "00000004 40000000", FRAME_READY, 8 },
	/* A topic of the whole frame, and of a byte more. */
	{ "00000006 10000002 6162", FRAME_READY, 10 },
	{ "00000006 10000002", FRAME_SHORT, 10 },
	{ "00000006 10000003", FRAME_ALIEN, 10 },
	{ "00000004 10000001", FRAME_ALIEN, 8 },
	{ "00000004 1000ffff", FRAME_ALIEN, 8 },
	/* Lengths about the limit, which is 1024. */
	{ "00000400 10000000", FRAME_SHORT, 1028 },
	{ "00000401 10000000", FRAME_TOO_BIG, 1029 },
	{ "ffffffff 10000000", FRAME_TOO_BIG, 4294967299 },
	{ "ffffffff 1000", FRAME_SHORT, 0 },
	/* A contradiction is found in a frame of any length. */
	{ "00000401 1000fffe", FRAME_ALIEN, 1029 },
};

TEST_EACH(a_header_has_its_verdict, verdicts)
{
	struct buffer bytes = hex(verdicts[row].hex);
	struct buffer tight = exactly(bytes.data, bytes.len);
	struct frame f;

	ck_assert_int_eq(
	    frame_peek(tight.data, tight.len, MAX, &f), verdicts[row].verdict);
	ck_assert_uint_eq(f.size, verdicts[row].size);
	free(bytes.data);
	free(tight.data);
}

TEST(a_frame_of_exactly_the_limit_is_ready_and_one_byte_more_is_too_big)
{
	struct buffer big = { calloc(1, MAX + 5), MAX + 5 };
	struct frame f;

	frame_write_head(big.data, FRAME_PUBLISH, 1, "t", 1, MAX - 5);
	ck_assert_int_eq(frame_peek(big.data, MAX + 4, MAX, &f), FRAME_READY);
	ck_assert_uint_eq(f.body_len, MAX - 5);
	frame_write_head(big.data, FRAME_PUBLISH, 1, "t", 1, MAX - 4);
	ck_assert_int_eq(frame_peek(big.data, MAX + 5, MAX, &f), FRAME_TOO_BIG);
	ck_assert_uint_eq(f.size, MAX + 5);
	ck_assert_uint_eq(f.type, FRAME_PUBLISH);
	ck_assert_uint_eq(f.flags, 1);
	free(big.data);
}

static const struct {
	const char *first, *next;
	size_t size; /* of the next, when it goes the same way */
} followers[] = {
	{ "00000006 10000001 7461", "00000006 10000001 7462", 10 },
	{ "00000006 10000001 7461", "00000005 10000001 74", 9 },
	{ "00000006 10000001 7461", "00000009 10000001 7461626364", 13 },
	{ "00000006 10000001 7461", "00000006 10000001 7462ff", 10 },
	/* Not whole. */
	{ "00000006 10000001 7461", "", 0 },
	{ "00000006 10000001 7461", "000000", 0 },
	{ "00000006 10000001 7461", "00000006 10000001", 0 },
	{ "00000006 10000001 7461", "00000006 10000001 74", 0 },
	{ "00000006 10000001 7461", "ffffffff 10000001 7461", 0 },
	/* Another type, other flags, another topic or length of it. */
	{ "00000006 10000001 7461", "00000006 11000001 7461", 0 },
	{ "00000006 10000001 7461", "00000006 10010001 7461", 0 },
	{ "00000006 10000001 7461", "00000006 10000001 7561", 0 },
	{ "00000006 10000001 7461", "00000006 10000002 7461", 0 },
	{ "00000006 10000002 7461", "00000006 10000001 7461", 0 },
	/* A length that the topic contradicts. */
	{ "00000006 10000001 7461", "00000004 10000001 7461", 0 },
	{ "00000006 10000001 7461", "00000000 10000001 7461", 0 },
	/* No topic at all. */
	{ "00000004 40000000", "00000006 40000000 6162", 10 },
	{ "00000004 40000000", "00000004 41000000", 0 },
};

/* The two in a row, in memory that ends where they end. */
static struct buffer
in_a_row(const char *first, const char *next)
{
	struct buffer a = hex(first), b = hex(next);
	struct buffer both = { malloc(a.len + b.len + 1), a.len + b.len };
	struct buffer out;

	memcpy(both.data, a.data, a.len);
	memcpy(both.data + a.len, b.data, b.len);
	out = exactly(both.data, both.len);
	free(a.data);
	free(b.data);
	free(both.data);
	return out;
}

TEST_EACH(a_run_goes_on_while_frames_are_whole_and_go_the_same_way, followers)
{
	struct buffer row_of =
	    in_a_row(followers[row].first, followers[row].next);
	size_t next = followers[row].size;
	struct frame f;
	uint32_t n;

	ck_assert_int_eq(
	    frame_peek(row_of.data, row_of.len, MAX, &f), FRAME_READY);
	ck_assert_uint_eq(
	    frame_run(&f, row_of.len, SIZE_MAX, &n), f.size + next);
	ck_assert_uint_eq(n, next > 0 ? 2 : 1);
	ck_assert_uint_eq(
	    frame_run(&f, row_of.len, f.size + next, &n), f.size + next);
	ck_assert_uint_eq(
	    frame_run(&f, row_of.len, f.size + next - 1, &n), f.size);
	ck_assert_uint_eq(n, 1);
	free(row_of.data);
}

TEST(a_run_is_as_long_as_its_limit_allows)
{
	struct buffer three = in_a_row("00000006 10000001 7461",
	    "00000006 10000001 7462 00000005 10000001 74");
	struct frame f;
	uint32_t n;

	ck_assert_int_eq(
	    frame_peek(three.data, three.len, MAX, &f), FRAME_READY);
	ck_assert_uint_eq(frame_run(&f, three.len, 29, &n), 29);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(frame_run(&f, three.len, 28, &n), 20);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(frame_run(&f, three.len, 1, &n), 10);
	ck_assert_uint_eq(n, 1);
	free(three.data);
}

/* Heads are compared in words: each byte counts, and none of the body. */
TEST(a_run_ends_at_a_head_that_differs_in_any_byte)
{
	const size_t body_len = 3;
	char topic[40];
	struct frame f;
	uint32_t n;

	memset(topic, 't', sizeof(topic));
	for (size_t len = 0; len <= sizeof(topic); len++) {
		size_t head = FRAME_HEADER_SIZE + len, size = head + body_len;
		struct buffer both = { malloc(2 * size), 2 * size };

		memset(both.data, 0, both.len);
		for (size_t at = 0; at < both.len; at += size)
			frame_write_head(both.data + at, FRAME_PUBLISH, 0,
			    topic, len, body_len);
		ck_assert_int_eq(
		    frame_peek(both.data, both.len, MAX, &f), FRAME_READY);
		for (size_t i = FRAME_LENGTH_SIZE; i < size; i++) {
			both.data[size + i] ^= 1;
			ck_assert_uint_eq(frame_run(&f, both.len, SIZE_MAX, &n),
			    (i < head ? 1 : 2) * size);
			both.data[size + i] ^= 1;
		}
		free(both.data);
	}
}

TEST(a_written_head_is_the_golden_one)
{
	uint8_t head[FRAME_HEADER_SIZE + 64];

	open_vectors();
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];
		size_t n = frame_write_head(head, (enum frame_type)v->type,
		    (uint8_t)v->flags, v->topic.data, v->topic.len,
		    v->body.len);

		ck_assert_uint_eq(n, FRAME_HEADER_SIZE + v->topic.len);
		ck_assert_mem_eq(head, v->frame.data, n);
	}
	vectors_free(&vectors);
}

TEST(the_longest_topic_fits_the_head)
{
	uint8_t *topic = malloc(UINT16_MAX);
	uint8_t *out = malloc(FRAME_HEADER_SIZE + UINT16_MAX);
	struct frame f;

	memset(topic, 'r', UINT16_MAX);
	ck_assert_uint_eq(
	    frame_write_head(out, FRAME_PUBLISH, 0, topic, UINT16_MAX, 0),
	    FRAME_HEADER_SIZE + UINT16_MAX);
	ck_assert_int_eq(
	    frame_peek(out, FRAME_HEADER_SIZE + UINT16_MAX, UINT32_MAX, &f),
	    FRAME_READY);
	ck_assert_uint_eq(f.topic_len, UINT16_MAX);
	ck_assert_uint_eq(f.body_len, 0);
	free(topic);
	free(out);
}

TEST_ABORTS(a_topic_that_the_field_can_not_tell_aborts)
{
	uint8_t *out = calloc(1, FRAME_HEADER_SIZE + UINT16_MAX + 1);

	frame_write_head(out, FRAME_PUBLISH, 0, out, UINT16_MAX + 1, 0);
}

TEST(a_type_has_its_name_and_a_number_without_one_is_unknown)
{
	static const struct {
		uint8_t type;
		const char *name;
	} names[] = {
		{ 0x01, "HELLO" },
		{ 0x51, "STATS_REPLY" },
		{ 0x61, "GOODBYE" },
		{ 0x00, "unknown" },
		{ 0xff, "unknown" },
	};

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		ck_assert_str_eq(frame_type_name(names[i].type), names[i].name);
}
