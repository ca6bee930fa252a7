#include "net/piped.h"

#include <assert.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"

/*
 * splice(2) takes out of a socket the pages that the sender's bytes were copied
 * into, and puts the same pages into another socket. So of the two copies that
 * a broker makes for each receiver, only the receiver's own read is left.
 *
 * The pages may still be shared with the sender: a sender that fills its socket
 * with vmsplice(2) can change sent bytes. Therefore the daemon must not judge
 * bytes from there. The beginning of a blob is read into memory, judged there,
 * and written into the pipe from there: those pages are ours alone, and no
 * length or topic that a receiver sees can differ from the judged one. Only the
 * payload remains shared, with which a publisher can fool nobody but the
 * receivers of its own messages.
 *
 * tee(2) begins at the front of a pipe, so a slice that begins further on is
 * sent through the transit pipe: everything is duplicated into it, the bytes
 * before the slice go to /dev/null, then the slice is sent, and the bytes that
 * the socket didn't take go to /dev/null too. After each call the transit pipe
 * is empty; no connection has a pipe, and a short write is an offset, as
 * everywhere. The last holder of a blob takes its bytes from its own pipe.
 *
 * A pipe has room for a number of pieces, not bytes, and the sender's writes
 * determine the size of the pieces. A pipe that is full before its blob is
 * complete is settled.
 *
 * When all pipes are in use, the oldest blob that waits for a receiver is
 * settled. If none waits, many are busy at once, and further blobs get no pipe:
 * settling the oldest one, which is about to be sent, would cost more than it
 * gains, for all of them in turn.
 *
 * Pipes count against their owner's pipe-user-pages-soft, beyond which all new
 * pipes of the user are tiny. N_PIPES of PIPE_SIZE are a quarter of it.
 */

#define CACHE_LINE 64
#define GOOD_MAJOR 6 /* of kernels */
#define GOOD_MINOR 5
#define PIPE_SIZE (1 << 20) /* 256 pieces */
#define N_PIPES 16
#define N_SPARE 4 /* empty pipes kept for reuse */
#define FLAGS (SPLICE_F_NONBLOCK | SPLICE_F_MOVE)

struct pipe_ends {
	int out, in;
};

struct piped {
	struct blob blob;
	TAILQ_ENTRY(piped) in_live;
	struct pipe_ends pipe;
	uint8_t *head;
	struct blob *memory; /* NULL while it is piped */
	size_t n_gone;       /* bytes that have left the pipe */
	bool is_waiting;     /* for a socket that has no bytes, or no room */
};

static TAILQ_HEAD(live_list, piped) live = TAILQ_HEAD_INITIALIZER(live);
static size_t n_live;
static struct pipe_ends spare[N_SPARE];
static size_t n_spare;
static struct pipe_ends transit = { -1, -1 };
static int nowhere = -1; /* /dev/null */
static struct piped_stats stats;

static struct piped *
piped_of(struct blob *blob)
{
	return container_of(blob, struct piped, blob);
}

static bool
open_pipe(struct pipe_ends *out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	*out = (struct pipe_ends){ fds[0], fds[1] };
	if (fcntl(out->in, F_SETPIPE_SZ, PIPE_SIZE) >= PIPE_SIZE)
		return true;
	close(out->out);
	close(out->in);
	return false;
}

static void
close_pipe(struct pipe_ends *p)
{
	close(p->out);
	close(p->in);
	*p = (struct pipe_ends){ -1, -1 };
}

static bool
drop(struct pipe_ends p, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n) {
		n = splice(p.out, NULL, nowhere, NULL, len, FLAGS);
		if (n <= 0)
			return false;
	}
	return true;
}

/* `len` bytes are still in `p`. */
static void
put_pipe(struct pipe_ends p, size_t len)
{
	if (n_spare < N_SPARE && drop(p, len))
		spare[n_spare++] = p;
	else
		close_pipe(&p);
}

static bool
open_common(void)
{
	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nowhere < 0)
		return false;
	return transit.in >= 0 || open_pipe(&transit);
}

static void
settle_one_that_waits(void)
{
	struct piped *piped;

	TAILQ_FOREACH (piped, &live, in_live)
		if (piped->is_waiting) {
			piped_settle(&piped->blob);
			return;
		}
}

static bool
get_pipe(struct pipe_ends *out)
{
	if (n_live == N_PIPES)
		settle_one_that_waits();
	if (n_live == N_PIPES || !open_common())
		return false;
	if (n_spare > 0) {
		*out = spare[--n_spare];
		return true;
	}
	return open_pipe(out);
}

static void
leave_live(struct piped *piped, size_t n_left)
{
	TAILQ_REMOVE(&live, piped, in_live);
	n_live--;
	put_pipe(piped->pipe, n_left);
}

static void
end(struct blob *blob)
{
	struct piped *piped = piped_of(blob);

	if (piped_is(blob))
		leave_live(piped, blob->size - piped->n_gone);
	blob_unref(piped->memory);
	free(piped->head);
	free(piped);
}

