#include "cli/lend.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "wire/handle_line.h"

#define VARIABLE "NODE_CHANNEL_FD"
#define ANSWER_S 5

/* Returns the worker's descriptor, or -1. */
static int
find_channel(void)
{
	const char *value = getenv(VARIABLE), *problem = "not a number";
	int fd =
	    value == NULL ? -1 : (int)strtonum(value, 0, INT_MAX, &problem);

	return problem == NULL && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
}

static int
dial(const char *socket_path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int n = snprintf(sun.sun_path, sizeof(sun.sun_path),
	    "%s" HANDLE_SOCKET_SUFFIX, socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (n < (int)sizeof(sun.sun_path) &&
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (n >= (int)sizeof(sun.sun_path))
		errno = ENAMETOOLONG;
	close(fd);
	return -1;
}

static bool
send_line(int to, const char *tag, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	char line[64];
	size_t len = handle_line_print_lend(line, sizeof(line), tag);
	struct iovec iov = { line, len };
	struct msghdr head = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&head);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(to, &head, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Waits until the daemon has taken the channel, so that handles for the worker
 * are passed from now on. */
static bool
await_answer(int daemon)
{
	const struct timeval patience = { .tv_sec = ANSWER_S };
	char answer[64];
	size_t len = 0;
	ssize_t n = 1;

	if (setsockopt(daemon, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) != 0)
		return false;
	while (n > 0 && len < strlen(HANDLE_LINE_LENT)) {
		n = read(daemon, answer + len, sizeof(answer) - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n == 0)
		errno = ECONNABORTED;
	return len == strlen(HANDLE_LINE_LENT) &&
	       memcmp(answer, HANDLE_LINE_LENT, len) == 0;
}

int
lend_channel(const char *socket, const char *tag)
{
	int channel = find_channel(), daemon;
	bool is_lent;

	if (!handle_line_is_tag(tag, strlen(tag))) {
		fprintf(stderr,
		    "pm2adapterd: --lend-channel: '%s' is not a tag; a tag has "
		    "6 letters, digits, - or _\n",
		    tag);
		return EX_USAGE;
	}
	if (channel < 0) {
		fputs("pm2adapterd: --lend-channel: " VARIABLE " names no "
		      "descriptor; start it from Node with stdio ipc\n",
		    stderr);
		return EX_USAGE;
	}
	daemon = dial(socket);
	is_lent = daemon >= 0 && send_line(daemon, tag, channel) &&
		  await_answer(daemon);
	if (!is_lent)
		fprintf(stderr, "pm2adapterd: %s" HANDLE_SOCKET_SUFFIX ": %s\n",
		    socket, strerror(errno));
	if (daemon >= 0)
		close(daemon);
	return is_lent ? 0 : EX_UNAVAILABLE;
}
