#include "edge/handles/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"

#define FDS_MAX 253 /* SCM_MAX_FD of the kernel: of one message */

void
reader_init(struct reader *reader)
{
	*reader = (struct reader){ .fd = -1 };
}

void
reader_fini(struct reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->rest);
	reader_init(reader);
}

static void
take_fds(struct reader *reader, struct msghdr *head)
{
	struct cmsghdr *c;
	int fd;

	for (c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= c->cmsg_len;
		     at += sizeof(fd)) {
			memcpy(&fd, (char *)c + at, sizeof(fd));
			if (reader->n_fds++ == 0)
				reader->fd = fd;
			else
				close(fd);
		}
	}
}

enum reader_verdict
reader_read(
    struct reader *reader, int fd, char *bytes, size_t size, size_t *len)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { bytes + reader->n_rest, size - reader->n_rest };
	struct msghdr head = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return READER_WAIT;
	if (n <= 0)
		return READER_END;
	take_fds(reader, &head);
	if (reader->n_rest > 0)
		memcpy(bytes, reader->rest, reader->n_rest);
	*len = reader->n_rest + (size_t)n;
	free(reader->rest);
	reader->rest = NULL;
	reader->n_rest = 0;
	return READER_READ;
}

void
reader_keep(struct reader *reader, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	reader->rest = xreallocarray(NULL, len, 1);
	memcpy(reader->rest, bytes, len);
	reader->n_rest = len;
}

int
reader_take(struct reader *reader)
{
	int fd = reader->fd;

	if (reader->n_fds > 1) {
		close(fd);
		fd = -1;
	}
	reader->fd = -1;
	reader->n_fds = 0;
	return fd;
}
