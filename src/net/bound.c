#include "net/bound.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "net/lock.h"

#define HOLDER_RETRIES 20
#define HOLDER_RETRY_MS 10
#define ACCEPTS 0x10000 /* a flag in /proc/net/unix: it listens */

struct bound {
	int fd;
	struct lock *lock;
	char *path;
	mode_t mode;
	dev_t dev; /* of the socket that was bound at `path` */
	ino_t ino; /* 0: none */
};

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	return sun;
}

static pid_t
pid_of_peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return 0;
	return cred.pid;
}

/* Whether a process listens at `path`, for a user who may not connect to it.
 * True if that is unknown. */
static bool
is_listening(const char *path)
{
	FILE *file = fopen("/proc/net/unix", "re");
	unsigned flags = 0;
	char *line = NULL;
	size_t size = 0;
	int at = 0;
	bool found = file == NULL;

	while (!found && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %n", &flags,
			&at) == 1 &&
		    at > 0)
			found = (flags & ACCEPTS) != 0 &&
				strcmp(line + at, path) == 0;
		at = 0;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return found;
}

/*
 * Returns whether a process answers at `path`; *pid is the one that called
 * listen(), or 0. Only ECONNREFUSED means that none does: a full backlog
 * (EAGAIN) or a socket of another type (EPROTOTYPE) is in use.
 */
static bool
is_served(const char *path, pid_t *pid)
{
	struct sockaddr_un sun = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool served;

	if (fd < 0)
		return true; /* unknown: leave it alone */
	served = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
		 (errno == EACCES ? is_listening(path)
				  : errno != ECONNREFUSED && errno != ENOENT);
	if (served)
		*pid = pid_of_peer(fd);
	close(fd);
	return served;
}

/*
 * Returns the holder of the lock: the listening process, or else the pid in the
 * file. Just after a start the file may still name the previous daemon, so a
 * pid that is not alive is read again, for a while. 0 if it stays unknown.
 */
static pid_t
find_holder(const char *path, const char *lock_path, pid_t pid)
{
	struct timespec pause = { .tv_nsec = HOLDER_RETRY_MS * 1000000 };
	struct lock *lock;
	pid_t server;

	for (int i = 0; i < HOLDER_RETRIES; i++) {
		server = 0;
		if (is_served(path, &server))
			return server;
		if (pid > 0 && kill(pid, 0) == 0)
			return pid;
		nanosleep(&pause, NULL);
		if (lock_take(lock_path, &lock, &pid) == 0) {
			lock_release(lock);
			return 0;
		}
	}
	return 0;
}

/* With `may_wait`, looks for the process that holds the lock, for a while. */
static int
take_lock(const char *socket, bool may_wait, struct lock **out, pid_t *holder)
{
	static const int errors[] = {
		[LOCK_E_HELD] = BOUND_E_HELD,
		[LOCK_E_LINK] = BOUND_E_LOCK_LINK,
		[LOCK_E_OWNER] = BOUND_E_LOCK_OWNER,
		[LOCK_E_ALIEN] = BOUND_E_LOCK_ALIEN,
	};
	char path[BOUND_PATH_MAX + sizeof(BOUND_LOCK_SUFFIX)];
	int r;

	snprintf(path, sizeof(path), "%s" BOUND_LOCK_SUFFIX, socket);
	r = lock_take(path, out, holder);
	if (r <= 0)
		return r;
	if (r != LOCK_E_HELD)
		*holder = 0;
	else if (may_wait)
		*holder = find_holder(socket, path, *holder);
	/* Another user's daemon has a lock of that user. */
	if (r == LOCK_E_OWNER && is_served(socket, holder))
		return BOUND_E_HELD;
	return errors[r];
}

/*
 * With the lock held, a socket at `path` is either stale or served by a process
 * that does not know the lock.
 */
