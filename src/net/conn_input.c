#include <assert.h>
#include <errno.h>

#include "base/container.h"
#include "net/conn_state.h"
#include "net/piped.h"

/*
 * net/input reads, and keeps the unfinished part. A turn takes one read from
 * each readable connection, or one spliced unit, whose head and body take two
 * calls. Both are bounded, so that a loud publisher can't starve the rest.
 *
 * Memory. A conn whose output has stalled, or that has an unfinished unit, is a
 * holder; net/memory cuts holders if they hold too much.
 */

void
conn_watch_readable(struct conn *conn)
{
	if (loop_event_add(&conn->readable) != 0)
		conn_close(conn, &conn_io_error);
}

/* Stops reading until memory is available: the socket would be readable in each
 * turn. */
static void
wait_for_room(struct conn *conn)
{
	if (conn->cause != NULL || conn->holder.is_waiting)
		return;
	loop_event_del(&conn->readable);
	conn_set_wait_for_room(conn->set, &conn->holder);
}

void
conn_on_room(struct holder *holder)
{
	struct conn *conn = container_of(holder, struct conn, holder);

	if (!conn->is_paused)
		conn_watch_readable(conn);
}

/* Returns whether there is memory to read more into. A unit that has begun and
 * needs no more memory is read whatever others hold, since it will be freed
 * soon. */
static bool
has_room(struct conn *conn)
{
	struct memory *memory = &conn->set->memory;

	conn_set_end_turn_later(conn->set);
	return !memory_is_over(memory) || !input_needs_room(&conn->in) ||
	       memory_make_room(memory, loop_now(conn->set->loop));
}

/* Reports the kept input to net/memory, if it has changed. */
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
	while (data.len > 0 && conn->cause == NULL && !conn->is_paused) {
		used = conn->ops->input(conn, &data, &conn->in.unit.size);
		assert(used <= data.len);
		data.off += used;
		data.len -= used;
		if (conn->in.n_skip == 0)
			break;
		input_skip(&conn->in, &data);
	}
	if (conn->cause != NULL)
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
		conn_close(conn, &conn_reset);
	} else {
		conn_close(conn, &conn_io_error);
	}
}

/* Returns the number of bytes read; 0 if no more can be read now. */
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
	if (data.len > 0 && piped_is(data.blob)) {
		set->stats.n_spliced++;
		set->stats.spliced_bytes += data.len;
	}
	if (data.len > 0)
		show_input(conn, data);
	else
		account_input(conn, false);
	return (size_t)n;
}

void
conn_on_readable(struct loop_event *event)
{
	struct conn *conn = container_of(event, struct conn, readable);
	size_t n, taken = 0;

	if (conn->cause != NULL || conn->is_paused || conn->set->n_holds > 0)
		return;
	if (!has_room(conn))
		wait_for_room(conn);
	if (conn->holder.is_waiting)
		return;
	while (
	    conn->cause == NULL && !conn->is_paused && taken < INPUT_READ_MAX) {
		n = take_input(conn);
		taken += n;
		if (n == 0 || !input_is_splicing(&conn->in))
			break;
	}
}

void
conn_on_resume(struct loop_task *task)
{
	struct conn *conn = container_of(task, struct conn, resume);
	struct slice kept = { conn->in.blob, 0, conn->in.len };

	if (conn->is_paused || conn->is_deaf)
		return;
	if (kept.len > 0 && !input_is_splicing(&conn->in))
		show_input(conn, kept);
	if (!conn->is_paused && !conn->is_deaf && !conn->holder.is_waiting)
		conn_watch_readable(conn);
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
conn_pause(struct conn *conn)
{
	if (conn->is_paused)
		return;
	conn->is_paused = true;
	loop_event_del(&conn->readable);
}

void
conn_resume(struct conn *conn)
{
	if (!conn->is_paused)
		return;
	conn->is_paused = false;
	if (!conn->is_deaf)
		loop_work_later(conn->set->loop, &conn->resume);
}

bool
conn_is_paused(const struct conn *conn)
{
	return conn->is_paused;
}

void
conn_stop_reading(struct conn *conn)
{
	conn->is_deaf = true;
	loop_event_del(&conn->readable);
	memory_stop_waiting(&conn->set->memory, &conn->holder);
}
