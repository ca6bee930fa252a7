#include "edge/handles/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "net/listen.h"

struct parcel {
	STAILQ_ENTRY(parcel) link;
	int fd; /* -1: none, or it has been sent */
	char *text;
	size_t len, n_sent;
};

void
writer_init(struct writer *writer)
{
	*writer = (struct writer){ .n = 0 };
	STAILQ_INIT(&writer->parcels);
}

static void
close_fd(struct parcel *parcel)
{
	if (parcel->fd < 0)
		return;
	close(parcel->fd);
	parcel->fd = -1;
	listen_retry();
}

static void
drop_first(struct writer *writer)
{
	struct parcel *first = STAILQ_FIRST(&writer->parcels);

	STAILQ_REMOVE_HEAD(&writer->parcels, link);
	writer->n--;
	writer->n_bytes -= first->len;
	close_fd(first);
	free(first->text);
	free(first);
}

size_t
writer_fini(struct writer *writer)
{
	size_t n_fds = 0;

	while (!STAILQ_EMPTY(&writer->parcels)) {
		n_fds += STAILQ_FIRST(&writer->parcels)->fd >= 0;
		drop_first(writer);
	}
	return n_fds;
}

void
writer_add(struct writer *writer, char *text, size_t len, int fd)
{
	struct parcel *parcel = xcalloc(1, sizeof(*parcel));

	parcel->fd = fd;
	parcel->text = text;
	parcel->len = len;
	STAILQ_INSERT_TAIL(&writer->parcels, parcel, link);
	writer->n++;
	writer->n_bytes += len;
}

static ssize_t
send_parcel(int fd, const struct parcel *parcel)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { parcel->text + parcel->n_sent,
		parcel->len - parcel->n_sent };
	struct msghdr head = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (parcel->fd >= 0) {
		head.msg_control = control.bytes;
		head.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &parcel->fd, sizeof(int));
	}
	return sendmsg(fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum writer_verdict
writer_write(struct writer *writer, int fd, struct writer_counts *counts)
{
	struct parcel *first;
	ssize_t n;

	while ((first = STAILQ_FIRST(&writer->parcels)) != NULL) {
		n = send_parcel(fd, first);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return WRITER_WAIT;
		if (n < 0 && errno == ETOOMANYREFS && first->fd >= 0) {
			counts->n_failed++;
			drop_first(writer);
			continue;
		}
		if (n < 0)
			return WRITER_END;
		counts->n_sent += first->fd >= 0;
		close_fd(first); /* it went with the first byte */
		first->n_sent += (size_t)n;
		if (first->n_sent == first->len)
			drop_first(writer);
	}
	return WRITER_DONE;
}
