#include "wire/reply.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static struct vectors vectors;

static const struct buffer *
golden(const char *name)
{
	vectors = vectors_read();
	return &vector_find(&vectors, name)->body;
}

static void
check_text(const struct reply_text *text, const char *wanted)
{
	ck_assert_uint_eq(text->len, strlen(wanted));
	ck_assert_mem_eq(text->data, wanted, text->len);
}

static void
check_hex(const struct reply_text *text, const char *wanted)
{
	struct buffer bytes = hex(wanted);

	ck_assert_uint_eq(text->len, bytes.len);
	ck_assert_mem_eq(text->data, bytes.data, bytes.len);
	free(bytes.data);
}

TEST(a_welcome_has_its_limits)
{
	const struct buffer *body = golden("welcome");
	struct reply_welcome welcome;

	ck_assert_int_eq(
	    reply_read_welcome(body->data, body->len, &welcome), 0);
	check_text(&welcome.server, "pm2adapterd/0.1.0");
	ck_assert_uint_eq(welcome.id, 7);
	ck_assert_int_eq(welcome.epoch_ms, 1700000000000);
	ck_assert_uint_eq(welcome.max_frame, 16777216);
	ck_assert_uint_eq(welcome.max_topic, 4096);
	ck_assert_int_eq(welcome.ping_interval_ms, 30000);
	ck_assert(welcome.has_requests);
	ck_assert(welcome.has_stats);
	ck_assert_uint_eq(welcome.previous.reason.len, 0);
	vectors_free(&vectors);
}

TEST(a_welcome_says_how_the_connection_before_has_ended)
{
	const struct buffer *body = golden("welcome-again");
	struct reply_welcome welcome;

	ck_assert_int_eq(
	    reply_read_welcome(body->data, body->len, &welcome), 0);
	check_text(&welcome.previous.reason, "slow-consumer");
	ck_assert_uint_eq(welcome.previous.n_unwritten, 67108800);
	ck_assert_uint_eq(welcome.previous.n_messages, 70000);
	ck_assert_uint_eq(welcome.previous.since_ms, 7412);
	vectors_free(&vectors);
}

TEST(a_question_has_payload_and_gather)
{
	const struct buffer *body = golden("question");
	struct reply_question question;

	ck_assert_int_eq(
	    reply_read_question(body->data, body->len, &question), 0);
	ck_assert_uint_eq(question.id, 281474976710657);
	check_hex(&question.payload,
	    "94a475696431a12fad637573746f6d52657175657374a46a6f686e");
	check_text(&question.gather, "list");
	vectors_free(&vectors);
}

TEST(a_part_says_whose_it_is)
{
	const struct buffer *body = golden("part");
	struct reply_part part;

	ck_assert_int_eq(reply_read_part(body->data, body->len, &part), 0);
	ck_assert_uint_eq(part.ask_id, 4);
	ck_assert_uint_eq(part.from, 7);
	check_hex(&part.payload, "9101");
	vectors_free(&vectors);
}

static const struct {
	const char *name;
	bool joined;
	uint32_t count;
} presences[] = {
	{ "presence-joined", true, 4 },
	{ "presence-left", false, 3 },
};

TEST_EACH(a_presence_says_who_and_how_many, presences)
{
	const struct buffer *body = golden(presences[row].name);
	struct reply_presence presence;

	ck_assert_int_eq(
	    reply_read_presence(body->data, body->len, &presence), 0);
	ck_assert_int_eq(presence.joined, presences[row].joined);
	ck_assert_uint_eq(presence.id, 7);
	check_text(&presence.name, "chat");
	ck_assert_uint_eq(presence.count, presences[row].count);
	vectors_free(&vectors);
}

static const struct {
	const char *name, *code;
	bool fatal, has_ask_id;
	uint64_t ask_id;
} refusals[] = {
	{ "error", "topic-too-long", false, false, 0 },
	{ "error-fatal", "bad-frame", true, false, 0 },
	{ "error-ask", "too-many-questions", false, true, 7 },
};

TEST_EACH(a_refusal_has_a_code_and_maybe_a_question, refusals)
{
	const struct buffer *body = golden(refusals[row].name);
	struct reply_refusal refusal;

	ck_assert_int_eq(
	    reply_read_refusal(body->data, body->len, &refusal), 0);
	check_text(&refusal.code, refusals[row].code);
	ck_assert_uint_gt(refusal.message.len, 0);
	ck_assert_int_eq(refusal.fatal, refusals[row].fatal);
	ck_assert_int_eq(refusal.has_ask_id, refusals[row].has_ask_id);
	ck_assert_uint_eq(refusal.ask_id, refusals[row].ask_id);
	vectors_free(&vectors);
}

