#include "edge/native/questions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/names.h"
#include "edge/native/reply.h"
#include "edge/native/stage.h"
#include "edge/native/unions.h"
#include "wire/question_frames.h"

/* Maximum bytes of a QUESTION without topics and payload. */
#define QUESTION_ROOM 48

/* NULL: not missing. */
static const char *const missing_reasons[] = {
	[DEBT_OWED] = NULL,
	[DEBT_PAID] = NULL,
	[DEBT_LEFT] = "left",
	[DEBT_LATE] = "timeout",
	[DEBT_TOO_BIG] = "too-big",
	[DEBT_UNENCODABLE] = "unencodable",
	[DEBT_FAILED] = "failed",
	[DEBT_DISMISSED] = NULL,
};

static void
put_topics(struct msg_writer *w, const struct broker_request *request)
{
	msg_put_array(w, request->n_topics);
	for (size_t i = 0; i < request->n_topics; i++)
		msg_put_strn(
		    w, request->topics[i].bytes, request->topics[i].len);
}

/* Written once for all that receive it. */
static void
write_question(
    struct native *native, uint64_t id, const struct broker_request *request)
{
	struct msg_writer topics = { 0 }, *w = &native->out;
	struct question_frame question = {
		.flags = request->to_subscribers ? FRAME_TO_SUBSCRIBERS : 0,
		.topic = request->topics->bytes,
		.topic_len = request->topics->len,
		.id = id,
		.gather = request->gather,
		.payload = request->payload,
		.payload_len = request->payload_len,
	};

	if (request->n_topics > 1) {
		put_topics(&topics, request);
		question.flags |= FRAME_SEVERAL;
		question.topic = topics.data;
		question.topic_len = topics.len;
	}
	question_write(w, &question);
	if (w->fault || topics.fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	msg_writer_fini(&topics);
	blob_unref(native->question.blob);
	native->question =
	    (struct slice){ blob_copy(w->data, w->len), 0, w->len };
	native->question_id = id;
	w->len = 0;
}

void
questions_on_question(
    struct member *to, uint64_t id, const struct broker_request *request)
{
	struct session *session = to->user;
	struct native *native = session->native;

	if (native->question_id != id)
		write_question(native, id, request);
	if (!conn_is_closing(session->conn))
		reply_send(session, &native->question);
}

void
questions_on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	struct session *session = to->user;

	if (conn_is_closing(session->conn))
		return;
	question_write_part(&session->native->out, request->ask_id, from->id,
	    answer->bytes, answer->len);
	reply_send_out(session);
}

static void
put_missing(struct msg_writer *w, const struct request *request)
{
	const struct debt *debt = request->debts;
	const struct debt *end = debt + request->n_debts;
	size_t n = 0;

	for (; debt < end; debt++)
		n += missing_reasons[debt->state] != NULL;
	msg_put_array(w, n);
	for (debt = request->debts; debt < end; debt++)
		if (missing_reasons[debt->state] != NULL)
			question_put_missing(w, debt->id,
			    (const char *)debt->name->data,
			    missing_reasons[debt->state]);
}

/*
 * A RESULT: bytes of native->out, and between those the answers that
 * are not copied.
 */
struct result {
	struct slice *parts;
	size_t n, size;
	size_t n_written; /* bytes of native->out in parts */
	size_t n_kept;    /* bytes of answers in parts */
};

static void
put_part(struct result *result, const struct slice *part)
{
	if (result->n == result->size) {
		result->size = result->size == 0 ? 8 : 2 * result->size;
		result->parts = xreallocarray(
		    result->parts, result->size, sizeof(*result->parts));
	}
	result->parts[result->n++] = *part;
}

/* All bytes since the last part; their blob is set at the end. */
static void
put_written(struct result *result, const struct msg_writer *w)
{
	put_part(result, &(struct slice){ .off = result->n_written,
			     .len = w->len - result->n_written });
	result->n_written = w->len;
}

static void
put_answers(
    struct result *result, struct msg_writer *w, const struct request *request)
{
	const struct gathered *gathered = &request->gathered;

	msg_put_array(w, gathered->n_answers + gathered->n_strings);
	for (size_t i = 0; i < gathered->n_answers; i++) {
		const struct gather_answer *answer = &gathered->answers[i];

		question_put_answer_head(w, answer->from,
		    (const char *)answer->name->data, answer->len);
		if (answer->blob == NULL) {
			msg_put_raw(
			    w, gathered->bytes + answer->off, answer->len);
			continue;
		}
		put_written(result, w);
		put_part(result,
		    &(struct slice){ answer->blob, answer->off, answer->len });
		result->n_kept += answer->len;
	}
	/* They are msgpack: see unions.c. */
	if (request->gather == GATHER_UNION)
		msg_put_raw(w, gathered->bytes, gathered->n_bytes);
}

