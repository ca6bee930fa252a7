#include <stdlib.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "net/conn_state.h"
#include "net/piped.h"

/*
 * conn_send() queues, and puts the conn on the flush list. The flush writes
 * first, and watches for writability only after a short write. A socket that
 * took less than it was given is not tried again before it is writable: a
 * stalled receiver costs its queue's appends, and no system call. All writing
 * is in the flush list, since the loop bounds its time in a turn.
 */

static struct instant
oldest_queued(const struct conn *conn)
{
	return conn->lag != NULL ? lag_since(conn->lag, conn->stats.bytes_out)
				 : loop_now(conn->set->loop);
}

/* Marks the end of the queue, by its place in everything that is written:
 * bytes that come next wait from now on. */
static void
note_lag(struct conn *conn)
{
	struct instant now = loop_now(conn->set->loop);

	if (instant_reached(conn->lag->due, now))
		lag_note(conn->lag,
		    conn->stats.bytes_out + conn->out.queue.n_bytes, now);
}

void
conn_drop_output(struct conn *conn)
{
	size_t n;

	if (conn->out.queue.n_bytes > 0) {
		conn->lost_since =
		    instant_earlier(conn->lost_since, oldest_queued(conn));
		if (conn->ops->unwritten != NULL)
			conn->ops->unwritten(conn);
	}
	n = output_drop(&conn->out);
	conn->stats.n_unwritten += n;
	conn->set->stats.n_unwritten += n;
	timeouts_leave(&conn->set->slow, &conn->slow);
	memory_hold_output(&conn->set->memory, &conn->holder, false);
	conn_set_end_turn_later(conn->set);
}

static void
set_stalled(struct conn *conn, bool is_stalled)
{
	if (conn->out.is_stalled == is_stalled)
		return;
	conn->out.is_stalled = is_stalled;
	if (is_stalled) {
		conn->lag = xcalloc(1, sizeof(*conn->lag));
		lag_note(conn->lag, conn->stats.bytes_out,
		    loop_now(conn->set->loop));
	} else {
		free(conn->lag);
		conn->lag = NULL;
	}
	memory_hold_output(&conn->set->memory, &conn->holder, is_stalled);
	if (!is_stalled)
		loop_event_del(&conn->writable);
	else if (loop_event_add(&conn->writable) != 0)
		conn_close(conn, &conn_io_error);
}

void
conn_flush(struct conn *conn)
{
	struct conn_set *set = conn->set;
	enum output_verdict verdict;
	size_t n;

	verdict = output_write(&conn->out, conn->fd, set->scratch, &n);
	conn->stats.bytes_out += n;
	set->stats.bytes_out += n;
	if (memory_has_waiting(&set->memory) && n > 0)
		conn_set_end_turn_later(set);
	if (conn->out.is_mute) {
		conn_drop_output(conn);
		if (verdict == OUTPUT_FAILED)
			conn_close(conn, &conn_io_error);
	}
	if (conn->slow.is_queued &&
	    conn->out.queue.n_bytes <= set->limits.soft_bytes)
		timeouts_leave(&set->slow, &conn->slow);
	set_stalled(conn, conn->out.queue.n_bytes > 0);
	if (conn->finish != NULL && conn->out.queue.n_bytes == 0)
		conn_close(conn, conn->finish);
}

void
conn_on_flush(struct loop_task *task)
{
	struct conn *conn = container_of(task, struct conn, flush);

	if (conn->out.is_stalled && !conn->is_writable)
		return;
	conn->is_writable = false;
	conn_flush(conn);
}

void
conn_flush_now(struct conn *conn)
{
	if (conn->cause != NULL || conn->out.is_stalled)
		return;
	conn_flush(conn);
}

void
conn_on_writable(struct loop_event *event)
{
	struct conn *conn = container_of(event, struct conn, writable);

	if (conn->cause != NULL)
		return;
	conn->is_writable = true;
	loop_flush_later(conn->set->loop, &conn->flush);
}

/* Drops volatile messages first: those to a slow receiver, and if memory is
 * short those to a stalled receiver. */
