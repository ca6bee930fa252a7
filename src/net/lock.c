#include "net/lock.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define PID_TEXT_MAX 16 /* bytes: a pid, and perhaps a newline */
#define ATTEMPTS 16     /* if the file is removed while it is locked */

struct lock {
	int fd;
	dev_t dev;
	ino_t ino;
	char *path;
};

/* O_NONBLOCK, so that a FIFO does not block the start. */
static int
open_file(const char *path)
{
	return open(path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0600);
}

static int
error_of_open(const char *path)
{
	int error = errno;
	struct stat st;

	if (error == ELOOP)
		return LOCK_E_LINK;
	/* fs.protected_regular forbids opening another user's file. */
	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return LOCK_E_ALIEN;
		if (st.st_uid != geteuid())
			return LOCK_E_OWNER;
	}
	return err_trace(-error);
}

/* Reads the pid; 0 if the file is empty. Returns false if the file has other
 * content. */
static bool
read_pid(int fd, const struct stat *st, pid_t *out)
{
	char text[PID_TEXT_MAX + 1];
	const char *error = NULL;
	ssize_t n;

	*out = 0;
	if (st->st_size > PID_TEXT_MAX)
		return false;
	n = pread(fd, text, PID_TEXT_MAX, 0);
	if (n < 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text[0] != '\0')
		*out = (pid_t)strtonum(text, 1, INT32_MAX, &error);
	return error == NULL;
}

/* Checks whether the file behind `fd` can be a lock of ours. Returns 0 with
 * *pid, or LOCK_E_*. */
static int
judge(int fd, const struct stat *st, pid_t *pid)
{
	if (!S_ISREG(st->st_mode))
		return LOCK_E_ALIEN;
	if (st->st_uid != geteuid())
		return LOCK_E_OWNER;
	if (st->st_nlink > 1)
		return LOCK_E_LINK;
	return read_pid(fd, st, pid) ? 0 : LOCK_E_ALIEN;
}

static bool
is_at(const char *path, const struct stat *st)
{
	struct stat now;

	return lstat(path, &now) == 0 && now.st_dev == st->st_dev &&
	       now.st_ino == st->st_ino;
}

/* Locks the file behind `fd`. Returns 0, LOCK_E_*, -EAGAIN if it is no longer
 * the one at `path`, or another negative errno. */
static int
lock_file(const char *path, int fd, struct stat *st, pid_t *holder)
{
	int r, error;

	if (fstat(fd, st) != 0)
		return err_trace(-errno);
	r = judge(fd, st, holder);
	if (r != 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		error = errno;
		return error == EWOULDBLOCK ? LOCK_E_HELD : err_trace(-error);
	}
	return is_at(path, st) ? 0 : -EAGAIN;
}

/* The pid is for people: a full disk must not prevent the start. */
static void
write_pid(int fd, const char *path)
{
	char text[PID_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%d", getpid());

	errno = 0;
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		log_warn("lock-without-pid", "path=%s error=\"%s\"", path,
		    strerror(errno));
}

static int
take_once(const char *path, struct lock **out, pid_t *holder)
{
	int fd = open_file(path), r;
	struct stat st;

	if (fd < 0)
		return error_of_open(path);
	r = lock_file(path, fd, &st, holder);
	if (r != 0) {
		close(fd);
		return r;
	}
	write_pid(fd, path);
	*out = xcalloc(1, sizeof(**out));
	**out = (struct lock){ fd, st.st_dev, st.st_ino, xstrdup(path) };
	return 0;
}

int
lock_take(const char *path, struct lock **out, pid_t *holder)
{
	int r = -EAGAIN;

	*holder = 0;
	for (int i = 0; r == -EAGAIN && i < ATTEMPTS; i++)
		r = take_once(path, out, holder);
	return r == -EAGAIN ? LOCK_E_HELD : r;
}

/* The inode can't be another file's while it is open here. */
bool
lock_is_in_place(const struct lock *lock)
{
	struct stat st = { .st_dev = lock->dev, .st_ino = lock->ino };

	return is_at(lock->path, &st);
}

void
lock_release(struct lock *lock)
{
	if (lock == NULL)
		return;
	if (lock_is_in_place(lock))
		unlink(lock->path);
	close(lock->fd);
	free(lock->path);
	free(lock);
}