static void
send_result(struct session *session, struct result *result)
{
	struct msg_writer *w = &session->native->out;
	struct blob *written;

	put_written(result, w);
	written = reply_take_out(session);
	for (size_t i = 0; i < result->n; i++)
		if (result->parts[i].blob == NULL)
			result->parts[i].blob = written;
	reply_send_parts(session, result->parts, result->n);
	blob_unref(written);
	free(result->parts);
}

/* Writes the names of the missing members, as many as fit. */
static void
list_missing(const struct request *request, char *out, size_t size)
{
	const struct debt *debt = request->debts;
	size_t n = 0;

	for (; debt < request->debts + request->n_debts; debt++)
		if (missing_reasons[debt->state] != NULL && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s",
			    n == 0 ? "" : ", ", (const char *)debt->name->data);
}

/* Logs and keeps a request that took longer than the configured time. */
static void
note_time(struct native *native, const struct request *request, int64_t took_us)
{
	struct timing *timing = hub_timing(native->hub);
	struct slow_entry *entry;
	char line[2048];

	if (timing->slow_question_us == 0 || took_us < timing->slow_question_us)
		return;
	entry = slow_add(&timing->slow);
	entry->is_question = true;
	entry->wall_ms = clock_wall_ms();
	entry->took_us = took_us;
	entry->asker_id = (int64_t)request->asker->id;
	snprintf(entry->asker, sizeof(entry->asker), "%s",
	    (const char *)request->asker->name->data);
	snprintf(entry->topic, sizeof(entry->topic), "%.*s",
	    (int)request->label_len, (const char *)request->label);
	entry->gather = gather_name(request->gather);
	entry->outcome = request->outcome == OUTCOME_FULL
			     ? "gather-too-big"
			     : outcome_name(request->outcome);
	entry->expected = request->n_debts;
	entry->answered = request->n_answered;
	list_missing(request, entry->missing, sizeof(entry->missing));
	log_warn("slow-question", "%s", slow_line(entry, line, sizeof(line)));
}

static void
refuse_result(struct session *session, const struct request *request)
{
	if (request->gather == GATHER_STREAM)
		reply_refuse_request(session, REFUSED_GATHER_TOO_BIG,
		    request->ask_id,
		    "ASK: the parts of the answers are more than %" PRIu64
		    " bytes, the lesser of max-gather and the asker's limit",
		    request->parts_max_bytes);
	else
		reply_refuse_request(session, REFUSED_GATHER_TOO_BIG,
		    request->ask_id,
		    "ASK: the answers are more than max-gather (%zu bytes) or "
		    "max-gather-all allow",
		    request->gathered.max_bytes);
}

void
questions_on_result(struct member *to, const struct request *request)
{
	struct session *session = to->user;
	struct native *native = session->native;
	struct msg_writer *w = &native->out;
	struct result result = { .n = 0 };

	note_time(native, request,
	    timing_gathered(hub_timing(native->hub), request->opened_us));
	if (conn_is_closing(session->conn))
		return;
	if (request->outcome == OUTCOME_FULL) {
		refuse_result(session, request);
		return;
	}
	question_begin_result(w, request->ask_id,
	    outcome_name(request->outcome), request->n_debts,
	    request->n_answered);
	put_missing(w, request);
	put_answers(&result, w, request);
	if (!w->fault)
		frame_write_head(w->data, FRAME_RESULT, 0, NULL, 0,
		    w->len - FRAME_HEADER_SIZE + result.n_kept);
	send_result(session, &result);
}

/* Whether the request may be opened; if not, the session has had an ERROR. */
static bool
may_open(struct session *session, const struct frame *f,
    const struct question_request *in)
{
	const struct native *native = session->native;

	if (session->role == CONTROL_OBSERVER) {
		reply_refuse_request(session, REFUSED_FORBIDDEN, in->id,
		    "ASK: the role observer can't ask");
		return false;
	}
	if (in->payload_len + f->topic_len + QUESTION_ROOM >
	    native->settings.max_frame) {
		reply_refuse_request(session, REFUSED_FRAME_TOO_BIG, in->id,
		    "ASK: a payload of %zu bytes, whose QUESTION would be "
		    "larger than max-frame, %u bytes",
		    in->payload_len, native->settings.max_frame);
		return false;
	}
	return true;
}

static void
refuse_request(
    struct session *session, const struct broker_request *request, int r)
{
	const struct native_settings *settings = &session->native->settings;

