#include "net/path_watch.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "net/loop.h"

/* A file that a process has open loses its name with IN_ATTRIB alone. */
#define FILE_EVENTS (IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define FOLDER_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)

/* Numbers of inotify's watches, which are never used twice. */
struct numbers {
	int *at;
	size_t n, size;
};

struct path_watch {
	struct loop *loop;
	void (*changed)(void *arg);
	void *arg;
	int fd; /* -1: there was no instance left at the last renewal */
	struct loop_event readable;
	struct numbers now, before;
};

/* The end of a watch itself (IN_IGNORED) follows a change, or a renewal. */
static bool
reports_change(const char *bytes, size_t len)
{
	struct inotify_event event;

	for (size_t at = 0; at + sizeof(event) <= len;
	     at += sizeof(event) + event.len) {
		memcpy(&event, bytes + at, sizeof(event));
		if ((event.mask & IN_IGNORED) == 0)
			return true;
	}
	return false;
}

static void
on_readable(struct loop_event *event)
{
	struct path_watch *watch =
	    container_of(event, struct path_watch, readable);
	bool is_changed = false;
	char bytes[4096];
	ssize_t n;

	while ((n = read(watch->fd, bytes, sizeof(bytes))) > 0)
		is_changed |= reports_change(bytes, (size_t)n);
	if (is_changed)
		watch->changed(watch->arg);
}

/* Closing an instance can take as long as an RCU grace period, so it is kept.
 */
static void
open_instance(struct path_watch *watch)
{
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return;
	loop_event_init(&watch->readable, watch->loop, watch->fd, LOOP_READABLE,
	    on_readable);
	if (loop_event_add(&watch->readable) == 0)
		return;
	close(watch->fd);
	watch->fd = -1;
}

struct path_watch *
path_watch_new(struct loop *loop, void (*changed)(void *arg), void *arg)
{
	struct path_watch *watch = xcalloc(1, sizeof(*watch));

	watch->loop = loop;
	watch->changed = changed;
	watch->arg = arg;
	watch->fd = -1;
	return watch;
}

void
path_watch_free(struct path_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->fd >= 0) {
		loop_event_del(&watch->readable);
		close(watch->fd);
	}
	free(watch->now.at);
	free(watch->before.at);
	free(watch);
}

void
path_watch_begin(struct path_watch *watch)
{
	struct numbers before = watch->before;

	if (watch->fd < 0)
		open_instance(watch);
	watch->before = watch->now;
	watch->now = before;
	watch->now.n = 0;
}

static bool
has(const struct numbers *numbers, int number)
{
	for (size_t i = 0; i < numbers->n; i++)
		if (numbers->at[i] == number)
			return true;
	return false;
}

static bool
add(struct path_watch *watch, const char *path, uint32_t events)
{
	int number = inotify_add_watch(watch->fd, path, events);
	struct numbers *now = &watch->now;

	if (number < 0)
		return false;
	if (has(now, number))
		return true;
	if (now->n == now->size) {
		now->size = 2 * now->size + 8;
		now->at = xreallocarray(now->at, now->size, sizeof(*now->at));
	}
	now->at[now->n++] = number;
	return true;
}

bool
path_watch_add_file(struct path_watch *watch, const char *path)
{
	return add(watch, path, FILE_EVENTS | IN_DONT_FOLLOW);
}

/* A folder that is reached through a symbolic link is watched at both ends. */
bool
path_watch_add_folders(struct path_watch *watch, const char *path)
{
	const char *slash = strchr(path, '/');
	char folder[PATH_MAX];
	bool is_watched = true; /* the root and the working directory */

	for (; slash != NULL; slash = strchr(slash + 1, '/')) {
		if (slash == path)
			continue;
		snprintf(
		    folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		is_watched = add(watch, folder, FOLDER_EVENTS);
		add(watch, folder, FOLDER_EVENTS | IN_DONT_FOLLOW);
	}
	return is_watched;
}

void
path_watch_end(struct path_watch *watch)
{
	for (size_t i = 0; i < watch->before.n; i++)
		if (!has(&watch->now, watch->before.at[i]))
			(void)inotify_rm_watch(watch->fd, watch->before.at[i]);
}