TEST(a_goodbye_says_when_to_come_back)
{
	const struct buffer *body = golden("goodbye");
	struct reply_goodbye goodbye;

	ck_assert_int_eq(
	    reply_read_goodbye(body->data, body->len, &goodbye), 0);
	check_text(&goodbye.reason, "shutdown");
	ck_assert_int_eq(goodbye.retry_after_ms, 100);
	vectors_free(&vectors);
}

TEST(a_list_has_who_is_missing_and_who_answered)
{
	const struct buffer *body = golden("result-list");
	struct reply_result result;
	struct reply_missing missing;
	struct reply_answer answer;

	ck_assert_int_eq(reply_read_result(body->data, body->len, &result), 0);
	ck_assert_uint_eq(result.ask_id, 1);
	ck_assert_int_eq(result.outcome, OUTCOME_COMPLETE);
	ck_assert_uint_eq(result.expected, 3);
	ck_assert_uint_eq(result.answered, 2);
	ck_assert_uint_eq(result.n_missing, 1);
	missing = reply_next_missing(&result);
	ck_assert_uint_eq(missing.id, 9);
	check_text(&missing.name, "chat");
	check_text(&missing.reason, "left");
	ck_assert_uint_eq(result.n_answers, 2);
	answer = reply_next_answer(&result);
	ck_assert_uint_eq(answer.id, 7);
	check_text(&answer.name, "chat");
	check_hex(&answer.payload, "aa68656c6c6f206a6f686e");
	answer = reply_next_answer(&result);
	ck_assert_uint_eq(answer.id, 8);
	check_text(&answer.name, "api");
	check_hex(&answer.payload, "a26869");
	vectors_free(&vectors);
}

TEST(a_union_has_strings_of_nobody)
{
	const struct buffer *body = golden("result-union");
	struct reply_result result;
	struct reply_answer answer;

	ck_assert_int_eq(reply_read_result(body->data, body->len, &result), 0);
	ck_assert_int_eq(result.outcome, OUTCOME_TIMEOUT);
	ck_assert_uint_eq(result.n_answers, 2);
	answer = reply_next_answer(&result);
	ck_assert_uint_eq(answer.id, 0);
	ck_assert_uint_eq(answer.name.len, 0);
	check_text(&answer.payload, "room1");
	answer = reply_next_answer(&result);
	check_text(&answer.payload, "room2");
	vectors_free(&vectors);
}

static const struct {
	const char *name;
	enum outcome outcome;
	uint32_t n_answers;
} outcomes[] = {
	{ "result-nobody", OUTCOME_COMPLETE, 0 },
	{ "result-unknown", OUTCOME_UNKNOWN, 0 },
	{ "result-found", OUTCOME_FOUND, 1 },
};

TEST_EACH(every_outcome_is_told, outcomes)
{
	const struct buffer *body = golden(outcomes[row].name);
	struct reply_result result;

	ck_assert_int_eq(reply_read_result(body->data, body->len, &result), 0);
	ck_assert_int_eq(result.outcome, outcomes[row].outcome);
	ck_assert_uint_eq(result.n_answers, outcomes[row].n_answers);
	ck_assert_uint_eq(result.n_missing, 0);
	vectors_free(&vectors);
}

/* One struct for all that can be read, so that a table can name readers. */
static union {
	struct reply_welcome welcome;
	struct reply_question question;
	struct reply_part part;
	struct reply_presence presence;
	struct reply_refusal refusal;
	struct reply_goodbye goodbye;
	struct reply_result result;
} any;

static int
read_welcome(const void *body, size_t len)
{
	return reply_read_welcome(body, len, &any.welcome);
}

static int
read_question(const void *body, size_t len)
{
	return reply_read_question(body, len, &any.question);
}

static int
read_part(const void *body, size_t len)
{
	return reply_read_part(body, len, &any.part);
}

static int
read_presence(const void *body, size_t len)
{
	return reply_read_presence(body, len, &any.presence);
}

static int
read_refusal(const void *body, size_t len)
{
	return reply_read_refusal(body, len, &any.refusal);
}

static int
read_goodbye(const void *body, size_t len)
{
	return reply_read_goodbye(body, len, &any.goodbye);
}

static int
read_result(const void *body, size_t len)
{
	return reply_read_result(body, len, &any.result);
}

