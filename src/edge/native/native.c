#include "edge/native/native.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/session.h"

/*
 * The life of sessions: accepted, waiting for HELLO, at work, gone. What they
 * say is for session.c and verbs.c.
 *
 * The end of the daemon is theirs too. GOODBYE asks every client to send what
 * it has begun, and to close its sending side; until all have done so their
 * subscriptions stand, so what the last one sends still reaches the first.
 * Then each connection closes when its queue has been written. The drain
 * timeout bounds it all.
 */

#define RETRY_AFTER_MS 100
#define SCRATCH_KEPT 65536 /* bytes of one */

static const char *
session_name(const struct session *session)
{
	return session->member == NULL ? "" : session->member->name;
}

static void
finish_drain(struct native *native)
{
	if (!TAILQ_EMPTY(&native->sessions) || native->drained == NULL)
		return;
	native->drained(native->drained_arg);
	native->drained = NULL;
}

static void
finish_all(struct native *native)
{
	struct session *session;

	TAILQ_FOREACH (session, &native->sessions, in_native)
		conn_finish(session->conn, &conn_shutdown);
}

/* Once nobody has anything more to send, whoever has got everything may go. */
static void
settle(struct session *session)
{
	struct native *native = session->native;

	if (!session->is_owing)
		return;
	session->is_owing = false;
	if (--native->n_owing == 0)
		finish_all(native);
}

void
session_end_input(struct session *session)
{
	if (!session->native->is_draining) {
		conn_close(session->conn, &conn_eof);
		return;
	}
	/* It can't answer any more, and must not be waited for. */
	if (session->member != NULL)
		broker_silence(session->native->broker, session->member);
	settle(session);
}

static void
on_eof(struct conn *conn)
{
	struct session *session = conn_user(conn);

	if (session->is_unwelcome)
		session_turn_away(session);
	else if (session->n_staged + session->n_news > 0)
		session->has_eof = true;
	else
		session_end_input(session);
}

/* What is staged, and what frames are written to, grows with the largest need
 * and belongs to messages as much as blobs do. */
static void
account_scratch(struct native *native)
{
	size_t n = native->out.size +
		   native->names_size * sizeof(*native->names) +
		   native->strings_size * sizeof(*native->strings) +
		   native->fresh.size * sizeof(*native->fresh.at) +
		   native->ripe.size * sizeof(*native->ripe.at);

	if (n == native->n_scratch)
		return;
	blob_charge(n);
	blob_discharge(native->n_scratch);
	native->n_scratch = n;
}

static void
trim_stage(struct stage *stage)
{
	if (stage->n > 0 || stage->size * sizeof(*stage->at) <= SCRATCH_KEPT)
		return;
	free(stage->at);
	*stage = (struct stage){ .n = 0 };
}

/* Gives back what a large frame, or many, have left behind. */
static void
trim_scratch(struct native *native)
{
	if (native->out.size > SCRATCH_KEPT)
		msg_writer_fini(&native->out);
	if (native->names_size * sizeof(*native->names) > SCRATCH_KEPT) {
		free(native->names);
		native->names = NULL;
		native->names_size = 0;
	}
	if (native->strings_size * sizeof(*native->strings) > SCRATCH_KEPT) {
		free(native->strings);
		native->strings = NULL;
		native->strings_size = 0;
	}
	trim_stage(&native->fresh);
	trim_stage(&native->ripe);
	blob_unref(native->news.blob);
	native->news.blob = NULL;
	blob_unref(native->question.blob);
	native->question.blob = NULL;
	native->question_id = 0;
	account_scratch(native);
}

static void
on_staging(struct loop_task *task)
{
	struct native *native =
	    (struct native *)((char *)task - offsetof(struct native, staging));

	session_run_ripe(native);
	account_scratch(native);
}

/* Clients that only poll statistics would fill the ring. */
static void
note_closed(const struct session *session)
{
	struct closed *closed = &session->native->closed;

	if (session->is_hushed)
		closed_count(closed, session->conn);
	else
		closed_note(closed,
		    &(struct closed_note){
			.event = "conn-closed",
			.conn = session->conn,
			.now = loop_now(session->native->loop),
			.id = session->member == NULL ? 0 : session->member->id,
			.name = session_name(session),
			.pid = session_pid(session),
			.uid = session->peer.uid,
			.detail = session->detail,
			.is_quiet = session->role == CONTROL_OBSERVER,
			.is_unkept =
			    session->has_asked && session->n_errors == 0,
		    });
}