static int
clear_path(const char *path, pid_t *holder)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_trace(-errno);
	if (!S_ISSOCK(st.st_mode))
		return BOUND_E_NOT_SOCKET;
	if (is_served(path, holder))
		return BOUND_E_HELD;
	log_info("socket-replaced", "path=%s reason=stale", path);
	return unlink(path) == 0 ? 0 : err_trace(-errno);
}

/* Sets the mode, since a folder's default ACL overrides the umask. chmod(2) by
 * path would follow a link that was put there since. */
static int
set_mode(int fd, const struct stat *st, mode_t mode)
{
	char path[64];

	if ((st->st_mode & 07777) == mode)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode) == 0 ? 0 : err_trace(-errno);
}

/* Records the socket that was bound at `path`, and sets its mode. */
static int
own(struct bound *bound)
{
	int fd = open(bound->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;
	struct stat st;

	if (r == 0 && fstat(fd, &st) != 0)
		r = -errno;
	if (r == 0 && (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()))
		r = -EEXIST;
	if (r == 0) {
		bound->dev = st.st_dev;
		bound->ino = st.st_ino;
		r = set_mode(fd, &st, bound->mode);
	}
	if (fd >= 0)
		close(fd);
	return err_trace(r);
}

static int
bind_path(struct bound *bound)
{
	struct sockaddr_un sun = address(bound->path);
	mode_t mask;
	int r, error;

	bound->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bound->fd < 0)
		return err_trace(-errno);
	mask = umask(0777 & ~bound->mode);
	r = bind(bound->fd, (struct sockaddr *)&sun, sizeof(sun));
	error = errno;
	umask(mask);
	return r == 0 ? own(bound) : err_trace(-error);
}

int
bound_open(const char *path, mode_t mode, struct bound **out, pid_t *holder)
{
	struct bound *bound;
	int r;

	*holder = 0;
	if (strlen(path) > BOUND_PATH_MAX)
		return BOUND_E_TOO_LONG;
	bound = xcalloc(1, sizeof(*bound));
	bound->fd = -1;
	bound->path = xstrdup(path);
	bound->mode = mode;
	r = take_lock(path, true, &bound->lock, holder);
	if (r == 0)
		r = clear_path(path, holder);
	if (r == 0)
		r = bind_path(bound);
	if (r == 0)
		*out = bound;
	else
		bound_close(bound);
	return r;
}

const char *
bound_path(const struct bound *bound)
{
	return bound->path;
}

int
bound_fd(const struct bound *bound)
{
	return bound->fd;
}

/* The inode can't be another socket's while ours is open. */
bool
bound_is_in_place(const struct bound *bound)
{
	struct stat st;

	return bound->ino != 0 && lstat(bound->path, &st) == 0 &&
	       st.st_dev == bound->dev && st.st_ino == bound->ino;
}

int
bound_keep_lock(struct bound *bound, pid_t *holder)
{
	struct lock *lock;
	int r;

	*holder = 0;
	if (lock_is_in_place(bound->lock))
		return 0;
	r = take_lock(bound->path, false, &lock, holder);
	if (r != 0)
		return r;
	lock_release(bound->lock);
	bound->lock = lock;
	return 0;
}

int
bound_restore(struct bound *bound, int backlog, int *old, pid_t *holder)
{
	struct bound made = *bound;
	int r = bound_keep_lock(bound, holder);

	if (r == 0)
		r = clear_path(bound->path, holder);
	if (r != 0)
		return r;
	made.fd = -1;
	r = bind_path(&made);
	if (r == 0 && listen(made.fd, backlog) != 0)
		r = err_trace(-errno);
	if (r != 0) {
		if (made.fd >= 0)
			close(made.fd);
		return r;
	}
	*old = bound->fd;
	bound->fd = made.fd;
	bound->dev = made.dev;
	bound->ino = made.ino;
	return 0;
}

void
bound_close(struct bound *bound)
{
	if (bound == NULL)
		return;
	if (bound_is_in_place(bound))
		unlink(bound->path);
	if (bound->fd >= 0)
		close(bound->fd);
	lock_release(bound->lock);
	free(bound->path);
	free(bound);
}
