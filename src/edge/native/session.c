#include "edge/native/session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "wire/frame.h"

/*
 * A session is waiting until HELLO is through, then it has a member in the
 * broker. One table says for each type of frame what may stand in its header,
 * how long its body may be and which verb handles it; no verb sees a frame
 * before all of that has been judged.
 *
 * Refusals come in two kinds. What only a broken client sends ends the
 * connection, with an ERROR that says why. What an application's data can lead
 * to (a room name that is too long, an emit that is too large) is refused and
 * counted, and the connection goes on: users' input must not cut a worker off.
 *
 * What others can see is handled one turn after it was read. Between the two,
 * the sockets are asked once more, and subscriptions are obeyed as they are
 * read. So a subscription that was sent before a message was published, on
 * whatever connection, is in force when that message is routed: whoever has
 * been told of a join, by any way, can emit to the room. (The bytes must have
 * been within reach of one read.) Without it the order of two connections is
 * the order in which the kernel happens to name them, and one join in a
 * thousand came too late on a busy machine. It costs an epoll_wait(2) that does
 * not wait, where there is no other to come. Answers keep the order of what
 * they answer: what would overtake one that is staged is staged behind it.
 *
 * PUBLISH is the fast path: frames in a row with the same topic and flags are
 * handled as one run, looked up once and queued to each receiver as one slice
 * of the blob that they arrived in.
 */

#define HELLO_FRAME_MAX 4096
#define PING_BODY_MAX 1024
#define STATS_BODY_MAX 4096
#define SMALL_FRAME 4096 /* bytes that are never worth to be spliced */
#define LOOK_AHEAD 8     /* staged entries */

static const char *const refusal_names[N_REFUSALS] = {
	[REFUSED_FRAME_TOO_BIG] = "frame-too-big",
	[REFUSED_BAD_TOPIC] = "bad-topic",
	[REFUSED_BAD_BODY] = "bad-body",
	[REFUSED_BUSY] = "busy",
	[REFUSED_FORBIDDEN] = "forbidden",
	[REFUSED_TOPIC_TOO_LONG] = "topic-too-long",
	[REFUSED_TOO_MANY_SUBSCRIPTIONS] = "too-many-subscriptions",
	[REFUSED_TOO_MANY_PREFIX_LENGTHS] = "too-many-prefix-lengths",
	[REFUSED_BAD_TIMEOUT] = "bad-timeout",
	[REFUSED_TOO_MANY_QUESTIONS] = "too-many-questions",
	[REFUSED_ANSWER_TOO_BIG] = "answer-too-big",
	[REFUSED_GATHER_TOO_BIG] = "gather-too-big",
};

const char *
refusal_name(enum refusal refusal)
{
	return refusal_names[refusal];
}

int64_t
session_pid(const struct session *session)
{
	return session->peer.pid > 0 ? session->peer.pid : session->pid;
}

/* n: how many frames of the session bytes has; 0: they are a frame for it.
 * hash: as struct staged has it. */
static void
stage(struct session *session, const struct slice *bytes, uint32_t n,
    uint32_t hash)
{
	struct native *native = session->native;
	struct stage *fresh = &native->fresh;

	if (fresh->n == fresh->size) {
		fresh->size = fresh->size == 0 ? 64 : 2 * fresh->size;
		fresh->at =
		    xreallocarray(fresh->at, fresh->size, sizeof(*fresh->at));
	}
	if (fresh->n == 0)
		fresh->read_us = loop_began_us(native->loop);
	fresh->at[fresh->n++] = (struct staged){ session, *bytes, n, hash };
	blob_ref(bytes->blob);
	if (n > 0) {
		uint8_t type = slice_data(bytes)[FRAME_LENGTH_SIZE];

		session->is_asking |= type == FRAME_STATS;
		session->n_leaving += type == FRAME_UNSUBSCRIBE;
	}
	if (n == 0)
		session->n_news++;
	else
		session->n_staged++;
	loop_work_later(native->loop, &native->staging);
}

void
session_send(struct session *session, const struct slice *frame)
{
	if (!session->native->is_handling &&
	    session->n_staged + session->n_news > 0)
		stage(session, frame, 0, 0);
	else
		conn_send(session->conn, frame, false);
}

void
session_send_out(struct session *session)
{
	struct msg_writer *w = &session->native->out;
	struct slice s = { .len = w->len };

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	s.blob = blob_copy(w->data, w->len);
	w->len = 0;
	session_send(session, &s);
	blob_unref(s.blob);
}

