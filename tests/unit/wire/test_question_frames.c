#include "wire/question_frames.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"
#include "wire/frame.h"

/* The bytes of the body of an array's element, as the golden frames have it. */
#define CUSTOM                  \
	"\x94\xa4uid1\xa1/\xad" \
	"customRequest\xa4john"

static const struct {
	const char *name;
	struct question_request ask;
} asks[] = {
	{ "ask-list", { 1, GATHER_LIST, 5000, NULL, 27, 0 } },
	{ "ask-union", { 2, GATHER_UNION, 0, NULL, 17, 0 } },
	{ "ask-room", { 3, GATHER_LIST, 250, NULL, 21, 0 } },
	{ "ask-several", { 4, GATHER_STREAM, 300000, NULL, 0, 0 } },
	{ "ask-first", { 5, GATHER_FIRST, 1, NULL, 24, 0 } },
	{ "ask-parts", { 6, GATHER_STREAM, 0, NULL, 19, 50331648 } },
};

TEST_EACH(an_ask_is_read, asks)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, asks[row].name);
	struct control_why why;
	struct question_request out;

	ck_assert_int_eq(
	    question_read_request(v->body.data, v->body.len, &out, &why), 0);
	ck_assert_int_eq(out.id, asks[row].ask.id);
	ck_assert_int_eq(out.gather, asks[row].ask.gather);
	ck_assert_int_eq(out.timeout_ms, asks[row].ask.timeout_ms);
	ck_assert_uint_eq(out.payload_len, asks[row].ask.payload_len);
	ck_assert_int_eq(out.parts_max_bytes, asks[row].ask.parts_max_bytes);
	if (row == 0)
		ck_assert_mem_eq(out.payload, CUSTOM, sizeof(CUSTOM) - 1);
	vectors_free(&vectors);
}

static const struct {
	const char *name;
	struct question_answer answer;
} answers[] = {
	{ "answer-yes", { 281474976710657, VERDICT_YES, NULL, 11 } },
	{ "answer-no", { 12, VERDICT_NO, NULL, 0 } },
	{ "answer-more", { 12, VERDICT_MORE, NULL, 2 } },
	{ "answer-union", { 13, VERDICT_YES, NULL, 13 } },
	{ "answer-failed", { 12, VERDICT_FAILED, NULL, 11 } },
};

TEST_EACH(an_answer_is_read, answers)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, answers[row].name);
	struct control_why why;
	struct question_answer out;

	ck_assert_int_eq(
	    question_read_answer(v->body.data, v->body.len, &out, &why), 0);
	ck_assert_uint_eq(out.question, answers[row].answer.question);
	ck_assert_int_eq(out.verdict, answers[row].answer.verdict);
	ck_assert_uint_eq(out.payload_len, answers[row].answer.payload_len);
	ck_assert_ptr_nonnull(out.payload);
	vectors_free(&vectors);
}

/* Elements after the known ones are ignored, and a str is as good as a bin. */
TEST(elements_to_come_are_ignored)
{
	struct buffer body = hex("96 07 a5 6669727374 cd1388 a2 6869 c0 c0");
	struct control_why why;
	struct question_request out;

	ck_assert_int_eq(
	    question_read_request(body.data, body.len, &out, &why), 0);
	ck_assert_int_eq(out.gather, GATHER_FIRST);
	ck_assert_mem_eq(out.payload, "hi", 2);
	free(body.data);
}

static const struct {
	const char *body; /* hex */
	const char *why;
} bad_asks[] = {
	{ "", "msgpack" },
	{ "c0", "array" },
	{ "80", "array" },
	{ "93 01 a46c697374 00", "array" },
	{ "94 01 a46c697374 00", "msgpack" },
	{ "94 ff a46c697374 00 c400", "ask id" },
	{ "94 c0 a46c697374 00 c400", "ask id" },
	{ "94 cfffffffffffffffff a46c697374 00 c400", "ask id" },
	{ "94 01 a3616c6c 00 c400", "gather" },
	{ "94 01 00 00 c400", "gather" },
	{ "94 01 a5 6c69737400 00 c400", "gather" },
	{ "94 01 a46c697374 c0 c400", "timeout" },
	{ "94 01 a46c697374 cb4000000000000000 c400", "timeout" },
	{ "94 01 a46c697374 00 c0", "payload" },
	{ "94 01 a46c697374 00 90", "payload" },
	{ "94 01 a46c697374 00 c400 00", "msgpack" },
	{ "95 01 a46c697374 00 c400 00", "limit of the parts" },
	{ "95 01 a46c697374 00 c400 ff", "limit of the parts" },
	{ "95 01 a46c697374 00 c400 a0", "limit of the parts" },
};

