#include "net/conn.h"

#include <assert.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/xalloc.h"
#include "net/loop.h"
#include "net/outq.h"

/*
 * Input. A connection that is idle, or whose last bytes made whole units, has
 * no buffer: all of them read into one shared blob, and what they publish are
 * slices of it. When nobody holds a slice at the next read it is filled from
 * the beginning again; otherwise from where it ends, and when too little room
 * is left a new one takes its place. Only an unfinished tail gets a blob of the
 * connection's own. It has BLOB_CHUNK bytes, or, when the unit is known to be
 * larger, twice what has come, up to what is wanted: never more than that by a
 * declared length alone. After a large unit the next read goes to a blob of
 * that size at once, so that a stream of large units is never copied.
 *
 * A turn takes one read from each connection that has something, and a read has
 * a bound, so that a loud publisher can't starve the rest.
 *
 * Output. conn_send() queues and puts the conn on the flush list; the flush
 * writes first and asks for EV_WRITE only after a short write. sendmsg() rather
 * than writev(), for MSG_NOSIGNAL. When the peer is gone (EPIPE) the output is
 * thrown away but the input is read to its end: a process that publishes and
 * exits has said something.
 *
 * End. A callback only marks. The reap task tries one last write, for the ERROR
 * that says why, tells the owner, and frees.
 */

#define READ_MAX 262144       /* bytes that a turn takes from one conn */
#define SHARED_ROOM_MIN 16384 /* bytes a shared blob has left, to be used */
#define N_IOVECS 64
#define FLUSH_ROUNDS 4 /* writes of a turn at the most */

struct conn {
	LIST_ENTRY(conn) in_set;
	TAILQ_ENTRY(conn) in_slow;
	struct conn_set *set;
	const struct conn_ops *ops;
	void *user;
	int fd;
	struct event readable;
	struct event writable;
	struct loop_task flush;
	struct loop_task reap;
	struct outq out;
	struct blob *in;   /* an unfinished tail, or NULL */
	size_t in_len;     /* bytes of it, from its beginning */
	size_t in_want;    /* bytes that the unfinished unit needs, or 0 */
	size_t last_shown; /* bytes shown last, if all of them were used */
	size_t n_skip;     /* input bytes to throw away */
	bool is_stalled;   /* waits for EV_WRITE */
	bool is_slow;      /* on the set's slow list */
	bool is_mute;      /* the peer reads no more: output is thrown away */
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
	struct blob *shared;
	size_t shared_used;
	uint8_t *scratch;
	struct conn_set_stats stats;
};

static const char *const cause_names[CONN_N_CAUSES] = {
	[CONN_OPEN] = "open",
	[CONN_EOF] = "eof",
	[CONN_RESET] = "reset",
	[CONN_IO_ERROR] = "io-error",
	[CONN_SHUTDOWN] = "shutdown",
	[CONN_SLOW_CONSUMER] = "slow-consumer",
	[CONN_BAD_FRAME] = "bad-frame",
	[CONN_FRAME_TOO_BIG] = "frame-too-big",
	[CONN_UNKNOWN_TYPE] = "unknown-type",
	[CONN_BAD_FLAGS] = "bad-flags",
	[CONN_BAD_TOPIC] = "bad-topic",
	[CONN_BAD_BODY] = "bad-body",
	[CONN_HELLO_EXPECTED] = "hello-expected",
	[CONN_HELLO_TIMEOUT] = "hello-timeout",
	[CONN_BAD_HELLO] = "bad-hello",
	[CONN_BAD_VERSION] = "bad-version",
	[CONN_BAD_STATE] = "bad-state",
	[CONN_TOO_MANY] = "too-many-connections",
};

const char *
conn_cause_name(enum conn_cause cause)
{
	return cause_names[cause];
}

static struct conn_set *
set_of(struct loop_source *source)
{
	return (struct conn_set *)((char *)source -
				   offsetof(struct conn_set, source));
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct conn_set *set = set_of(source);
	const struct conn *conn = TAILQ_FIRST(&set->slow);

	if (conn == NULL)
		return INSTANT_NEVER;
	return instant_after(conn->slow_since, set->limits.soft_ms);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct conn_set *set = set_of(source);

	while (instant_reached(next_deadline(source), now))
		conn_close(TAILQ_FIRST(&set->slow), CONN_SLOW_CONSUMER);
}

struct conn_set *
conn_set_new(struct loop *loop, const struct conn_limits *limits)
{
	struct conn_set *set = xcalloc(1, sizeof(*set));

	set->loop = loop;
	set->limits = *limits;
	LIST_INIT(&set->conns);
	TAILQ_INIT(&set->slow);
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
	blob_unref(set->shared);
	free(set->scratch);
	free(set);
}