void
session_fail(struct session *session, const struct conn_cause *cause,
    const char *fmt, ...)
{
	char message[CLOSED_DETAIL_SIZE];
	va_list ap;

	if (conn_is_closing(session->conn))
		return;
	session_run_staged(session);
	if (conn_is_closing(session->conn))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	control_write_error(&session->native->out, cause->name, message, true);
	session_send_out(session);
	free(session->detail);
	session->detail = xstrdup(message);
	conn_close(session->conn, cause);
}

void
session_turn_away(struct session *session)
{
	if (session->is_told)
		conn_close(session->conn, &conn_not_allowed);
	else
		session_fail(session, &conn_not_allowed, ALLOWED_REFUSAL,
		    (unsigned)session->peer.uid);
}

/*
 * Answers the first bytes of a session that is_unwelcome, and leaves the
 * closing to the client, which would find its socket broken if it wrote once
 * more before it has read the answer.
 */
static void
tell_unwelcome(struct session *session)
{
	char message[CLOSED_DETAIL_SIZE];

	if (session->is_told)
		return;
	session->is_told = true;
	snprintf(message, sizeof(message), ALLOWED_REFUSAL,
	    (unsigned)session->peer.uid);
	control_write_error(
	    &session->native->out, conn_not_allowed.name, message, true);
	session_send_out(session);
	session->detail = xstrdup(message);
}

static void
count_refusal(struct session *session, enum refusal why, const char *message)
{
	char quoted[CLOSED_DETAIL_SIZE + 64]; /* it may quote the peer */

	session->native->n_refused[why]++;
	session->n_errors++;
	log_debug("refused", "id=%" PRIu64 " code=%s message=%s",
	    session->member == NULL ? 0 : session->member->id,
	    refusal_names[why],
	    log_quote(quoted, sizeof(quoted), message, strlen(message)));
}

__attribute__((format(printf, 4, 0))) static void
refuse(struct session *session, enum refusal why, int64_t ask_id,
    const char *fmt, va_list ap)
{
	struct msg_writer *w = &session->native->out;
	char message[CLOSED_DETAIL_SIZE];

	vsnprintf(message, sizeof(message), fmt, ap);
	count_refusal(session, why, message);
	if (ask_id < 0)
		control_write_error(w, refusal_names[why], message, false);
	else
		control_write_ask_error(w, refusal_names[why], message, ask_id);
	session_send_out(session);
}

void
session_refuse(struct session *session, enum refusal why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(session, why, -1, fmt, ap);
	va_end(ap);
}

void
session_refuse_ask(struct session *session, enum refusal why, int64_t ask_id,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(session, why, ask_id, fmt, ap);
	va_end(ap);
}

/*
 * Stages f, which begins data, and the frames behind it that go the same way.
 * Returns how many bytes they have. A run has at most the size of the largest
 * frame: a queue has room for two of those, so no receiver that keeps up is
 * ever cut for what merely came together.
 */
static size_t
stage_publish(
    struct session *session, const struct frame *f, const struct slice *data)
{
	size_t max =
	    (size_t)session->native->settings.max_frame + FRAME_LENGTH_SIZE;
	struct slice run = *data;
	uint32_t n, hash = 0;

	if (!verb_may_publish(session, f))
		return f->size;
	run.len = frame_run(f, data->len, max, &n);
	if (!(f->flags & FRAME_SEVERAL))
		hash = broker_hash(session->native->broker,
		    &(struct topic_name){
			.bytes = f->topic, .len = f->topic_len });
	stage(session, &run, n, hash);
	return run.len;
}

/*
 * What waits for the next turn is what others can see (PUBLISH, ASK, ANSWER),
 * and what tells that something before it is in force (PING, STATS). So does
 * UNSUBSCRIBE as a member: who leaves owes nothing, and what it has answered
 * before must count.
 */
static const struct rule {
	uint8_t type;
	uint8_t flags; /* that it may have */
	bool has_topic;
	bool is_staged;
	uint32_t body_max; /* bytes; 0: max_frame bounds it */
	/* NULL for PUBLISH, which is handled in runs. */
	void (*handle)(struct session *session, const struct frame *f);
} rules[] = {
	{ FRAME_PUBLISH, FRAME_VOLATILE | FRAME_SEVERAL, true, true, 0, NULL },
	{ FRAME_SUBSCRIBE, FRAME_BY_PREFIX | FRAME_AS_MEMBER, false, false, 0,
	    verb_subscribe },
	{ FRAME_UNSUBSCRIBE, FRAME_BY_PREFIX | FRAME_AS_MEMBER, false, false, 0,
	    verb_unsubscribe },
	{ FRAME_ASK, FRAME_TO_SUBSCRIBERS | FRAME_SEVERAL, true, true, 0,
	    verb_ask },
	{ FRAME_ANSWER, 0, false, true, 0, verb_answer },
	{ FRAME_PING, 0, false, true, PING_BODY_MAX, verb_ping },
	{ FRAME_PONG, 0, false, false, 0, verb_pong },
	{ FRAME_STATS, 0, false, true, STATS_BODY_MAX, verb_stats },
	{ FRAME_HELLO, 0, false, false, 0, verb_hello },
};

