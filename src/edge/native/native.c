#include "edge/native/native.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/drain.h"
#include "edge/native/figures.h"
#include "edge/native/frames.h"
#include "edge/native/observer.h"
#include "edge/native/reply.h"
#include "edge/native/stage.h"
#include "edge/native/subscribe.h"
#include "edge/native/unions.h"
#include "edge/native/unwritten.h"

/*
 * The life of sessions: accepted, waiting for HELLO, at work, gone. frames.c
 * handles their frames.
 *
 * The end of the daemon is here too. After GOODBYE every client completes the
 * frames that it has begun and closes its sending side. Until all have done so
 * their subscriptions remain, so the last one's messages still reach the first.
 * Then each connection closes when its queue has been written. The drain
 * timeout bounds it all.
 */

#define RETRY_AFTER_MS 100
#define TIDY_MS 1000
#define SCRATCH_KEPT 65536 /* bytes of one */

static void
finish_drain(struct native *native)
{
	if (!TAILQ_EMPTY(&native->sessions) || native->drained == NULL)
		return;
	native->drained(native->drained_arg);
	native->drained = NULL;
}

static void
on_eof(struct conn *conn)
{
	struct session *session = conn_user(conn);

	if (session->is_unwelcome)
		reply_turn_away(session);
	else if (session_is_idle(session))
		drain_end_input(session);
	else
		session->has_eof = true;
}

/* The scratch buffers for frames and topics grow with the largest need, and
 * count as memory of messages like blobs. */
static void
account_scratch(struct native *native)
{
	size_t n =
	    native->out.size + native->names_size * sizeof(*native->names);

	if (n == native->n_scratch)
		return;
	blob_charge(n);
	blob_discharge(native->n_scratch);
	native->n_scratch = n;
}

/* Releases the memory of large frames. */
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
	turns_trim(&native->turns, SCRATCH_KEPT);
	blob_unref(native->news.blob);
	native->news.blob = NULL;
	blob_unref(native->question.blob);
	native->question.blob = NULL;
	native->question_id = 0;
	account_scratch(native);
}

static void
on_turn_done(struct turns *turns)
{
	account_scratch(container_of(turns, struct native, turns));
}

static const struct turns_ops turns_ops = { stage_handle, on_turn_done };

/* Clients that only poll statistics would fill the ring. */
static void
note_closed(const struct session *session)
{
	struct closed *closed = hub_closed(session->native->hub);

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
			.n_unwritten = session->n_unwritten,
			.is_quiet = session->role == CONTROL_OBSERVER,
			.is_unkept =
			    session->has_polled && session->n_errors == 0,
		    });
}

/* Its frames from before its end are handled in their turn. */
static bool
on_settle(struct conn *conn)
{
	const struct session *session = conn_user(conn);

	return session->turns.n_staged == 0 && session->union_work == NULL;
}

static void
on_gone(struct conn *conn)
{
	struct session *session = conn_user(conn);
	struct native *native = session->native;

	report_cancel(session->report);
	subscribe_drop(session);
	unions_drop(session);
	note_closed(session);
	if (session->member != NULL && session->role == CONTROL_MEMBER)
		apps_remove(
		    hub_apps(native->hub), session->key, session->script);
	if (session->member != NULL)
		leaving_end(&native->leaving, session->member);
	timeouts_leave(&native->hellos, &session->hello);
	TAILQ_REMOVE(&native->sessions, session, in_native);
	observer_gone(session);
	native->n_unwelcome -= session->is_unwelcome;
	if (native->is_draining)
		drain_settle(session);
	free(session->client);
	free(session->key);
	free(session->script);
	free(session->detail);
	free(session);
	finish_drain(native);
}

static void
on_hello_timeout(struct timeout *entry)
{
	struct session *session = container_of(entry, struct session, hello);

	if (session->is_unwelcome)
		reply_turn_away(session);
	else
		reply_fail(session, &native_hello_timeout,
		    "no HELLO within %" PRId64 " ms",
		    session->native->settings.hello_timeout_ms);
}

static void
on_unwritten(struct conn *conn)
{
	struct session *session = conn_user(conn);

	session->n_unwritten += unwritten_count(conn);
}

static const struct conn_ops conn_ops = {
	.input = frames_input,
	.eof = on_eof,
	.unwritten = on_unwritten,
	.settle = on_settle,
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
	session->hello.expire = on_hello_timeout;
	timeouts_enter(
	    &native->hellos, &session->hello, loop_now(native->loop));
	session->conn = conn_new(native->set, fd, &conn_ops, session);
	session->is_unwelcome = verdict != ALLOWED;
	session->is_hushed = verdict == REFUSED_AGAIN;
	native->n_unwelcome += session->is_unwelcome;
	if (session->is_unwelcome) {
		if (too_many ||
		    native->n_unwelcome >
			allowed_refused_max(native->settings.max_connections))
			reply_turn_away(session);
	} else if (too_many) {
		reply_fail(session, &conn_too_many,
		    "max-connections is %u, and as many are open",
		    native->settings.max_connections);
	}
}

const struct listen_ops native_listen_ops = { .accepted = on_accepted };

static struct instant
next_deadline(struct loop_source *source)
{
	const struct native *native =
	    container_of(source, struct native, source);
	struct instant deadline = timeouts_deadline(
	    &native->hellos, native->settings.hello_timeout_ms);

	deadline = instant_earlier(deadline, native->tidy_at);
	deadline =
	    instant_earlier(deadline, broker_next_deadline(native->broker));
	return instant_earlier(deadline, native->drain_deadline);
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
expire(struct loop_source *source, struct instant now)
{
	struct native *native = container_of(source, struct native, source);

	if (instant_reached(native->tidy_at, now)) {
		native->tidy_at = instant_after(now, TIDY_MS);
		trim_scratch(native);
		observer_tell_all(native);
	}
	broker_expire(native->broker, now);
	timeouts_expire(
	    &native->hellos, native->settings.hello_timeout_ms, now);
	if (instant_reached(native->drain_deadline, now))
		expire_drain(native);
}

/* For the hub. */
static void
drain_source(struct stats_source *source, void (*done)(void *arg), void *arg)
{
	native_drain(container_of(source, struct native, stats), done, arg);
}

struct native *
native_new(struct loop *loop, struct conn_set *set, struct broker *broker,
    struct hub *hub, const struct native_settings *settings)
{
	struct native *native = xcalloc(1, sizeof(*native));

	native->loop = loop;
	native->set = set;
	native->broker = broker;
	native->settings = *settings;
	native->hub = hub;
	native->tidy_at = loop_now(loop);
	native_figures_add(native);
	native->stats.drain = drain_source;
	closed_register(hub_closed(hub), native_causes);
	native->drain_deadline = INSTANT_NEVER;
	TAILQ_INIT(&native->sessions);
	timeouts_init(&native->hellos);
	turns_init(&native->turns, loop, broker, &turns_ops);
	native->turns.timing = hub_timing(hub);
	turns_hold(&native->turns, set);
	leaving_init(&native->leaving, loop, broker);
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
	hub_remove_source(native->hub, &native->stats);
	msg_writer_fini(&native->out);
	blob_discharge(native->n_scratch);
	blob_unref(native->news.blob);
	blob_unref(native->question.blob);
	free(native->names);
	turns_fini(&native->turns);
	leaving_fini(&native->leaving);
	free(native);
}

void
native_configure(struct native *native, const struct native_settings *settings)
{
	native->settings = *settings;
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
	reply_send_out(session);
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
		drain_finish(native);
	finish_drain(native);
}
