/*
 * listen - a listening Unix socket: to get it, and to accept from it.
 *
 * Getting it: a lock beside the socket says who serves it, so that two daemons
 * that start at once can't take it from each other; a socket that nobody
 * answers on is replaced, and anything that is no socket is left alone.
 * Accepting: bounded in each turn; out of descriptors, it pauses instead of
 * spinning. The module hands out connected fds and peer credentials.
 */
#ifndef PM2A_NET_LISTEN_H
#define PM2A_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"

struct listener;
struct loop;

enum listen_error {
	LISTEN_E_HELD = 1,   /* a live process serves the path: *holder */
	LISTEN_E_NOT_SOCKET, /* something that is no socket is there */
	LISTEN_E_TOO_LONG,   /* the path does not fit sun_path */
	LISTEN_E_ADDRESS,    /* no numeric address and port */
};

/* How long a socket's path may be: sun_path less its zero. */
#define LISTEN_PATH_MAX 107

/* What the kernel says of the peer, at connect time: pid 0 and -1 where it
 * doesn't, which is over TCP. */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

struct listen_ops {
	/* A new connection: a non-blocking fd that is yours now. */
	void (*accepted)(void *user, int fd, const struct peer *peer);
};

struct listen_stats {
	uint64_t n_accepted;
	uint64_t n_paused; /* times that descriptors ran out */
	uint64_t n_failed; /* accepts that failed otherwise */
};

/*
 * Listens at path with the file's permission bits mode. Returns 0, LISTEN_E_*
 * or a negative errno; with LISTEN_E_HELD, *holder is the pid, or 0.
 */
int must_check listen_open(struct loop *loop, const char *path, mode_t mode,
    const struct listen_ops *ops, void *user, struct listener **out,
    pid_t *holder);

/* An address and a port: "127.0.0.1:6379", "[::1]:6379", "localhost:6379". */
struct listen_address {
	struct sockaddr_storage bytes;
	socklen_t len;
	bool is_loopback;
};

/* Reads one. Names are not looked up, but for localhost, which is 127.0.0.1.
 * Returns 0 or LISTEN_E_ADDRESS. */
int must_check listen_read_address(
    const char *text, struct listen_address *out);

/* The same for a stream socket that listens; of a Unix socket bytes has the
 * family alone, and is_loopback is true. Returns 0 or a negative errno. */
int must_check listen_read_fd(int fd, struct listen_address *out);

/* A socket that listens at a TCP address, for who accepts from it otherwise.
 * Returns 0 with *out, or a negative errno. */
int must_check listen_bind_tcp(const struct listen_address *address, int *out);

/* Listens at a TCP address. Returns 0 or a negative errno. */
int must_check listen_open_tcp(struct loop *loop,
    const struct listen_address *address, const struct listen_ops *ops,
    void *user, struct listener **out);

/* Takes over fd, a listening stream socket that the supervisor made. */
int must_check listen_adopt(struct loop *loop, int fd,
    const struct listen_ops *ops, void *user, struct listener **out);

/* Accepts no more, and removes the socket and the lock that listen_open() made.
 * NULL is fine. */
void listen_close(struct listener *listener);

const struct listen_stats *listen_stats(const struct listener *listener);

#endif
