#include "net/conn.h"

#include <assert.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/piped.h"
#include "base/xalloc.h"
#include "net/input.h"
#include "net/loop.h"
#include "net/memory.h"
#include "net/outq.h"

/*
 * Input. net/input reads it and keeps what is unfinished. A turn takes one read
 * from each connection that has something, or one unit that is spliced, since
 * its head and its body come by two calls. Both have a bound, so that a loud
 * publisher can't starve the rest.
 *
 * Output. conn_send() queues and puts the conn on the flush list; the flush
 * writes first and asks for EV_WRITE only after a short write. sendmsg() rather
 * than writev(), for MSG_NOSIGNAL. When the peer is gone (EPIPE) the output is
 * thrown away but the input is read to its end: a process that publishes and
 * exits has said something. A socket that has taken no more is not asked again
 * before it says that it does: a receiver that has stopped costs its queue's
 * appends, and no system call.
 *
 * Memory. A conn whose output has stalled, or that has an unfinished unit, is a
 * holder; net/memory says when there is too much of that, and who has to go.
 *
 * End. A callback only marks. The reap task tries one last write, for the ERROR
 * that says why, tells the owner, and frees.
 */

#define N_IOVECS 64
#define FLUSH_ROUNDS 16 /* writes of a turn at the most: a spliced one each */
#define RECHECKS 3      /* turns */

struct conn {
	LIST_ENTRY(conn) in_set;
	TAILQ_ENTRY(conn) in_slow;
	TAILQ_ENTRY(conn) in_unread;
	struct conn_set *set;
	const struct conn_ops *ops;
	void *user;
	int fd;
	struct event readable;
	struct event writable;
	struct loop_task flush;
	struct loop_task reap;
	struct outq out;
	struct input in;
	struct holder holder;
	bool is_stalled; /* waits for EV_WRITE */
	bool is_unread;  /* on the set's unread list, and not watched */
	bool is_slow;    /* on the set's slow list */
	bool is_mute;    /* the peer reads no more: output is thrown away */
	struct instant slow_since;
	struct instant since;
	enum conn_cause finish; /* what to close with once all is written */
	enum conn_cause cause;
	struct conn_stats stats;
};

struct conn_set {
	struct loop *loop;
	struct loop_source source;
	struct conn_limits limits;
	LIST_HEAD(conn_list, conn) conns;
	size_t n_open;
	TAILQ_HEAD(slow_list, conn)
	slow; /* over the soft limit, oldest first */
	TAILQ_HEAD(unread_list, conn) unread; /* until there is memory */
	struct input_shared shared;
	struct memory memory;
	struct loop_task end_turn;
	struct loop_task recheck;
	unsigned n_rechecks;
	uint8_t *scratch;
	struct conn_set_stats stats;
};

static struct conn_set *
set_of(struct loop_source *source)
{
	return (struct conn_set *)((char *)source -
				   offsetof(struct conn_set, source));
}

static struct instant
slow_deadline(const struct conn_set *set)
{
	const struct conn *conn = TAILQ_FIRST(&set->slow);

	if (conn == NULL)
		return INSTANT_NEVER;
	return instant_after(conn->slow_since, set->limits.soft_ms);
}

static struct instant
next_deadline(struct loop_source *source)
{
	struct conn_set *set = set_of(source);

	return instant_earlier(
	    slow_deadline(set), memory_deadline(&set->memory));
}

/* There is memory again: who has waited for it is read from in the next turn.
 */
static void
read_on(struct conn_set *set)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&set->unread)) != NULL) {
		TAILQ_REMOVE(&set->unread, conn, in_unread);
		conn->is_unread = false;
		event_add(&conn->readable, NULL);
	}
}

static void
on_end_turn(struct loop_task *task)
{
	struct conn_set *set =
	    (struct conn_set *)((char *)task -
				offsetof(struct conn_set, end_turn));

	if (memory_end_turn(&set->memory))
		memory_trim_later(&set->memory, loop_now(set->loop));
	if (set->memory.short_since.ms == INSTANT_NEVER.ms)
		read_on(set);
}

/* The account is looked at when all that this turn frees is free. */
static void
end_turn_later(struct conn_set *set)
{
	loop_reap_later(set->loop, &set->end_turn);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct conn_set *set = set_of(source);

	while (instant_reached(slow_deadline(set), now))
		conn_close(TAILQ_FIRST(&set->slow), CONN_SLOW_CONSUMER);
	if (!instant_reached(memory_deadline(&set->memory), now))
		return;
	memory_expire(&set->memory, now);
	end_turn_later(set);
}