static const struct rule *
find_rule(uint8_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

/* Judges the header of f. NULL when the session has failed. */
static const struct rule *
judge(struct session *session, const struct frame *f)
{
	const struct rule *rule = find_rule(f->type);

	if (rule == NULL)
		session_fail(session, &native_unknown_type,
		    "a frame of type 0x%02x (%s), which clients don't send",
		    f->type, frame_type_name(f->type));
	else if (f->flags & ~rule->flags)
		session_fail(session, &native_bad_flags,
		    "%s: flags 0x%02x; known: 0x%02x", frame_type_name(f->type),
		    f->flags, rule->flags);
	else if (f->topic_len > 0 && !rule->has_topic)
		session_fail(session, &native_bad_topic,
		    "%s: a topic where none belongs", frame_type_name(f->type));
	else if (rule->body_max > 0 && f->body_len > rule->body_max)
		session_fail(session, &native_bad_body,
		    "%s: a body of %zu bytes; at most %u",
		    frame_type_name(f->type), f->body_len, rule->body_max);
	else
		return rule;
	return NULL;
}

static bool
is_staged(const struct rule *rule, const struct frame *f)
{
	return rule->is_staged ||
	       (f->type == FRAME_UNSUBSCRIBE && f->flags == FRAME_AS_MEMBER);
}

static void
handle_now(struct session *session, const struct rule *rule,
    const struct frame *f, struct blob *blob)
{
	session->native->at_hand = blob;
	rule->handle(session, f);
}

/* What follows a large UNSUBSCRIBE must not be obeyed before it is done. */
static void
stage_one(
    struct session *session, const struct frame *f, const struct slice *data)
{
	stage(session, &(struct slice){ data->blob, data->off, f->size }, 1, 0);
	if (f->type == FRAME_UNSUBSCRIBE && f->body_len > SESSION_LARGE_BODY)
		conn_pause(session->conn);
}

/* Handles or stages f, which begins data. Returns how many bytes were used. */
static size_t
take_frame(
    struct session *session, const struct frame *f, const struct slice *data)
{
	const struct rule *rule = judge(session, f);

	if (rule == NULL)
		return f->size;
	if (rule->handle == NULL)
		return stage_publish(session, f, data);
	if (f->type == FRAME_STATS && session->is_asking)
		session_refuse(session, REFUSED_BUSY,
		    "STATS: the one before it is not yet answered");
	else if (is_staged(rule, f))
		stage_one(session, f, data);
	else
		handle_now(session, rule, f, data->blob);
	return f->size;
}

/* What a client sent behind a mistake that ended it is not obeyed. What came
 * before its end otherwise is. */
static bool
has_failed(const struct session *session)
{
	const struct conn_cause *cause = conn_cause(session->conn);

	return cause != NULL && cause->is_protocol;
}

static void
handle_frames(const struct staged *staged)
{
	struct session *session = staged->session;
	const struct slice *bytes = &staged->bytes;
	enum frame_verdict verdict;
	const struct rule *rule;
	struct frame f;

	verdict = frame_peek(slice_data(bytes), bytes->len, UINT32_MAX, &f);
	rule = find_rule(f.type);
	assert(verdict == FRAME_READY && rule != NULL);
	session->is_asking = session->is_asking && f.type != FRAME_STATS;
	session->n_leaving -= f.type == FRAME_UNSUBSCRIBE;
	if (has_failed(session))
		return;
	if (rule->handle == NULL)
		verb_publish(session, &f, staged);
	else if (!conn_is_closing(session->conn) || f.type == FRAME_ANSWER)
		handle_now(session, rule, &f, bytes->blob);
}

void
session_settle(struct session *session)
{
	if (session->has_eof && session->n_staged + session->n_news == 0)
		session_end_input(session);
}

static void
handle_staged(struct staged *staged)
{
	struct session *session = staged->session;

	staged->session = NULL;
	if (staged->n > 0) {
		handle_frames(&(struct staged){
		    session, staged->bytes, staged->n, staged->hash });
		session->n_staged--;
	} else {
		conn_send(session->conn, &staged->bytes, false);
		session->n_news--;
	}
	blob_unref(staged->bytes.blob);
	session_settle(session);
}

/* With a million topics a lookup is two or three waits for memory; those of
 * the messages to come are under way while this one is handled. */
static void
look_ahead(const struct native *native, size_t i)
{
	const struct stage *ripe = &native->ripe;

	if (i + 2 * LOOK_AHEAD < ripe->n)
		broker_prefetch(
		    native->broker, ripe->at[i + 2 * LOOK_AHEAD].hash);
	if (i + LOOK_AHEAD < ripe->n)
		broker_prefetch_entry(
		    native->broker, ripe->at[i + LOOK_AHEAD].hash);
	if (i + LOOK_AHEAD / 2 < ripe->n)
		broker_prefetch_subs(
		    native->broker, ripe->at[i + LOOK_AHEAD / 2].hash);
}

void
session_run_ripe(struct native *native)
{
	uint64_t n_before = broker_stats(native->broker)->n_published;
	struct stage done;

	native->is_handling = true;
	for (size_t i = 0; i < native->ripe.n; i++) {
		look_ahead(native, i);
		if (native->ripe.at[i].session != NULL)
			handle_staged(&native->ripe.at[i]);
	}
	native->is_handling = false;
	timing_routed(&native->timing, native->ripe.read_us,
	    broker_stats(native->broker)->n_published - n_before);
	done = native->ripe;
	native->ripe = native->fresh;
	native->fresh = done;
	native->fresh.n = 0;
	if (native->ripe.n > 0)
		loop_work_later(native->loop, &native->staging);
}

static void
run_own(struct stage *stage, const struct session *session)
{
	for (size_t i = 0; i < stage->n; i++)
		if (stage->at[i].session == session)
			handle_staged(&stage->at[i]);
}

void
session_run_staged(struct session *session)
{
	struct native *native = session->native;

	if (native->is_handling || session->n_staged + session->n_news == 0)
		return;
	native->is_handling = true;
	run_own(&native->ripe, session);
	run_own(&native->fresh, session);
	native->is_handling = false;
}

static size_t
take_too_big(struct session *session, const struct frame *f)
{
	uint32_t max = session->native->settings.max_frame;

	if (session->member == NULL)
		max = HELLO_FRAME_MAX;
	if (f->type != FRAME_PUBLISH || session->member == NULL) {
		session_fail(session, &native_frame_too_big,
		    "%s: a length of %zu bytes; the limit is %u",
		    frame_type_name(f->type), f->size - FRAME_LENGTH_SIZE, max);
		return 0;
	}
	session_refuse(session, REFUSED_FRAME_TOO_BIG,
	    "PUBLISH: a length of %zu bytes; max-frame is %u",
	    f->size - FRAME_LENGTH_SIZE, max);
	conn_skip(session->conn, f->size - FRAME_HEADER_SIZE);
	return FRAME_HEADER_SIZE;
}

/* The type is judged as soon as it is there: whoever speaks another protocol
 * hears it at once. */
static bool
is_stranger(struct session *session, const struct frame *f)
{
	if (session->member != NULL || f->size == 0 || f->type == FRAME_HELLO)
		return false;
	session_fail(session, &native_hello_expected,
	    "a frame of type 0x%02x came before HELLO", f->type);
	return true;
}

static enum frame_verdict
peek(struct session *session, const struct slice *data, struct frame *f)
{
	uint32_t max = session->native->settings.max_frame;

	if (session->member == NULL && max > HELLO_FRAME_MAX)
		max = HELLO_FRAME_MAX;
	return frame_peek(slice_data(data), data->len, max, f);
}

/* Nobody looks at the payload of a message. */
static void
tell_opaque(struct session *session, const struct frame *f)
{
	size_t head = FRAME_HEADER_SIZE + f->topic_len;

	conn_set_opaque(
	    session->conn, f->type == FRAME_PUBLISH ? head : 0, f->size);
}

size_t
session_input(struct conn *conn, const struct slice *data, size_t *want)
{
	struct session *session = conn_user(conn);
	struct slice rest = *data;
	enum frame_verdict verdict;
	struct frame f;
	size_t used;

	if (session->is_unwelcome) {
		tell_unwelcome(session);
		return data->len;
	}
	while (
	    rest.len > 0 && !conn_is_closing(conn) && !conn_is_paused(conn)) {
		verdict = peek(session, &rest, &f);
		if (verdict != FRAME_ALIEN && is_stranger(session, &f))
			break;
		switch (verdict) {
		case FRAME_READY:
			if (f.size > SMALL_FRAME)
				tell_opaque(session, &f);
			used = take_frame(session, &f, &rest);
			break;
		case FRAME_SHORT:
			*want = f.size;
			tell_opaque(session, &f);
			return rest.off - data->off;
		case FRAME_TOO_BIG:
			used = take_too_big(session, &f);
			rest.off += used;
			return rest.off - data->off;
		default:
			session_fail(session, &native_bad_frame,
			    "a header that contradicts itself");
			return rest.off - data->off;
		}
		rest.off += used;
		rest.len -= used;
	}
	return rest.off - data->off;
}
