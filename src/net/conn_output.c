#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "net/piped.h"
#include "net/conn_parts.h"

/*
 * Output. conn_send() queues and puts the conn on the flush list; the flush
 * writes first and asks for EV_WRITE only after a short write. sendmsg() rather
 * than writev(), for MSG_NOSIGNAL. When the peer is gone (EPIPE) the output is
 * thrown away but the input is read to its end: a process that publishes and
 * exits has said something. A socket that has taken no more is not asked again
 * before it says that it does: a receiver that has stopped costs its queue's
 * appends, and no system call.
 */

#define N_IOVECS 64
#define FLUSH_ROUNDS 16 /* writes of a turn at the most: a spliced one each */

void
conn_leave_slow(struct conn *conn)
{
	if (!conn->is_slow)
		return;
	TAILQ_REMOVE(&conn->set->slow, conn, in_slow);
	conn->is_slow = false;
}

static void
enter_slow(struct conn *conn)
{
	struct conn_set *set = conn->set;

	if (conn->is_slow || conn->out.n_bytes <= set->limits.soft_bytes)
		return;
	conn->slow_since = loop_now(set->loop);
	TAILQ_INSERT_TAIL(&set->slow, conn, in_slow);
	conn->is_slow = true;
}

void
conn_drop_output(struct conn *conn)
{
	conn->stats.n_unwritten += conn->out.n_bytes;
	conn->set->stats.n_unwritten += conn->out.n_bytes;
	outq_fini(&conn->out);
	conn_leave_slow(conn);
	memory_hold_output(&conn->set->memory, &conn->holder, false);
	conn_end_turn_later(conn->set);
}

/* *full says that the socket takes no more. */
static ssize_t
write_some(struct conn *conn, bool *full)
{
	struct iovec iov[N_IOVECS];
	struct msghdr msg = { .msg_iov = iov };
	const struct slice *piped = outq_first_piped(&conn->out);
	ssize_t n;

	if (piped != NULL) {
		n = piped_send(piped, conn->fd);
		*full = n >= 0 && (size_t)n < piped->len;
	} else {
		msg.msg_iovlen = (size_t)outq_fill(
		    &conn->out, iov, N_IOVECS, conn->set->scratch);
		n = msg.msg_iovlen == 1
			? send(conn->fd, iov->iov_base, iov->iov_len,
			      MSG_NOSIGNAL | MSG_DONTWAIT)
			: sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		*full = false;
	}
	*full |= n < 0 && errno == EAGAIN;
	return n;
}

static void
set_stalled(struct conn *conn, bool stalled)
{
	if (conn->is_stalled == stalled)
		return;
	conn->is_stalled = stalled;
	memory_hold_output(&conn->set->memory, &conn->holder, stalled);
	if (stalled)
		event_add(&conn->writable, NULL);
	else
		event_del(&conn->writable);
}

static void
write_failed(struct conn *conn, int error)
{
	conn->is_mute = true;
	conn_drop_output(conn);
	if (error != EPIPE && error != ECONNRESET)
		conn_close(conn, CONN_IO_ERROR);
}

void
conn_flush(struct conn *conn)
{
	struct conn_set *set = conn->set;
	bool full = false;
	ssize_t n;

	for (int i = 0; i < FLUSH_ROUNDS && !full; i++) {
		if (conn->out.n_bytes == 0)
			break;
		n = write_some(conn, &full);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			write_failed(conn, errno);
			break;
		}
		if (n <= 0)
			continue;
		outq_consume(&conn->out, (size_t)n);
		if (!TAILQ_EMPTY(&set->unread))
			conn_end_turn_later(set);
		conn->stats.bytes_out += (size_t)n;
		set->stats.bytes_out += (size_t)n;
	}
	if (conn->out.n_bytes <= set->limits.soft_bytes)
		conn_leave_slow(conn);
	set_stalled(conn, conn->out.n_bytes > 0);
	if (conn->finish != CONN_OPEN && conn->out.n_bytes == 0)
		conn_close(conn, conn->finish);
}

void
conn_on_flush(struct loop_task *task)
{
	struct conn *conn =
	    (struct conn *)((char *)task - offsetof(struct conn, flush));

	if (!conn->is_stalled)
		conn_flush(conn);
}

void
conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;
	loop_began_us(conn->set->loop);
	if (conn->cause == CONN_OPEN)
		conn_flush(conn);
}

/* Volatile messages go first: from who is slow, and when memory is short from
 * who does not read. */
static bool
is_unwelcome(const struct conn *conn)
{
	return conn->out.n_bytes > conn->set->limits.soft_bytes ||
	       (conn->is_stalled && memory_is_tight(&conn->set->memory));
}

/* Queues s for a socket that takes nothing for now. */
static void
push_stalled(struct conn *conn, const struct slice *s)
{
	struct conn_set *set = conn->set;

	piped_set_waiting(s->blob);
	outq_push(&conn->out, s, &set->memory.copies);
	conn_end_turn_later(set);
	if (memory_is_over(&set->memory))
		memory_make_room(&set->memory, loop_now(set->loop));
}

enum conn_sent
conn_send(struct conn *conn, const struct slice *s, bool is_volatile)
{
	struct conn_set *set = conn->set;

	if (conn->cause != CONN_OPEN || conn->is_mute)
		return CONN_DROPPED;
	if (is_volatile && is_unwelcome(conn))
		return CONN_DROPPED;
	if (conn->out.n_bytes + s->len > set->limits.hard_bytes)
		conn_flush(conn);
	if (conn->cause != CONN_OPEN || conn->is_mute)
		return CONN_DROPPED;
	if (conn->out.n_bytes + s->len > set->limits.hard_bytes) {
		conn_close(conn, CONN_SLOW_CONSUMER);
		return CONN_CUT;
	}
	if (conn->is_stalled)
		push_stalled(conn, s);
	else
		outq_push(&conn->out, s, NULL);
	if (conn->cause != CONN_OPEN)
		return CONN_CUT;
	if (conn->out.n_bytes > conn->stats.queue_peak)
		conn->stats.queue_peak = conn->out.n_bytes;
	enter_slow(conn);
	loop_flush_later(set->loop, &conn->flush);
	return CONN_QUEUED;
}
