/*
 * listen - sockets that connections are accepted from: bound to a path
 * (net/bound) or a TCP address, or inherited from a supervisor.
 *
 * Opening and listening are two steps, so that a daemon that can't open all its
 * configured sockets has accepted no connection. Accepting is bounded in each
 * turn; out of descriptors, it pauses instead of spinning. The module passes on
 * connected fds and peer credentials.
 */
#ifndef PM2A_NET_LISTEN_H
#define PM2A_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"
#include "net/bound.h"

struct listener;
struct loop;

enum listen_error {
	LISTEN_E_ADDRESS = 1, /* not a numeric address and port */
};

/* With a shorter one, clients that connect at once get EAGAIN. */
#define LISTEN_BACKLOG 4096

/* The peer's credentials at connect time; over TCP pid 0 and ids -1. */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool is_tcp;
};

struct listen_ops {
	/* Called for a new connection: a non-blocking `fd`, which the callee
	 * owns. */
	void (*accepted)(void *user, int fd, const struct peer *peer);
};

struct listen_stats {
	uint64_t n_accepted;
	uint64_t n_paused; /* how often descriptors ran out */
	uint64_t n_failed; /* other accepts that failed */
};

/* Binds at `path` as bound_open() does, with its results. Connections are
 * accepted after listen_start(), as with the other two constructors. */
int must_check listen_open(struct loop *loop, const char *path, mode_t mode,
    const struct listen_ops *ops, void *user, struct listener **out,
    pid_t *holder);

/* An address and a port: "127.0.0.1:6379", "[::1]:6379", "localhost:6379". */
struct listen_address {
	struct sockaddr_storage bytes;
	socklen_t len;
	bool is_loopback;
};

/* Parses an address. Names are not looked up, except localhost, which is
 * 127.0.0.1. Returns 0 or LISTEN_E_ADDRESS. */
int must_check listen_read_address(
    const char *text, struct listen_address *out);

/* The same for a listening stream socket; for a Unix socket `bytes` has only
 * the family, and `is_loopback` is true. Returns 0 or a negative errno. */
int must_check listen_read_fd(int fd, struct listen_address *out);

/* Binds at a TCP address. Returns 0 or a negative errno. */
int must_check listen_open_tcp(struct loop *loop,
    const struct listen_address *address, const struct listen_ops *ops,
    void *user, struct listener **out);

/* Takes over `fd`, a listening stream socket of the supervisor. Returns 0 or a
 * negative errno. */
int must_check listen_adopt(struct loop *loop, int fd,
    const struct listen_ops *ops, void *user, struct listener **out);

/* Starts listening and accepting. Returns 0 or a negative errno. */
int must_check listen_start(struct listener *listener);

/* Returns the path of a socket that listen_open() created, else NULL. */
const char *listen_path(const struct listener *listener);

/* For a started listener with a path: whether its socket is still there. */
bool listen_is_in_place(const struct listener *listener);

/* For a listener with a path: takes the lock again if its file is gone, unless
 * another process has it by now. */
void listen_keep_lock(struct listener *listener);

/* Listens again at the path from which the socket was removed, after accepting
 * the connections that wait on the former one. Returns 0, or a
 * result of bound_restore(); then nothing has changed. */
int must_check listen_restore(struct listener *listener, pid_t *holder);

/* Stops accepting, closes the socket, and removes it and its lock if
 * listen_open() created them. NULL is allowed. */
void listen_close(struct listener *listener);

const struct listen_stats *listen_stats(const struct listener *listener);

/*
 * Has every listener that pauses for lack of descriptors accept again, instead
 * of at the end of its pause. Call it after closing the descriptor of a
 * connection.
 */
void listen_retry(void);

/* Returns how often descriptors ran out, for all listeners so far. */
uint64_t listen_n_paused(void);

#endif
