/*
 * lock - a file that one process at a time holds with flock(2), and that
 * contains its pid.
 *
 * Others may have write permission for the folder. So a symbolic link is not
 * followed, nothing is written before the lock is held, and a file that is not
 * a lock of this user is refused and left unchanged. The descriptor is closed
 * at exec, and the file is removed only while it is still the locked one.
 */
#ifndef PM2A_NET_LOCK_H
#define PM2A_NET_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct lock;

enum lock_error {
	LOCK_E_HELD = 1, /* another process holds it: *holder, or 0 */
	LOCK_E_LINK,     /* a symbolic link, or a file with several names */
	LOCK_E_OWNER,    /* a file of another user */
	LOCK_E_ALIEN, /* not a regular file, or it contains more than a pid */
};

/* Takes the lock at `path` and writes our pid to it. Returns 0 with *out,
 * LOCK_E_* or a negative errno. With LOCK_E_HELD, *holder is the pid in the
 * file, or 0 if none. */
int must_check lock_take(const char *path, struct lock **out, pid_t *holder);

/* Returns whether the locked file is still the one at the path. */
bool lock_is_in_place(const struct lock *lock);

/* Removes the file if it is still the locked one, and releases the lock. NULL
 * is allowed. */
void lock_release(struct lock *lock);

#endif