	if (r == BROKER_E_TIMEOUT)
		reply_refuse_request(session, REFUSED_BAD_TIMEOUT,
		    request->ask_id,
		    "ASK: a timeout of %lld ms; the range is 0 to %d",
		    (long long)request->timeout_ms, BROKER_TIMEOUT_MAX_MS);
	else if (r == BROKER_E_QUESTIONS)
		reply_refuse_request(session, REFUSED_TOO_MANY_QUESTIONS,
		    request->ask_id,
		    "ASK: %u questions of this connection are open; "
		    "max-questions is %u",
		    session->member->requests.n_asked, settings->questions_max);
	else
		reply_refuse_request(session, REFUSED_TOO_MANY_QUESTIONS,
		    request->ask_id,
		    "ASK: as many questions are open as max-questions-all "
		    "allows, %u",
		    settings->questions_all_max);
}

static void
open_request(struct session *session, const struct frame *f,
    const struct question_request *in)
{
	struct native *native = session->native;
	struct broker_request request = {
		.ask_id = in->id,
		.gather = in->gather,
		.timeout_ms = in->timeout_ms,
		.parts_max_bytes = (uint64_t)in->parts_max_bytes,
		.to_subscribers = f->flags & FRAME_TO_SUBSCRIBERS,
		.payload = in->payload,
		.payload_len = in->payload_len,
		.opened_us = loop_began_us(native->loop),
	};
	int r;

	/* Any answer with this id would count for the other one. */
	if (broker_has_request(native->broker, session->member, in->id)) {
		reply_fail(session, &native_bad_state,
		    "ASK: the ask id %lld is that of a question that is still "
		    "open; give each open question an id of its own",
		    (long long)in->id);
		return;
	}
	if (!may_open(session, f, in) ||
	    !names_check(session, f, in->id, &request.n_topics))
		return;
	request.topics = native->names;
	r = broker_open_request(
	    native->broker, session->member, &request, loop_now(native->loop));
	if (r == BROKER_E_WALK)
		names_refuse_walk(session, f, in->id);
	else if (r != 0)
		refuse_request(session, &request, r);
}

void
questions_open(struct session *session, const struct incoming *incoming)
{
	const struct frame *f = &incoming->f;
	struct question_request in;
	struct control_why why;

	if (f->flags == FRAME_SEVERAL) {
		reply_fail(session, &native_bad_flags,
		    "ASK: several topics are asked by their subscribers, "
		    "flag 0x%02x",
		    FRAME_TO_SUBSCRIBERS);
		return;
	}
	switch (question_read_request(f->body, f->body_len, &in, &why)) {
	case 0:
		open_request(session, f, &in);
		break;
	case CONTROL_E_BODY:
		reply_fail(session, &native_bad_body, "ASK: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=ASK");
	}
}

/* The reason that a failed answer gives; DEBT_FAILED if it is another. */
static enum debt_state
failure_of(const struct question_answer *in)
{
	static const enum debt_state states[] = { DEBT_TOO_BIG,
		DEBT_UNENCODABLE };

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		const char *name = missing_reasons[states[i]];

		if (in->payload_len == strlen(name) &&
		    memcmp(in->payload, name, in->payload_len) == 0)
			return states[i];
	}
	return DEBT_FAILED;
}

/* Whether the answer has strings that are read. */
static bool
is_union(const struct session *session, const struct answer *answer)
{
	return answer->verdict == VERDICT_YES &&
	       broker_wants_strings(session->native->broker, session->member,
		   answer->question, answer->len);
}

static void
answer(struct session *session, struct blob *blob,
    const struct question_answer *in)
{
	struct native *native = session->native;
	struct answer answer = {
		.question = in->question,
		.verdict = in->verdict,
		.failure = failure_of(in),
		.bytes = in->payload,
		.len = in->payload_len,
		.blob = blob,
	};

	if (is_union(session, &answer)) {
		if (!unions_answer(session, blob, &answer))
			reply_fail(session, &native_bad_body,
			    "ANSWER: the payload is not an array of strings, "
			    "which a union wants");
		return;
	}
	switch (broker_answer(native->broker, session->member, &answer)) {
	case 0:
		break;
	case BROKER_E_ANSWER_BIG:
		reply_refuse(session, REFUSED_ANSWER_TOO_BIG,
		    "ANSWER: a payload of %zu bytes; max-answer is %zu",
		    in->payload_len, native->settings.answer_max_bytes);
		break;
	default:
		reply_fail(session, &native_bad_body,
		    "ANSWER: verdict %d, which a stream alone has",
		    VERDICT_MORE);
	}
}

void
questions_answer(struct session *session, const struct incoming *incoming)
{
	const struct frame *f = &incoming->f;
	struct question_answer in;
	struct control_why why;

	switch (question_read_answer(f->body, f->body_len, &in, &why)) {
	case 0:
		answer(session, incoming->bytes.blob, &in);
		break;
	case CONTROL_E_BODY:
		reply_fail(session, &native_bad_body, "ANSWER: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=ANSWER");
	}
	if (session->union_work == NULL && f->body_len > STAGE_LARGE_BODY)
		conn_resume(session->conn);
}