bool
piped_is_known_good(const char *release)
{
	int major = 0, minor = 0;

	if (sscanf(release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > GOOD_MAJOR ||
	       (major == GOOD_MAJOR && minor >= GOOD_MINOR);
}

struct blob *
piped_new(const void *bytes, size_t len, size_t n_head)
{
	struct pipe_ends p;
	struct piped *piped;

	assert(n_head <= len);
	if (!get_pipe(&p)) {
		stats.n_failed++;
		return NULL;
	}
	if (write(p.in, bytes, len) != (ssize_t)len) {
		close_pipe(&p);
		stats.n_failed++;
		return NULL;
	}
	piped = xcalloc(1, sizeof(*piped));
	blob_init(&piped->blob, end);
	blob_resize(&piped->blob, len);
	piped->pipe = p;
	piped->head = xaligned(CACHE_LINE, n_head | 1);
	memcpy(piped->head, bytes, n_head);
	piped->blob.data = piped->head;
	TAILQ_INSERT_TAIL(&live, piped, in_live);
	n_live++;
	return &piped->blob;
}

void
piped_settle(struct blob *blob)
{
	struct piped *piped;
	size_t at;
	ssize_t n;

	if (!piped_is(blob))
		return;
	piped = piped_of(blob);
	piped->memory = blob_new(blob->size);
	for (at = piped->n_gone; at < blob->size; at += (size_t)n) {
		n = read(
		    piped->pipe.out, piped->memory->data + at, blob->size - at);
		if (n <= 0)
			log_fatal(
			    "pipe-short", "at=%zu of=%zu", at, blob->size);
	}
	leave_live(piped, 0);
	blob_settle(blob, piped->memory);
	stats.n_settled++;
}

ssize_t
piped_fill(struct blob *blob, int fd, size_t max)
{
	struct piped *piped = piped_of(blob);
	int waiting = 0;
	ssize_t n = splice(fd, NULL, piped->pipe.in, NULL, max, FLAGS);

	if (n > 0)
		blob_resize(blob, blob->size + (size_t)n);
	piped->is_waiting = n < 0;
	if (n >= 0 || errno == ECONNRESET)
		return n;
	/* EAGAIN: the socket is empty or the pipe is full. */
	if (errno == EAGAIN && ioctl(fd, FIONREAD, &waiting) == 0 &&
	    waiting == 0) {
		errno = EAGAIN;
		return -1;
	}
	piped_settle(blob);
	errno = EAGAIN;
	return -1;
}

/* Returns whether nothing was written because of the socket's own state. */
static bool
is_of_socket(int error)
{
	return error == EAGAIN || error == EPIPE || error == ECONNRESET;
}

/* Moves `len` bytes from the front of the blob's own pipe to `fd`. */
static ssize_t
let_go(struct piped *piped, size_t len, int fd)
{
	ssize_t n = splice(piped->pipe.out, NULL, fd, NULL, len, FLAGS);

	if (n > 0)
		piped->n_gone += (size_t)n;
	return n;
}

/* For the last holder of the blob. */
static ssize_t
send_last(struct piped *piped, const struct slice *s, int fd)
{
	while (piped->n_gone < s->off)
		if (let_go(piped, s->off - piped->n_gone, nowhere) <= 0)
			return -1;
	return let_go(piped, s->len, fd);
}

static ssize_t
send_doubled(const struct piped *piped, size_t skip, size_t len, int fd)
{
	ssize_t n = tee(piped->pipe.out, transit.in, skip + len, FLAGS);
	size_t in_transit = n > 0 ? (size_t)n : 0;
	int error;

	errno = EINVAL;
	n = -1;
	if (in_transit == skip + len && drop(transit, skip)) {
		in_transit = len;
		n = splice(transit.out, NULL, fd, NULL, len, FLAGS);
		in_transit -= n > 0 ? (size_t)n : 0;
	}
	error = errno;
	if (!drop(transit, in_transit))
		close_pipe(&transit);
	errno = error;
	return n;
}

ssize_t
piped_send(const struct slice *s, int fd)
{
	struct piped *piped = piped_of(s->blob);
	ssize_t n = -1;

	if (!open_common())
		errno = EMFILE;
	else if (s->blob->n_refs == 1)
		n = send_last(piped, s, fd);
	else
		n = send_doubled(piped, s->off - piped->n_gone, s->len, fd);
	piped->is_waiting |= n < (ssize_t)s->len;
	if (n > 0 || (n < 0 && is_of_socket(errno)))
		return n;
	piped_settle(s->blob);
	errno = EINTR;
	return -1;
}

void
piped_set_waiting(struct blob *blob)
{
	if (piped_is(blob))
		piped_of(blob)->is_waiting = true;
}

const struct piped_stats *
piped_stats(void)
{
	return &stats;
}

void
piped_trim(void)
{
	while (n_spare > 0)
		close_pipe(&spare[--n_spare]);
	if (transit.in >= 0)
		close_pipe(&transit);
	if (nowhere >= 0)
		close(nowhere);
	nowhere = -1;
}
