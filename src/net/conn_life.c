#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "net/conn_state.h"
#include "net/listen.h"

/*
 * The end: a callback only marks. The reap task tries one last write, for the
 * ERROR with the reason, waits for the owner to settle, notifies it, and frees.
 */

static void
on_reap(struct loop_task *task)
{
	struct conn *conn = container_of(task, struct conn, reap);

	if (conn->cause != &conn_io_error && !conn->out.is_mute)
		conn_flush(conn);
	conn_drop_output(conn);
	if (conn->ops->settle != NULL && !conn->ops->settle(conn)) {
		loop_work_later(conn->set->loop, &conn->reap_again);
		return;
	}
	conn->ops->gone(conn);
	memory_release(&conn->set->memory, &conn->holder);
	loop_cancel_flush(conn->set->loop, &conn->flush);
	loop_cancel_work(conn->set->loop, &conn->resume);
	loop_event_del(&conn->readable);
	loop_event_del(&conn->writable);
	close(conn->fd);
	listen_retry();
	input_fini(&conn->in);
	free(conn->lag);
	conn->set->n_conns--;
	free(conn);
}

static void
on_reap_again(struct loop_task *task)
{
	struct conn *conn = container_of(task, struct conn, reap_again);

	loop_reap_later(conn->set->loop, &conn->reap);
}

static void
on_cut(struct holder *holder)
{
	struct conn *conn = container_of(holder, struct conn, holder);

	conn_cut(conn, &conn_memory_limit, "memory-limit");
	conn_drop_output(conn);
}

static void
on_slow(struct timeout *slow)
{
	conn_cut(container_of(slow, struct conn, slow), &conn_slow_consumer,
	    "queue-soft-limit for queue-soft-time");
}

struct conn *
conn_new(struct conn_set *set, int fd, const struct conn_ops *ops, void *user)
{
	struct conn *conn = xcalloc(1, sizeof(*conn));

	conn->set = set;
	conn->ops = ops;
	conn->user = user;
	conn->fd = fd;
	conn->since = loop_now(set->loop);
	conn->lost_since = INSTANT_NEVER;
	conn->flush.run = conn_on_flush;
	conn->reap.run = on_reap;
	conn->reap_again.run = on_reap_again;
	conn->resume.run = conn_on_resume;
	conn->slow.expire = on_slow;
	output_init(&conn->out);
	conn->holder.queue = &conn->out.queue;
	conn->holder.cut = on_cut;
	conn->holder.resume = conn_on_room;
	loop_event_init(
	    &conn->readable, set->loop, fd, LOOP_READABLE, conn_on_readable);
	loop_event_init(
	    &conn->writable, set->loop, fd, LOOP_WRITABLE, conn_on_writable);
	set->n_conns++;
	set->n_open++;
	conn_watch_readable(conn);
	return conn;
}

void *
conn_user(const struct conn *conn)
{
	return conn->user;
}

void
conn_close(struct conn *conn, const struct conn_cause *cause)
{
	assert(cause != NULL);
	if (conn->cause != NULL)
		return;
	conn->cause = cause;
	conn->set->n_open--;
	timeouts_leave(&conn->set->slow, &conn->slow);
	conn_stop_reading(conn);
	loop_reap_later(conn->set->loop, &conn->reap);
}

void
conn_cut(struct conn *conn, const struct conn_cause *cause, const char *limit)
{
	if (conn->cause == NULL)
		conn->limit = limit;
	conn_close(conn, cause);
}

const char *
conn_limit(const struct conn *conn)
{
	return conn->limit == NULL ? "" : conn->limit;
}

void
conn_finish(struct conn *conn, const struct conn_cause *cause)
{
	conn->finish = cause;
	conn_stop_reading(conn);
	if (conn->out.queue.n_bytes == 0)
		conn_close(conn, cause);
}

bool
conn_is_closing(const struct conn *conn)
{
	return conn->cause != NULL;
}

const struct conn_cause *
conn_cause(const struct conn *conn)
{
	return conn->cause;
}

size_t
conn_queue_bytes(const struct conn *conn)
{
	return conn->out.queue.n_bytes;
}

struct instant
conn_since(const struct conn *conn)
{
	return conn->since;
}

const struct conn_stats *
conn_stats(const struct conn *conn)
{
	return &conn->stats;
}