static bool
is_unwelcome(const struct conn *conn)
{
	return conn->out.queue.n_bytes > conn->set->limits.soft_bytes ||
	       (conn->out.is_stalled && memory_is_tight(&conn->set->memory));
}

/* Queues `s` for a socket that takes nothing for now. */
static void
push_stalled(struct conn *conn, const struct slice *s)
{
	struct conn_set *set = conn->set;

	piped_set_waiting(s->blob);
	if (!conn->flush.is_queued) /* the first in this turn */
		note_lag(conn);
	outq_push(&conn->out.queue, s, &set->memory.copies);
	conn_set_end_turn_later(set);
	if (memory_is_over(&set->memory))
		memory_make_room(&set->memory, loop_now(set->loop));
}

static bool
is_deaf(const struct conn *conn)
{
	return conn->cause != NULL || conn->out.is_mute;
}

/* Whether `len` bytes more may be queued, at a glance: false is no verdict. */
static inline bool
is_plain(const struct conn *conn, size_t len, bool is_volatile)
{
	return !is_deaf(conn) && !is_volatile &&
	       conn->out.queue.n_bytes + len <= conn->set->limits.hard_bytes;
}

/* Whether `len` bytes more may be queued: CONN_QUEUED if so. */
static enum conn_sent
admit(struct conn *conn, size_t len, bool is_volatile)
{
	const struct outq *queue = &conn->out.queue;
	size_t max = conn->set->limits.hard_bytes;

	if (is_deaf(conn))
		return CONN_UNREAD;
	if (is_volatile && is_unwelcome(conn))
		return CONN_DROPPED;
	if (queue->n_bytes + len > max && len <= max) {
		conn_flush(conn);
		if (is_deaf(conn))
			return CONN_UNREAD;
	}
	if (queue->n_bytes + len > max) {
		conn_cut(conn, &conn_slow_consumer, "queue-limit");
		return CONN_CUT;
	}
	return CONN_QUEUED;
}

static inline enum conn_sent
note_queued(struct conn *conn)
{
	struct conn_set *set = conn->set;
	struct outq *queue = &conn->out.queue;

	if (conn->cause != NULL)
		return CONN_CUT;
	if (queue->n_bytes > conn->stats.queue_peak)
		conn->stats.queue_peak = queue->n_bytes;
	if (queue->n_bytes > set->limits.soft_bytes)
		timeouts_enter(&set->slow, &conn->slow, loop_now(set->loop));
	loop_flush_later(set->loop, &conn->flush);
	return CONN_QUEUED;
}

enum conn_sent
conn_send(struct conn *conn, const struct slice *s, bool is_volatile)
{
	enum conn_sent verdict = CONN_QUEUED;

	if (!is_plain(conn, s->len, is_volatile))
		verdict = admit(conn, s->len, is_volatile);
	if (verdict != CONN_QUEUED)
		return verdict;
	if (conn->out.is_stalled)
		push_stalled(conn, s);
	else
		outq_push(&conn->out.queue, s, NULL);
	return note_queued(conn);
}

enum conn_sent
conn_send_parts(
    struct conn *conn, const struct slice *parts, size_t n, bool is_volatile)
{
	enum conn_sent verdict;
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += parts[i].len;
	verdict = admit(conn, len, is_volatile);
	if (verdict != CONN_QUEUED)
		return verdict;
	/* Memory may run out at any of them. */
	for (size_t i = 0; i < n && conn->cause == NULL; i++)
		if (conn->out.is_stalled)
			push_stalled(conn, &parts[i]);
		else
			outq_push(&conn->out.queue, &parts[i], NULL);
	return note_queued(conn);
}

void
conn_walk_queue(const struct conn *conn,
    void (*visit)(const struct slice *s, void *arg), void *arg)
{
	outq_walk(&conn->out.queue, visit, arg);
}

struct instant
conn_oldest(const struct conn *conn)
{
	if (conn->out.queue.n_bytes == 0)
		return conn->lost_since;
	return instant_earlier(conn->lost_since, oldest_queued(conn));
}