static const struct {
	const char *name; /* of golden frames: all that begin so */
	int (*read)(const void *body, size_t len);
} readers[] = {
	{ "welcome", read_welcome },
	{ "welcome-again", read_welcome },
	{ "question", read_question },
	{ "part", read_part },
	{ "presence", read_presence },
	{ "error", read_refusal },
	{ "goodbye", read_goodbye },
	{ "result", read_result },
};

TEST_EACH(every_golden_frame_of_a_type_is_read, readers)
{
	size_t n = 0;

	vectors = vectors_read();
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];

		if (strncmp(v->name, readers[row].name,
			strlen(readers[row].name)) != 0)
			continue;
		ck_assert_int_eq(
		    readers[row].read(v->body.data, v->body.len), 0);
		n++;
	}
	ck_assert_uint_gt(n, 0);
	vectors_free(&vectors);
}

TEST_EACH(every_prefix_of_a_body_is_malformed, readers)
{
	vectors = vectors_read();
	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];

		if (strncmp(v->name, readers[row].name,
			strlen(readers[row].name)) != 0)
			continue;
		for (size_t len = 0; len < v->body.len; len++) {
			struct buffer part = exactly(v->body.data, len);

			ck_assert_int_eq(readers[row].read(part.data, len),
			    REPLY_E_MALFORMED);
			free(part.data);
		}
	}
	vectors_free(&vectors);
}

TEST_EACH(changed_bytes_are_read_or_refused_and_no_more, readers)
{
	struct random random = { 0x5eed };

	vectors = vectors_read();
	for (int n = 0; n < 20000; n++) {
		const struct vector *v =
		    &vectors.at[random_below(&random, (uint32_t)vectors.n)];
		struct buffer copy;

		if (v->body.len == 0)
			continue;
		copy = exactly(v->body.data, v->body.len);
		copy.data[random_below(&random, (uint32_t)copy.len)] =
		    (uint8_t)random_below(&random, 256);
		if (readers[row].read(copy.data, copy.len) == 0 &&
		    readers[row].read == read_result) {
			struct reply_result *r = &any.result;

			for (uint32_t i = 0; i < r->n_missing; i++)
				(void)reply_next_missing(r);
			for (uint32_t i = 0; i < r->n_answers; i++)
				(void)reply_next_answer(r);
		}
		free(copy.data);
	}
	vectors_free(&vectors);
}

#define ID "a2 6964 "
#define EPOCH "a5 65706f6368 "
#define MAX_FRAME "a9 6d61785f6672616d65 "
#define MAX_TOPIC "a9 6d61785f746f706963 "
#define FEATURES "a8 6665617475726573 "
#define PREVIOUS "a8 70726576696f7573 "
#define REASON "a6 726561736f6e "
#define UNWRITTEN "a9 756e7772697474656e "
#define LEAST ID "07" EPOCH "01" MAX_FRAME "cd1000" MAX_TOPIC "40"