static void
on_gone(struct conn *conn)
{
	struct session *session = conn_user(conn);
	struct native *native = session->native;

	session_run_staged(session);
	native_report_cancel(session->report);
	session_drop_topics(session);
	note_closed(session);
	if (session->member != NULL && session->role == CONTROL_MEMBER)
		apps_remove(&native->apps, session->key, session->script);
	if (session->member != NULL)
		broker_leave(native->broker, session->member);
	else
		TAILQ_REMOVE(&native->waiting, session, in_waiting);
	TAILQ_REMOVE(&native->sessions, session, in_native);
	observer_gone(session);
	native->n_unwelcome -= session->is_unwelcome;
	if (native->is_draining)
		settle(session);
	free(session->client);
	free(session->key);
	free(session->script);
	free(session->detail);
	free(session);
	finish_drain(native);
}

static const struct conn_ops conn_ops = {
	.input = session_input,
	.eof = on_eof,
	.gone = on_gone,
};

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	struct native *native = user;
	struct session *session = xcalloc(1, sizeof(*session));
	bool too_many =
	    conn_set_n_open(native->set) >= native->settings.max_connections;
	enum allowed_verdict verdict =
	    allowed_judge(native->settings.allowed, fd, peer, "native");

	session->native = native;
	session->peer = *peer;
	session->pm_id = -1;
	TAILQ_INSERT_TAIL(&native->sessions, session, in_native);
	TAILQ_INSERT_TAIL(&native->waiting, session, in_waiting);
	session->conn = conn_new(native->set, fd, &conn_ops, session);
	session->is_unwelcome = verdict != ALLOWED;
	session->is_hushed = verdict == REFUSED_AGAIN;
	native->n_unwelcome += session->is_unwelcome;
	if (session->is_unwelcome) {
		if (too_many ||
		    native->n_unwelcome >
			allowed_refused_max(native->settings.max_connections))
			session_turn_away(session);
	} else if (too_many) {
		session_fail(session, &conn_too_many,
		    "max-connections is %u, and there are as many",
		    native->settings.max_connections);
	}
}

const struct listen_ops native_listen_ops = { .accepted = on_accepted };

static struct native *
native_of(struct loop_source *source)
{
	return (
	    struct native *)((char *)source - offsetof(struct native, source));
}

static struct instant
hello_deadline(const struct native *native)
{
	const struct session *first = TAILQ_FIRST(&native->waiting);

	if (first == NULL)
		return INSTANT_NEVER;
	return instant_after(
	    conn_since(first->conn), native->settings.hello_timeout_ms);
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct native *native = native_of(source);
	struct instant deadline =
	    instant_earlier(hello_deadline(native), rates_due(&native->rates));

	deadline =
	    instant_earlier(deadline, broker_next_deadline(native->broker));
	return instant_earlier(deadline, native->drain_deadline);
}

static void
sample_rates(struct native *native, struct instant now)
{
	const struct broker_stats *broker = broker_stats(native->broker);
	const struct conn_set_stats *net = conn_set_stats(native->set);
	const uint64_t counters[RATES_COUNTERS] = {
		broker->n_published,
		broker->n_delivered,
		net->bytes_in,
		net->bytes_out,
		native->timing.turn.sum_us,
	};

	rates_add(&native->rates, now, counters);
}

static void
expire_drain(struct native *native)
{
	struct session *session;

	native->drain_deadline = INSTANT_NEVER;
	TAILQ_FOREACH (session, &native->sessions, in_native)
		conn_close(session->conn, &conn_shutdown);
	finish_drain(native);
}

