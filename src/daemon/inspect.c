#include "daemon/inspect.h"

#include <errno.h>
#include <poll.h>
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
#include "daemon/print.h"
#include "wire/frame.h"

#define TIMEOUT_MS 5000
#define REPLY_MAX (64u << 20)

struct input {
	uint8_t *data;
	size_t len, size;
};

static int
complain(const char *socket, const char *what)
{
	fprintf(stderr, "pm2adapterd: %s: %s\n", socket, what);
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

static bool
send_request(int fd, const struct control_stats *wanted)
{
	struct msg_writer w = { 0 };
	size_t sent = 0;
	ssize_t n = 0;

	control_write_hello(&w, "pm2adapterd --stats", "pm2adapterd",
	    CONTROL_OBSERVER, getpid());
	control_write_stats(&w, wanted);
	while (!w.fault && n >= 0 && sent < w.len) {
		n = send(fd, w.data + sent, w.len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	n = w.fault ? -1 : n;
	msg_writer_fini(&w);
	return n >= 0;
}

/* Reads more into in. False at the deadline, at the end, or on an error. */
static bool
read_more(int fd, struct input *in, struct instant deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left_ms = deadline.ms - clock_now().ms;
	ssize_t n;

	if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) != 1)
		return false;
	if (in->size - in->len < BUFSIZ) {
		in->size = 2 * in->size + 65536;
		in->data = xreallocarray(in->data, in->size, 1);
	}
	n = read(fd, in->data + in->len, in->size - in->len);
	if (n > 0)
		in->len += (size_t)n;
	return n > 0;
}

static int
print_reply(const char *socket, const struct frame *f, bool as_json)
{
	struct msg_tree *tree = NULL;

	if (msg_tree_new(f->body, f->body_len, &tree) != 0)
		return complain(socket, "the daemon's answer can't be read");
	if (as_json)
		print_json(stdout, msg_root(tree));
	else
		print_tables(stdout, msg_root(tree));
	msg_tree_free(tree);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
print_error(const char *socket, const struct frame *f)
{
	struct msg_tree *tree = NULL;
	char text[256] = "the daemon refuses";
	const char *s;
	size_t len;

	if (msg_tree_new(f->body, f->body_len, &tree) == 0 &&
	    msg_count(msg_root(tree)) >= 2 &&
	    msg_str(msg_at(msg_root(tree), 1), &s, &len))
		snprintf(text, sizeof(text), "%.*s", (int)len, s);
	msg_tree_free(tree);
	return complain(socket, text);
}

/* Looks for the reply in what has come. True when it has ended, one way or the
 * other, with the exit code in *code. */
static bool
take_frames(const char *socket, const struct input *in, bool as_json, int *code)
{
	struct frame f;
	size_t off = 0;

	while (off < in->len) {
		switch (
		    frame_peek(in->data + off, in->len - off, REPLY_MAX, &f)) {
		case FRAME_SHORT:
			return false;
		case FRAME_READY:
			off += f.size;
			break;
		default:
			*code = complain(
			    socket, "that is no pm2adapterd that answers");
			return true;
		}
		if (f.type == FRAME_STATS_REPLY)
			*code = print_reply(socket, &f, as_json);
		else if (f.type == FRAME_ERROR)
			*code = print_error(socket, &f);
		else
			continue;
		return true;
	}
	return false;
}

int
inspect_run(
    const char *socket, const struct control_stats *wanted, bool as_json)
{
	struct instant deadline = instant_after(clock_now(), TIMEOUT_MS);
	struct input in = { 0 };
	int fd = open_socket(socket), code = EX_UNAVAILABLE;
	bool ended = false;

	if (fd < 0)
		return complain(socket, errno == ENOENT || errno == ECONNREFUSED
					    ? "no daemon is running there"
					    : strerror(errno));
	if (send_request(fd, wanted))
		while (!ended && read_more(fd, &in, deadline))
			ended = take_frames(socket, &in, as_json, &code);
	if (!ended)
		complain(socket, "no answer from the daemon");
	free(in.data);
	close(fd);
	return code;
}
