/*
 * relay - the best that the machine allows: a process that writes the bytes of
 * one connection to all others, without looking at them.
 *
 * It is a peer of the comparison. Whatever a broker does besides (frames,
 * topics, limits, accounts) is the difference to this. A connection begins with
 * a letter: S for one that gets everything, P for the one whose bytes it gets;
 * the letter comes back. Receivers' sockets block: there is one load generator,
 * and it reads.
 */

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_MAX 1024
#define CHUNK 65536 /* as the daemon's input buffer */

struct relay {
	struct pollfd at[N_MAX]; /* the listener, the publisher, receivers */
	nfds_t n;
	uint8_t *chunk;
};

static int
listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	if (strlen(path) >= sizeof(sun.sun_path))
		errx(1, "%s: too long", path);
	strcpy(sun.sun_path, path);
	unlink(path); /* of the run before */
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(fd, N_MAX) != 0)
		err(1, "%s", path);
	return fd;
}

static void
take_connection(struct relay *r)
{
	int fd = accept4(r->at[0].fd, NULL, NULL, SOCK_CLOEXEC);
	char letter;

	if (fd < 0)
		err(1, "accept");
	/* A client that only probes whether the relay listens sends nothing. */
	if (read(fd, &letter, 1) != 1) {
		close(fd);
		return;
	}
	if (letter == 'P')
		r->at[1].fd = fd;
	else if (r->n == N_MAX)
		errx(1, "too many receivers");
	else
		r->at[r->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (write(fd, &letter, 1) != 1)
		err(1, "write");
}

static void
relay_chunk(struct relay *r)
{
	ssize_t len = read(r->at[1].fd, r->chunk, CHUNK);

	if (len <= 0) {
		close(r->at[1].fd);
		r->at[1].fd = -1;
		return;
	}
	for (nfds_t i = 2; i < r->n; i++)
		if (send(r->at[i].fd, r->chunk, (size_t)len, MSG_NOSIGNAL) !=
			len &&
		    errno != EPIPE)
			err(1, "send");
}

/* Receivers send nothing: if one is readable, it has ended. */
static void
drop_ended(struct relay *r)
{
	for (nfds_t i = r->n; i-- > 2;)
		if (r->at[i].revents != 0) {
			close(r->at[i].fd);
			r->at[i] = r->at[--r->n];
		}
}

int
main(int argc, char **argv)
{
	struct relay r = { .n = 2 };

	if (argc != 2)
		errx(64, "usage: relay PATH");
	r.chunk = aligned_alloc(4096, CHUNK);
	if (r.chunk == NULL)
		err(1, "aligned_alloc");
	r.at[0] = (struct pollfd){ listen_at(argv[1]), POLLIN, 0 };
	r.at[1] = (struct pollfd){ -1, POLLIN, 0 };
	while (poll(r.at, r.n, -1) > 0) {
		if (r.at[1].revents != 0)
			relay_chunk(&r);
		drop_ended(&r);
		if (r.at[0].revents != 0)
			take_connection(&r);
	}
	err(1, "poll");
}