static const struct {
	int (*read)(const void *body, size_t len);
	const char *hex;
	int r;
} bodies[] = {
	{ read_welcome, "84" LEAST, 0 },
	{ read_welcome, "85" LEAST "a178 92c0c0", 0 },
	{ read_welcome, "85" LEAST "07 c0", 0 },
	{ read_welcome, "85" LEAST "9101 c0", 0 },
	{ read_welcome, "85" LEAST FEATURES "90", 0 },
	{ read_welcome, "85" LEAST FEATURES "9107", REPLY_E_MALFORMED },
	{ read_welcome, "85" LEAST FEATURES "c0", REPLY_E_MALFORMED },
	{ read_welcome, "85" LEAST PREVIOUS "81" REASON "a0", 0 },
	{ read_welcome, "85" LEAST PREVIOUS "82 a178 c0" REASON "a0", 0 },
	{ read_welcome, "85" LEAST PREVIOUS "82" REASON "a0" UNWRITTEN "ff",
	    REPLY_E_MALFORMED },
	{ read_welcome, "85" LEAST PREVIOUS "81" REASON "07",
	    REPLY_E_MALFORMED },
	{ read_welcome, "85" LEAST PREVIOUS "80", REPLY_E_MALFORMED },
	{ read_welcome, "85" LEAST PREVIOUS "c0", REPLY_E_MALFORMED },
	{ read_welcome, "80", REPLY_E_MALFORMED },
	{ read_welcome, "90", REPLY_E_MALFORMED },
	{ read_welcome, "83" EPOCH "01" MAX_FRAME "40" MAX_TOPIC "40",
	    REPLY_E_MALFORMED },
	{ read_welcome, "84" ID "07" EPOCH "01" MAX_FRAME "00" MAX_TOPIC "40",
	    REPLY_E_MALFORMED },
	{ read_welcome, "84" ID "07" EPOCH "01" MAX_FRAME "40" MAX_TOPIC "00",
	    REPLY_E_MALFORMED },
	{ read_welcome, "84" ID "ff" EPOCH "01" MAX_FRAME "40" MAX_TOPIC "40",
	    REPLY_E_MALFORMED },
	{ read_welcome,
	    "84" ID "07" EPOCH "01" MAX_FRAME "cf0000000100000000" MAX_TOPIC
	    "40",
	    REPLY_E_MALFORMED },
	{ read_question, "93 0c c400 a46c697374", 0 },
	{ read_question, "93 0c a178 a46c697374", 0 },
	{ read_question, "94 0c c400 a46c697374 c0", 0 },
	{ read_question, "92 0c c400", REPLY_E_MALFORMED },
	{ read_question, "93 ff c400 a46c697374", REPLY_E_MALFORMED },
	{ read_question, "93 0c 90 a46c697374", REPLY_E_MALFORMED },
	{ read_question, "93 0c c400 07", REPLY_E_MALFORMED },
	{ read_part, "93 04 07 c400", 0 },
	{ read_part, "94 04 07 c400 90", 0 },
	{ read_part, "93 04 a0 c400", REPLY_E_MALFORMED },
	{ read_part, "93 04 07 c0", REPLY_E_MALFORMED },
	{ read_presence,
	    "84 a56576656e74 a3676f6e " ID "01 a46e616d65 a0 a5636f756e74 01",
	    REPLY_E_MALFORMED },
	{ read_refusal, "93 a0 a0 c2", 0 },
	{ read_refusal, "95 a0 a0 c2 07 c0", 0 },
	{ read_refusal, "94 a0 a0 c2 c0", REPLY_E_MALFORMED },
	{ read_refusal, "93 a0 a0 00", REPLY_E_MALFORMED },
	{ read_refusal, "92 a0 a0", REPLY_E_MALFORMED },
	{ read_goodbye, "80", 0 },
	{ read_goodbye, "81 ae72657472795f61667465725f6d73 ff",
	    REPLY_E_MALFORMED },
	{ read_goodbye, "81 a6726561736f6e 01", REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 00 00 90 90", 0 },
	{ read_result, "97 01 a8636f6d706c657465 00 00 90 90 c0", 0 },
	{ read_result, "95 01 a8636f6d706c657465 00 00 90", REPLY_E_MALFORMED },
	{ read_result, "96 01 a3616263 00 00 90 90", REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 ff 00 90 90",
	    REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 01 00 91 92 01 a0 90",
	    REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 01 00 91 94 01 a0 a0 c0 90",
	    0 },
	{ read_result, "96 01 a8636f6d706c657465 01 01 90 91 07",
	    REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 01 01 90 91 93 07 a0 c0",
	    REPLY_E_MALFORMED },
	{ read_result, "96 01 a8636f6d706c657465 01 01 90 91 94 07 a0 a0 c0",
	    0 },
};

TEST_EACH(a_body_is_taken_or_malformed, bodies)
{
	struct buffer all = hex(bodies[row].hex);
	struct buffer bytes = exactly(all.data, all.len);

	ck_assert_int_eq(
	    bodies[row].read(bytes.data, bytes.len), bodies[row].r);
	free(bytes.data);
	free(all.data);
}

TEST(what_stands_behind_an_element_is_skipped)
{
	struct buffer bytes =
	    hex("96 01 a8636f6d706c657465 02 02 92 94 01 a161 a162 93c0c0c0"
		"93 02 a163 a164 92 95 03 a165 c40166 c0 9101"
		"93 04 a167 a168");
	struct reply_result result;
	struct reply_missing missing;
	struct reply_answer answer;

	ck_assert_int_eq(reply_read_result(bytes.data, bytes.len, &result), 0);
	missing = reply_next_missing(&result);
	ck_assert_uint_eq(missing.id, 1);
	missing = reply_next_missing(&result);
	ck_assert_uint_eq(missing.id, 2);
	check_text(&missing.reason, "d");
	answer = reply_next_answer(&result);
	ck_assert_uint_eq(answer.id, 3);
	check_text(&answer.payload, "f");
	answer = reply_next_answer(&result);
	ck_assert_uint_eq(answer.id, 4);
	check_text(&answer.payload, "h");
	free(bytes.data);
}