void
conn_set_limit(struct conn_set *set, const struct conn_limits *limits)
{
	set->limits = *limits;
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

/* Where the next read goes, and how many bytes fit there. */
static struct slice
input_room(struct conn *conn)
{
	struct conn_set *set = conn->set;

	if (conn->in == NULL && conn->last_shown > BLOB_CHUNK) {
		conn->in = blob_new(conn->last_shown);
		conn->in_len = 0;
	}
	if (conn->in != NULL)
		return (struct slice){ conn->in, conn->in_len,
			conn->in->size - conn->in_len };
	if (set->shared != NULL && set->shared->n_refs == 1)
		set->shared_used = 0;
	if (set->shared == NULL ||
	    set->shared->size - set->shared_used < SHARED_ROOM_MIN) {
		blob_unref(set->shared);
		set->shared = blob_new(BLOB_CHUNK);
		set->shared_used = 0;
	}
	return (struct slice){ set->shared, set->shared_used,
		set->shared->size - set->shared_used };
}

static size_t
tail_size(const struct conn *conn, size_t have)
{
	size_t size = 2 * have > 2 * BLOB_CHUNK ? 2 * have : 2 * BLOB_CHUNK;

	if (conn->in_want <= BLOB_CHUNK)
		return have < BLOB_CHUNK ? BLOB_CHUNK : size;
	return size < conn->in_want ? size : conn->in_want;
}

/*
 * rest is what the owner has not used. It stays where it is when it begins its
 * blob and has room to grow; otherwise it moves to a new one.
 */
static void
keep_tail(struct conn *conn, const struct slice *rest)
{
	struct blob *fresh;

	if (rest->len == 0) {
		blob_unref(conn->in);
		conn->in = NULL;
		conn->in_len = 0;
		return;
	}
	if (rest->blob == conn->in && rest->off == 0 &&
	    rest->len < conn->in->size) {
		conn->in_len = rest->len;
		return;
	}
	fresh = blob_new(tail_size(conn, rest->len));
	memcpy(fresh->data, slice_data(rest), rest->len);
	blob_unref(conn->in);
	conn->in = fresh;
	conn->in_len = rest->len;
}

static void
skip_input(struct conn *conn, struct slice *data)
{
	size_t n = conn->n_skip < data->len ? conn->n_skip : data->len;

	conn->n_skip -= n;
	data->off += n;
	data->len -= n;
}

static void
show_input(struct conn *conn, struct slice data)
{
	size_t used, shown = data.len;

	skip_input(conn, &data);
	conn->in_want = 0;
	while (data.len > 0 && conn->cause == CONN_OPEN) {
		used = conn->ops->input(conn, &data, &conn->in_want);
		assert(used <= data.len);
		data.off += used;
		data.len -= used;
		if (conn->n_skip == 0)
			break;
		skip_input(conn, &data);
	}
	if (conn->cause != CONN_OPEN)
		data.len = 0;
	conn->last_shown = data.len == 0 ? shown : 0;
	keep_tail(conn, &data);
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

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	struct conn_set *set = conn->set;
	struct slice room;
	ssize_t n;

	(void)what;
	if (conn->cause != CONN_OPEN)
		return;
	room = input_room(conn);
	n = read(fd, room.blob->data + room.off,
	    room.len < READ_MAX ? room.len : READ_MAX);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_of_input(conn, n);
		return;
	}
	conn->stats.bytes_in += (size_t)n;
	set->stats.bytes_in += (size_t)n;
	if (room.blob == set->shared)
		set->shared_used += (size_t)n;
	else
		room.off = 0;
	show_input(
	    conn, (struct slice){ room.blob, room.off,
		      room.blob == set->shared ? (size_t)n
					       : conn->in_len + (size_t)n });
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
	conn->set->stats.n_unwritten += conn->out.n_bytes;
	outq_fini(&conn->out);
	leave_slow(conn);
}

static ssize_t
write_some(struct conn *conn)
{
	struct iovec iov[N_IOVECS];
	struct msghdr msg = { .msg_iov = iov };

	msg.msg_iovlen =
	    (size_t)outq_fill(&conn->out, iov, N_IOVECS, conn->set->scratch);
	return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
set_stalled(struct conn *conn, bool stalled)
{
	if (conn->is_stalled == stalled)
		return;
	conn->is_stalled = stalled;
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
	bool blocked = false;
	ssize_t n;

	for (int i = 0; i < FLUSH_ROUNDS && !blocked; i++) {
		if (conn->out.n_bytes == 0)
			break;
		n = write_some(conn);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			write_failed(conn, errno);
			break;
		}
		blocked = n < 0 && errno == EAGAIN;
		if (n <= 0)
			continue;
		outq_consume(&conn->out, (size_t)n);
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
	conn->set->stats.n_closed[conn->cause]++;
	conn->ops->gone(conn);
	drop_output(conn);
	loop_cancel_flush(conn->set->loop, &conn->flush);
	event_del(&conn->readable);
	event_del(&conn->writable);
	close(conn->fd);
	blob_unref(conn->in);
	LIST_REMOVE(conn, in_set);
	free(conn);
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

enum conn_sent
conn_send(struct conn *conn, const struct slice *s, bool is_volatile)
{
	struct conn_set *set = conn->set;

	if (conn->cause != CONN_OPEN || conn->is_mute)
		return CONN_DROPPED;
	if (is_volatile && conn->out.n_bytes > set->limits.soft_bytes)
		return CONN_DROPPED;
	if (conn->out.n_bytes + s->len > set->limits.hard_bytes)
		flush(conn);
	if (conn->cause != CONN_OPEN || conn->is_mute)
		return CONN_DROPPED;
	if (conn->out.n_bytes + s->len > set->limits.hard_bytes) {
		conn_close(conn, CONN_SLOW_CONSUMER);
		return CONN_CUT;
	}
	outq_push(&conn->out, s, conn->is_stalled);
	if (conn->out.n_bytes > conn->stats.queue_peak)
		conn->stats.queue_peak = conn->out.n_bytes;
	enter_slow(conn);
	loop_flush_later(set->loop, &conn->flush);
	return CONN_QUEUED;
}

void
conn_skip(struct conn *conn, size_t n)
{
	conn->n_skip += n;
}

void
conn_stop_reading(struct conn *conn)
{
	event_del(&conn->readable);
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
	event_del(&conn->readable);
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
