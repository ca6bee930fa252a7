/*
 * bound - a Unix socket at a path, and the lock beside it.
 *
 * The lock names the process that serves the path, so that two daemons that
 * start at once can't take it from each other. A socket on which no process
 * answers is replaced; anything else is left alone. Others may have write
 * permission for the folder: neither lock nor socket is followed through a
 * symbolic link, and only files created here are removed at the end.
 */
#ifndef PM2A_NET_BOUND_H
#define PM2A_NET_BOUND_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"

struct bound;

enum bound_error {
	BOUND_E_HELD = 1,   /* a live process serves the path: *holder */
	BOUND_E_NOT_SOCKET, /* the file at the path is not a socket */
	BOUND_E_TOO_LONG,   /* the path does not fit sun_path */
	BOUND_E_LOCK_LINK,  /* the lock is a link: LOCK_E_LINK */
	BOUND_E_LOCK_OWNER, /* LOCK_E_OWNER */
	BOUND_E_LOCK_ALIEN, /* LOCK_E_ALIEN */
};

/* The longest path, in bytes: sun_path without its zero. */
#define BOUND_PATH_MAX 107

/* The lock's name is the socket's name and this. */
#define BOUND_LOCK_SUFFIX ".pid"

/* Binds a stream socket at `path` with the permission bits `mode`; it does not
 * listen yet. Returns 0 with *out, BOUND_E_* or a negative errno. With
 * BOUND_E_HELD, *holder is a pid, or 0 if it is unknown. */
int must_check bound_open(
    const char *path, mode_t mode, struct bound **out, pid_t *holder);

const char *bound_path(const struct bound *bound);

/* Returns the descriptor: non-blocking, and closed by bound_close(). */
int bound_fd(const struct bound *bound);

/* Returns whether the file at the path is still the socket that was bound. */
bool bound_is_in_place(const struct bound *bound);

/* Takes the lock again if its file is gone. Returns 0 if the lock is held and
 * in place, BOUND_E_* or a negative errno. Does not wait for another holder. */
int must_check bound_keep_lock(struct bound *bound, pid_t *holder);

/* Binds a socket that listens at the path from which the former one was
 * removed, under the rules of bound_open(), but without waiting for another
 * holder. Returns 0 with the former descriptor in *old, which the caller
 * closes; or BOUND_E_* or a negative errno, and the former one stays. */
int must_check bound_restore(
    struct bound *bound, int backlog, int *old, pid_t *holder);

/* Removes the socket and the lock if they are still the files created here.
 * NULL is allowed. */
void bound_close(struct bound *bound);

#endif
