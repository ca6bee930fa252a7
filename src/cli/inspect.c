#include "cli/inspect.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/print.h"
#include "wire/frame.h"

#define REPLY_MAX (64u << 20)

__attribute__((format(printf, 2, 3))) static int
fail(struct inspector *inspector, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(inspector->why, sizeof(inspector->why), fmt, ap);
	va_end(ap);
	return EX_UNAVAILABLE;
}

static int
open_socket(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (strlen(path) >= sizeof(sun.sun_path)) {
		close(fd);
		errno = ENAMETOOLONG;
		return -1;
	}
	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Takes what w has. */
static bool
send_all(int fd, struct msg_writer *w)
{
	size_t sent = 0;
	ssize_t n = 0;

	while (!w->fault && n >= 0 && sent < w->len) {
		n = send(fd, w->data + sent, w->len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	n = w->fault ? -1 : n;
	msg_writer_fini(w);
	return n >= 0;
}

int
inspect_open(struct inspector *inspector, const char *socket, const char *name)
{
	struct msg_writer w = { 0 };

	*inspector = (struct inspector){ .fd = open_socket(socket) };
	if (inspector->fd < 0)
		return fail(inspector, "%s",
		    errno == ENOENT || errno == ECONNREFUSED
			? "no daemon is running there"
			: strerror(errno));
	control_write_hello(
	    &w, name, "pm2adapterd", CONTROL_OBSERVER, getpid());
	if (!send_all(inspector->fd, &w))
		return fail(inspector, "no answer from the daemon");
	return 0;
}

void
inspect_close(struct inspector *inspector)
{
	if (inspector->fd >= 0)
		close(inspector->fd);
	inspector->fd = -1;
	free(inspector->data);
	inspector->data = NULL;
	inspector->len = inspector->size = inspector->used = 0;
	msg_tree_free(inspector->reply);
	inspector->reply = NULL;
}

/* Reads more. False at the deadline, at the end, or on an error. */
static bool
read_more(struct inspector *in, struct instant deadline)
{
	struct pollfd pfd = { .fd = in->fd, .events = POLLIN };
	int64_t left_ms = deadline.ms - clock_now().ms;
	ssize_t n;

	if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) != 1)
		return false;
	if (in->size - in->len < BUFSIZ) {
		in->size = 2 * in->size + 65536;
		in->data = xreallocarray(in->data, in->size, 1);
	}
	n = read(in->fd, in->data + in->len, in->size - in->len);
	if (n > 0)
		in->len += (size_t)n;
	return n > 0;
}

static int
take_error(struct inspector *inspector, const struct frame *f)
{
	struct msg_tree *tree = NULL;
	const char *s = "the daemon refuses";
	size_t len = strlen(s);

	if (msg_tree_new(f->body, f->body_len, &tree) != 0 ||
	    msg_count(msg_root(tree)) < 2 ||
	    !msg_str(msg_at(msg_root(tree), 1), &s, &len))
		len = strlen(s);
	fail(inspector, "%.*s", (int)len, s);
	msg_tree_free(tree);
	return EX_UNAVAILABLE;
}

/* Looks for the reply in what has come. True when there is one, or none will
 * come, with the outcome in *r. */
static bool
take_frames(struct inspector *in, int *r)
{
	struct frame f;

	while (in->used < in->len) {
		switch (frame_peek(
		    in->data + in->used, in->len - in->used, REPLY_MAX, &f)) {
		case FRAME_SHORT:
			return false;
		case FRAME_READY:
			in->used += f.size;
			break;
		default:
			*r = fail(in, "that is no pm2adapterd that answers");
			return true;
		}
		if (f.type == FRAME_STATS_REPLY) {
			*r = 0;
			if (msg_tree_new(f.body, f.body_len, &in->reply) != 0)
				*r = fail(
				    in, "the daemon's answer can't be read");
			return true;
		}
		if (f.type == FRAME_ERROR) {
			*r = take_error(in, &f);
			return true;
		}
	}
	return false;
}

int
inspect_ask(struct inspector *in, const struct control_stats *wanted,
    int64_t timeout_ms)
{
	struct instant deadline = instant_after(clock_now(), timeout_ms);
	struct msg_writer w = { 0 };
	int r;

	msg_tree_free(in->reply);
	in->reply = NULL;
	if (in->used > 0)
		memmove(in->data, in->data + in->used, in->len - in->used);
	in->len -= in->used;
	in->used = 0;
	control_write_stats(&w, wanted);
	if (send_all(in->fd, &w))
		while (read_more(in, deadline))
			if (take_frames(in, &r))
				return r;
	return fail(in, "no answer from the daemon");
}

/* The answer points into the bytes that it came in. What has come behind it
 * stays here. */
struct inspector
inspect_take_reply(struct inspector *in)
{
	struct inspector taken = *in;
	size_t rest = in->len - in->used;

	taken.fd = -1;
	in->data = xcalloc(1, rest + 1);
	in->size = rest + 1;
	in->len = rest;
	memcpy(in->data, taken.data + in->used, rest);
	in->used = 0;
	in->reply = NULL;
	return taken;
}

bool
inspect_sees_end(struct inspector *in, int64_t timeout_ms)
{
	struct instant deadline = instant_after(clock_now(), timeout_ms);

	while (read_more(in, deadline))
		in->len = in->used = 0;
	return clock_now().ms < deadline.ms;
}

int
inspect_run(
    const char *socket, const struct control_stats *wanted, bool as_json)
{
	struct inspector in;
	int r = inspect_open(&in, socket, "pm2adapterd --stats");

	if (r == 0)
		r = inspect_ask(&in, wanted, INSPECT_TIMEOUT_MS);
	if (r != 0)
		fprintf(stderr, "pm2adapterd: %s: %s\n", socket, in.why);
	else if (as_json)
		print_json(stdout, msg_root(in.reply));
	else
		print_tables(stdout, msg_root(in.reply));
	if (r == 0 && fflush(stdout) != 0)
		r = EX_IOERR;
	inspect_close(&in);
	return r;
}