/* What has been read is routed, and free, in one of the next turns, in which
 * nobody may have anything else to do. */
static void
on_recheck(struct loop_task *task)
{
	struct conn_set *set =
	    (struct conn_set *)((char *)task -
				offsetof(struct conn_set, recheck));

	end_turn_later(set);
	if (!TAILQ_EMPTY(&set->unread) && set->n_rechecks-- > 0)
		loop_work_later(set->loop, &set->recheck);
}

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

	end_turn_later(conn->set);
	return !memory_is_over(memory) || !input_needs_room(&conn->in) ||
	       memory_make_room(memory, loop_now(conn->set->loop));
}

struct conn_set *
conn_set_new(struct loop *loop, const struct conn_limits *limits)
{
	struct conn_set *set = xcalloc(1, sizeof(*set));

	set->loop = loop;
	set->limits = *limits;
	LIST_INIT(&set->conns);
	TAILQ_INIT(&set->slow);
	TAILQ_INIT(&set->unread);
	memory_init(&set->memory, limits->memory_bytes);
	set->end_turn.run = on_end_turn;
	set->recheck.run = on_recheck;
	set->scratch = xaligned(4096, OUTQ_SCRATCH_SIZE);
	set->source.next_deadline = next_deadline;
	set->source.expire = expire;
	loop_add_source(loop, &set->source);
	return set;
}

void
conn_set_free(struct conn_set *set)
{
	if (set == NULL)
		return;
	assert(LIST_EMPTY(&set->conns));
	loop_remove_source(set->loop, &set->source);
	input_shared_fini(&set->shared);
	memory_fini(&set->memory);
	free(set->scratch);
	free(set);
}

void
conn_set_limit(struct conn_set *set, const struct conn_limits *limits)
{
	set->limits = *limits;
	memory_set_limit(&set->memory, limits->memory_bytes);
}

void
conn_set_splice_above(struct conn_set *set, size_t bytes)
{
	set->shared.splice_bytes = bytes;
}

const struct conn_limits *
conn_set_limits(const struct conn_set *set)
{
	return &set->limits;
}

size_t
conn_set_n_open(const struct conn_set *set)
{
	return set->n_open;
}

const struct conn_set_stats *
conn_set_stats(const struct conn_set *set)
{
	return &set->stats;
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
leave_slow(struct conn *conn)
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

static void
drop_output(struct conn *conn)
{
	conn->stats.n_unwritten += conn->out.n_bytes;
	conn->set->stats.n_unwritten += conn->out.n_bytes;
	outq_fini(&conn->out);
	leave_slow(conn);
	memory_hold_output(&conn->set->memory, &conn->holder, false);
	end_turn_later(conn->set);
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
	drop_output(conn);
	if (error != EPIPE && error != ECONNRESET)
		conn_close(conn, CONN_IO_ERROR);
}

static void
flush(struct conn *conn)
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
			end_turn_later(set);
		conn->stats.bytes_out += (size_t)n;
		set->stats.bytes_out += (size_t)n;
	}
	if (conn->out.n_bytes <= set->limits.soft_bytes)
		leave_slow(conn);
	set_stalled(conn, conn->out.n_bytes > 0);
	if (conn->finish != CONN_OPEN && conn->out.n_bytes == 0)
		conn_close(conn, conn->finish);
}

static void
on_flush(struct loop_task *task)
{
	struct conn *conn =
	    (struct conn *)((char *)task - offsetof(struct conn, flush));

	if (!conn->is_stalled)
		flush(conn);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	(void)what;
	loop_began_us(conn->set->loop);
	if (conn->cause == CONN_OPEN)
		flush(conn);
}

static void
on_reap(struct loop_task *task)
{
	struct conn *conn =
	    (struct conn *)((char *)task - offsetof(struct conn, reap));

	if (conn->cause != CONN_IO_ERROR && !conn->is_mute)
		flush(conn);
	drop_output(conn);
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
	drop_output(conn);
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
	conn->flush.run = on_flush;
	conn->reap.run = on_reap;
	outq_init(&conn->out);
	conn->holder.queue = &conn->out;
	conn->holder.cut = on_cut;
	event_assign(
	    &conn->readable, base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	event_assign(&conn->writable, base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, conn);
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
	end_turn_later(set);
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
		flush(conn);
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
	leave_slow(conn);
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