TEST_EACH(a_bad_ask_is_refused_by_name, bad_asks)
{
	struct buffer raw = hex(bad_asks[row].body);
	struct buffer body = exactly(raw.data, raw.len);
	struct control_why why;
	struct question_request out;

	ck_assert_int_eq(question_read_request(body.data, body.len, &out, &why),
	    CONTROL_E_BODY);
	ck_assert_ptr_nonnull(strstr(why.text, bad_asks[row].why));
	free(body.data);
	free(raw.data);
}

static const struct {
	const char *body; /* hex */
	const char *why;
} bad_answers[] = {
	{ "", "msgpack" },
	{ "90", "array" },
	{ "91 01", "array" },
	{ "92 a0 00", "question id" },
	{ "92 ff 00", "question id" },
	{ "92 01 c2", "verdict" },
	{ "92 01 03", "payload" },
	{ "93 01 04 a0", "verdict" },
	{ "92 01 ff", "verdict" },
	{ "92 01 01", "payload" },
	{ "92 01 02", "payload" },
	{ "93 01 01 c0", "payload" },
	{ "93 01 00 c0", "payload" },
};

TEST_EACH(a_bad_answer_is_refused_by_name, bad_answers)
{
	struct buffer raw = hex(bad_answers[row].body);
	struct buffer body = exactly(raw.data, raw.len);
	struct control_why why;
	struct question_answer out;

	ck_assert_int_eq(question_read_answer(body.data, body.len, &out, &why),
	    CONTROL_E_BODY);
	ck_assert_ptr_nonnull(strstr(why.text, bad_answers[row].why));
	free(body.data);
	free(raw.data);
}

static void
put_question(struct msg_writer *w)
{
	question_write(w, &(struct question_frame){
			      .topic = "socket.io#/#",
			      .topic_len = 12,
			      .id = 281474976710657,
			      .gather = GATHER_LIST,
			      .payload = CUSTOM,
			      .payload_len = sizeof(CUSTOM) - 1,
			  });
}

static void
put_part(struct msg_writer *w)
{
	question_write_part(w, 4, 7, "\x91\x01", 2);
}

static void
put_list(struct msg_writer *w)
{
	size_t start = question_begin_result(w, 1, "complete", 3, 2);

	msg_put_array(w, 1);
	question_put_missing(w, 9, "chat", "left");
	msg_put_array(w, 2);
	question_put_answer_head(w, 7, "chat", 11);
	msg_put_raw(w, "\xaahello john", 11);
	question_put_answer_head(w, 8, "api", 3);
	msg_put_raw(w, "\xa2hi", 3);
	control_end(w, start, FRAME_RESULT);
}

static void
put_nobody(struct msg_writer *w)
{
	size_t start = question_begin_result(w, 1, "complete", 0, 0);

	msg_put_array(w, 0);
	msg_put_array(w, 0);
	control_end(w, start, FRAME_RESULT);
}

static void
put_error(struct msg_writer *w)
{
	control_write_ask_error(w, "too-many-questions",
	    "ASK: 4096 questions are open; max-questions is 4096", 7);
}

static const struct {
	const char *name;
	void (*put)(struct msg_writer *w);
} writers[] = {
	{ "question", put_question },
	{ "part", put_part },
	{ "result-list", put_list },
	{ "result-nobody", put_nobody },
	{ "error-ask", put_error },
};

TEST_EACH(a_written_frame_is_the_golden_one, writers)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, writers[row].name);
	struct msg_writer w = { 0 };

	writers[row].put(&w);
	ck_assert(!w.fault);
	ck_assert_uint_eq(w.len, v->frame.len);
	ck_assert_mem_eq(w.data, v->frame.data, w.len);
	msg_writer_fini(&w);
	vectors_free(&vectors);
}
