#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "net/conn_parts.h"

/*
 * Input. net/input reads it and keeps what is unfinished. A turn takes one read
 * from each connection that has something, or one unit that is spliced, since
 * its head and its body come by two calls. Both have a bound, so that a loud
 * publisher can't starve the rest.
 *
 * End. A callback only marks. The reap task tries one last write, for the ERROR
 * that says why, tells the owner, and frees.
 */

#define RECHECKS 3 /* turns */

/* Its socket would be found readable in each turn. */
static void
leave_unread(struct conn *conn)
{
	if (conn->cause != CONN_OPEN || conn->is_unread)
		return;
	conn->is_unread = true;
	conn->set->n_rechecks = RECHECKS;
	loop_work_later(conn->set->loop, &conn->set->recheck);
	event_del(&conn->readable);
	TAILQ_INSERT_TAIL(&conn->set->unread, conn, in_unread);
}

/* Whether there is memory to read more to. A unit that has begun, and needs no
 * more of it, goes on whatever others hold: it is on its way to being free. */
static bool
has_room(struct conn *conn)
{
	struct memory *memory = &conn->set->memory;

	conn_end_turn_later(conn->set);
	return !memory_is_over(memory) || !input_needs_room(&conn->in) ||
	       memory_make_room(memory, loop_now(conn->set->loop));
}

/* Says to memory what is kept of the input, when that has changed. */
static void
account_input(struct conn *conn, bool is_new)
{
	size_t n_bytes = conn->in.blob == NULL ? 0 : conn->in.blob->size;
	struct instant since = conn->holder.input_since;

	if (n_bytes == conn->holder.n_input && !is_new)
		return;
	if (is_new || conn->holder.n_input == 0)
		since = loop_now(conn->set->loop);
	memory_hold_input(&conn->set->memory, &conn->holder, n_bytes, since);
}

static void
show_input(struct conn *conn, struct slice data)
{
	size_t used, shown = data.len;

	input_skip(&conn->in, &data);
	conn->in.unit = (struct input_unit){ 0 };
	while (data.len > 0 && conn->cause == CONN_OPEN) {
		used = conn->ops->input(conn, &data, &conn->in.unit.size);
		assert(used <= data.len);
		data.off += used;
		data.len -= used;
		if (conn->in.n_skip == 0)
			break;
		input_skip(&conn->in, &data);
	}
	if (conn->cause != CONN_OPEN)
		data.len = 0;
	account_input(
	    conn, input_keep(&conn->in, &conn->set->shared, &data, shown));
}

static void
end_of_input(struct conn *conn, ssize_t n)
{
	if (n == 0) {
		conn_stop_reading(conn);
		conn->ops->eof(conn);
	} else if (errno == ECONNRESET) {
		conn_close(conn, CONN_RESET);
	} else {
		conn_close(conn, CONN_IO_ERROR);
	}
}

/* Returns how many bytes have come; 0 when there is no more to be had now. */
static size_t
take_input(struct conn *conn)
{
	struct conn_set *set = conn->set;
	struct slice data;
	ssize_t n = input_read(&conn->in, &set->shared, conn->fd, &data);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		end_of_input(conn, n);
		return 0;
	}
	conn->stats.bytes_in += (size_t)n;
	set->stats.bytes_in += (size_t)n;
	if (data.len > 0 && data.blob->is_piped) {
		set->stats.n_spliced++;
		set->stats.spliced_bytes += data.len;
	}
	if (data.len > 0)
		show_input(conn, data);
	else
		account_input(conn, false);
	return (size_t)n;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	size_t n, taken = 0;

	(void)fd;
	(void)what;
	loop_began_us(conn->set->loop);
	if (conn->cause != CONN_OPEN)
		return;
	if (!has_room(conn))
		leave_unread(conn);
	if (conn->is_unread)
		return;
	while (conn->cause == CONN_OPEN && taken < INPUT_READ_MAX) {
		n = take_input(conn);
		taken += n;
		if (n == 0 || !input_is_splicing(&conn->in))
			break;
	}
}

static void
on_reap(struct loop_task *task)
{
	struct conn *conn =
	    (struct conn *)((char *)task - offsetof(struct conn, reap));

	if (conn->cause != CONN_IO_ERROR && !conn->is_mute)
		conn_flush(conn);
	conn_drop_output(conn);
	conn->set->stats.n_closed[conn->cause]++;
	conn->ops->gone(conn);
	memory_release(&conn->set->memory, &conn->holder);
	loop_cancel_flush(conn->set->loop, &conn->flush);
	event_del(&conn->readable);
	event_del(&conn->writable);
	close(conn->fd);
	input_fini(&conn->in);
	LIST_REMOVE(conn, in_set);
	free(conn);
}

static void
on_cut(struct holder *holder)
{
	struct conn *conn =
	    (struct conn *)((char *)holder - offsetof(struct conn, holder));

	conn_close(conn, CONN_MEMORY_LIMIT);
	conn_drop_output(conn);
}

struct conn *
conn_new(struct conn_set *set, int fd, const struct conn_ops *ops, void *user)
{
	struct conn *conn = xcalloc(1, sizeof(*conn));
	struct event_base *base = loop_base(set->loop);

	conn->set = set;
	conn->ops = ops;
	conn->user = user;
	conn->fd = fd;
	conn->since = loop_now(set->loop);
	conn->flush.run = conn_on_flush;
	conn->reap.run = on_reap;
	outq_init(&conn->out);
	conn->holder.queue = &conn->out;
	conn->holder.cut = on_cut;
	event_assign(
	    &conn->readable, base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	event_assign(&conn->writable, base, fd, EV_WRITE | EV_PERSIST,
	    conn_on_writable, conn);
	event_add(&conn->readable, NULL);
	LIST_INSERT_HEAD(&set->conns, conn, in_set);
	set->n_open++;
	return conn;
}

void *
conn_user(const struct conn *conn)
{
	return conn->user;
}

void
conn_set_opaque(struct conn *conn, size_t head, size_t size)
{
	conn->in.unit = (struct input_unit){ size, head };
}

void
conn_skip(struct conn *conn, size_t n)
{
	conn->in.n_skip += n;
}

void
conn_stop_reading(struct conn *conn)
{
	event_del(&conn->readable);
	if (conn->is_unread)
		TAILQ_REMOVE(&conn->set->unread, conn, in_unread);
	conn->is_unread = false;
}

void
conn_close(struct conn *conn, enum conn_cause cause)
{
	assert(cause != CONN_OPEN);
	if (conn->cause != CONN_OPEN)
		return;
	conn->cause = cause;
	conn->set->n_open--;
	conn_leave_slow(conn);
	conn_stop_reading(conn);
	loop_reap_later(conn->set->loop, &conn->reap);
}

void
conn_finish(struct conn *conn, enum conn_cause cause)
{
	conn->finish = cause;
	conn_stop_reading(conn);
	if (conn->out.n_bytes == 0)
		conn_close(conn, cause);
}

bool
conn_is_closing(const struct conn *conn)
{
	return conn->cause != CONN_OPEN;
}

enum conn_cause
conn_cause(const struct conn *conn)
{
	return conn->cause;
}

size_t
conn_queue_bytes(const struct conn *conn)
{
	return conn->out.n_bytes;
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
