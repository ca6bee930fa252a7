#include "peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

double
now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		err(1, "clock_gettime");
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

void
peer_find_clock(struct peer *peer)
{
	if (clock_getcpuclockid(peer->pid, &peer->clock) != 0)
		errx(1, "no process %d", (int)peer->pid);
}

static const char *
port_of(const struct peer *peer)
{
	const char *colon = strrchr(peer->address, ':');

	return peer->address[0] == '/' || colon == NULL ? NULL : colon + 1;
}

int
peer_socket(const struct peer *peer)
{
	struct timeval patience = { .tv_sec = STALL_MS / 1000 };
	int family = port_of(peer) == NULL ? AF_UNIX : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		err(1, "socket");
	if (setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		err(1, "setsockopt");
	if (family == AF_INET &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		err(1, "setsockopt");
	return fd;
}

int
peer_try_connect(const struct peer *peer, int fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *port = port_of(peer);

	if (port != NULL) {
		sin.sin_port = htons((uint16_t)atoi(port));
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	}
	if (strlen(peer->address) >= sizeof(sun.sun_path))
		errx(1, "%s: too long", peer->address);
	strcpy(sun.sun_path, peer->address);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun));
}

int
peer_connect(const struct peer *peer)
{
	int fd = peer_socket(peer);

	if (peer_try_connect(peer, fd) != 0)
		err(1, "%s", peer->address);
	return fd;
}

size_t
peer_memory(const struct peer *peer)
{
	char path[64];
	unsigned long long kib;
	char line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)peer->pid);
	file = fopen(path, "r");
	if (file == NULL)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmRSS: %llu kB", &kib) == 1) {
			fclose(file);
			return (size_t)kib * 1024;
		}
	errx(1, "%s has no VmRSS", path);
}

void
write_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;
	ssize_t put;

	for (; len > 0; at += put, len -= (size_t)put) {
		put = write(fd, at, len);
		if (put < 0)
			err(1, "write");
	}
}

void
read_all(int fd, void *data, size_t len)
{
	ssize_t got;

	/* To ask for nothing would wait for something. */
	if (len == 0)
		return;
	got = recv(fd, data, len, MSG_WAITALL);
	if (got < 0)
		err(1, "recv");
	if ((size_t)got != len)
		errx(1, "the broker closed during the handshake");
}

void
set_blocking(int fd, bool blocks)
{
	if (fcntl(fd, F_SETFL, blocks ? 0 : O_NONBLOCK) != 0)
		err(1, "fcntl");
}