static void
expire_hellos(struct native *native, struct instant now)
{
	struct session *session, *next;

	TAILQ_FOREACH_SAFE (session, &native->waiting, in_waiting, next) {
		if (!instant_reached(instant_after(conn_since(session->conn),
					 native->settings.hello_timeout_ms),
			now))
			break;
		if (session->is_unwelcome)
			session_turn_away(session);
		session_fail(session, &native_hello_timeout,
		    "no HELLO within %" PRId64 " ms",
		    native->settings.hello_timeout_ms);
	}
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct native *native = native_of(source);

	if (instant_reached(rates_due(&native->rates), now)) {
		sample_rates(native, now);
		trim_scratch(native);
		observer_tell_all(native);
	}
	broker_expire(native->broker, now);
	expire_hellos(native, now);
	if (instant_reached(native->drain_deadline, now))
		expire_drain(native);
}

static struct timing_work
work_so_far(void *arg)
{
	const struct native *native = arg;
	const struct broker_stats *broker = broker_stats(native->broker);
	const struct conn_set_stats *net = conn_set_stats(native->set);

	return (struct timing_work){
		.messages = broker->n_published,
		.deliveries = broker->n_delivered,
		.bytes_in = net->bytes_in,
		.bytes_out = net->bytes_out,
	};
}

static void
set_slow(struct native *native)
{
	native->timing.slow_turn_us = native->settings.slow_turn_us;
	native->timing.slow_question_us = native->settings.slow_question_us;
}

struct native *
native_new(struct loop *loop, struct conn_set *set, struct broker *broker,
    const struct native_settings *settings)
{
	struct native *native = xcalloc(1, sizeof(*native));

	native->loop = loop;
	native->set = set;
	native->broker = broker;
	native->settings = *settings;
	timing_init(&native->timing, loop, work_so_far, native);
	set_slow(native);
	native->started = loop_now(loop);
	closed_register(&native->closed, conn_causes);
	closed_register(&native->closed, native_causes);
	native->epoch_ms = clock_wall_ms();
	native->drain_deadline = INSTANT_NEVER;
	TAILQ_INIT(&native->sessions);
	TAILQ_INIT(&native->waiting);
	native->staging.run = on_staging;
	native->source.next_deadline = next_deadline;
	native->source.expire = expire;
	loop_add_source(loop, &native->source);
	return native;
}

void
native_free(struct native *native)
{
	if (native == NULL)
		return;
	assert(TAILQ_EMPTY(&native->sessions));
	loop_remove_source(native->loop, &native->source);
	timing_fini(&native->timing);
	msg_writer_fini(&native->out);
	blob_discharge(native->n_scratch);
	closed_fini(&native->closed);
	blob_unref(native->news.blob);
	blob_unref(native->question.blob);
	free(native->names);
	free(native->strings);
	free(native->fresh.at);
	free(native->ripe.at);
	free(native);
}

void
native_configure(struct native *native, const struct native_settings *settings)
{
	native->settings = *settings;
	set_slow(native);
}

void
native_note_reload(struct native *native, bool is_done, const char *said)
{
	native->n_reloaded += is_done;
	native->n_reloads_refused += !is_done;
	native->is_reload_refused = !is_done;
	snprintf(native->reload_said, sizeof(native->reload_said), "%s", said);
}

struct closed *
native_closed(struct native *native)
{
	return &native->closed;
}

struct timing *
native_timing(struct native *native)
{
	return &native->timing;
}

void
native_add_others(struct native *native, const struct native_others *others)
{
	assert(native->n_others < NATIVE_OTHERS_MAX);
	native->others[native->n_others++] = *others;
}

void
native_set_listener(struct native *native, const struct listener *listener)
{
	native->listener = listener;
}

static void
say_goodbye(struct session *session)
{
	if (session->member == NULL) {
		conn_close(session->conn, &conn_shutdown);
		return;
	}
	session->is_owing = session->role != CONTROL_OBSERVER;
	session->native->n_owing += session->is_owing;
	control_write_goodbye(
	    &session->native->out, "shutdown", RETRY_AFTER_MS);
	session_send_out(session);
}

void
native_drain(struct native *native, void (*done)(void *arg), void *arg)
{
	struct session *session;

	native->is_draining = true;
	native->drained = done;
	native->drained_arg = arg;
	native->drain_deadline = instant_after(
	    loop_now(native->loop), native->settings.drain_timeout_ms);
	TAILQ_FOREACH (session, &native->sessions, in_native)
		say_goodbye(session);
	if (native->n_owing == 0)
		finish_all(native);
	finish_drain(native);
}
