#include "net/keeper.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/path_watch.h"

#define LOOK_MS 1000       /* without inotify, and to try again */
#define HELD_LOOK_MS 10000 /* at the socket of another process */
#define BACKSTOP_MS 30000
/* From a change to the look: a folder that is being removed must not get a new
 * socket before that is done, and however often files change, looks are few. */
#define GAP_MS 100

/* The folder was created again, and others than before may write to it. */
#define E_FOLDER 1000

struct kept {
	TAILQ_ENTRY(kept) link;
	struct listener *listener;
	void (*create_folder)(void);
	struct stat folder; /* when it was added */
	int problem;        /* why it is not at its path; 0: it is */
	struct instant lost;
};

struct keeper {
	struct loop *loop;
	struct loop_source source;
	struct instant due;
	TAILQ_HEAD(kept_list, kept) all;
	struct path_watch *watch;
};

static struct keeper_stats stats;

static const struct problem {
	int error; /* of listen_restore(), or E_FOLDER */
	const char *text, *remedy;
} problems[] = {
	{ BOUND_E_HELD, "another process serves the path",
	    "stop one of the two: clients of one do not reach those of the "
	    "other" },
	{ BOUND_E_NOT_SOCKET, "the file there is not a socket", "remove it" },
	{ BOUND_E_LOCK_LINK, "its lock (.pid) is a link", "remove the lock" },
	{ BOUND_E_LOCK_OWNER, "its lock (.pid) is a file of another user",
	    "remove the lock" },
	{ BOUND_E_LOCK_ALIEN, "its lock (.pid) is another file",
	    "remove the lock" },
	{ E_FOLDER,
	    "the folder was created again, and other users may write to it",
	    "give it the owner and the mode that it had" },
	{ -ENOENT, "the folder is missing", "create it" },
	{ -EACCES, "no permission in the folder",
	    "let the daemon's user write to it" },
};

static const struct problem *
find_problem(int error)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
		if (problems[i].error == error)
			return &problems[i];
	return NULL;
}

static void
log_lost(const struct kept *kept, int error, pid_t holder)
{
	const char *path = listen_path(kept->listener);
	const struct problem *problem = find_problem(error);
	char quoted[2 * BOUND_PATH_MAX], pid[32] = "";

	if (error == BOUND_E_HELD && holder > 0)
		snprintf(pid, sizeof(pid), " pid=%d", (int)holder);
	log_error("socket-lost", "path=%s error=\"%s\"%s remedy=\"%s\"",
	    log_quote(quoted, sizeof(quoted), path, strlen(path)),
	    problem == NULL ? strerror(-error) : problem->text, pid,
	    problem == NULL ? "none: the daemon tries again each second"
			    : problem->remedy);
}

static void
log_restored(const struct kept *kept, struct instant now)
{
	const char *path = listen_path(kept->listener);
	char quoted[2 * BOUND_PATH_MAX];

	log_warn("socket-restored",
	    "path=%s cause=\"its file was removed or replaced\" "
	    "lost_ms=%" PRId64
	    " remedy=\"exclude the path from what removes files there\"",
	    log_quote(quoted, sizeof(quoted), path, strlen(path)),
	    kept->lost.ms == INSTANT_NEVER.ms ? 0 : now.ms - kept->lost.ms);
}

/* Looks at the folder of the socket. Returns 0 or a negative errno. */
static int
stat_folder(const struct kept *kept, struct stat *out)
{
	const char *path = listen_path(kept->listener);
	const char *slash = strrchr(path, '/');
	char folder[BOUND_PATH_MAX + 1] = ".";

	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s",
		    slash == path ? 1 : (int)(slash - path), path);
	return stat(folder, out) == 0 ? 0 : -errno;
}

/* A stranger who creates the folder again could read what clients send. */
static int
check_folder(struct kept *kept)
{
	struct stat st;
	int r = stat_folder(kept, &st);

	if (r == -ENOENT && kept->create_folder != NULL) {
		kept->create_folder();
		r = stat_folder(kept, &st);
	}
	if (r != 0)
		return r;
	if (st.st_dev == kept->folder.st_dev &&
	    st.st_ino == kept->folder.st_ino)
		return 0;
	if (st.st_uid != kept->folder.st_uid && st.st_uid != geteuid() &&
	    st.st_uid != 0)
		return E_FOLDER;
	if ((st.st_mode & ~kept->folder.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return E_FOLDER;
	kept->folder = st;
	return 0;
}

static int
restore(struct kept *kept, pid_t *holder)
{
	int r = check_folder(kept);

	return r == 0 ? listen_restore(kept->listener, holder) : r;
}

static void
set_problem(struct kept *kept, int problem, struct instant now)
{
	if (kept->problem == 0 && problem != 0)
		stats.n_absent++;
	if (kept->problem != 0 && problem == 0)
		stats.n_absent--;
	kept->problem = problem;
	if (problem == 0)
		kept->lost = INSTANT_NEVER;
	else if (kept->lost.ms == INSTANT_NEVER.ms)
		kept->lost = now;
}

/* Has the socket at its path, if that is possible. */
static void
keep(struct kept *kept, struct instant now)
{
	pid_t holder = 0;
	int r;

	if (listen_is_in_place(kept->listener)) {
		/* Without its lock it is still safe: a second daemon finds the
		 * socket served. */
		listen_keep_lock(kept->listener);
		return set_problem(kept, 0, now);
	}
	r = restore(kept, &holder);
	if (r != 0 && r != kept->problem)
		log_lost(kept, r, holder);
	if (r == 0) {
		log_restored(kept, now);
		stats.n_restored++;
	}
	set_problem(kept, r, now);
}

/* Returns whether inotify reports what happens to the socket and its lock. */
static bool
watch(struct keeper *keeper, const struct kept *kept)
{
	const char *path = listen_path(kept->listener);
	char lock[BOUND_PATH_MAX + sizeof(BOUND_LOCK_SUFFIX)];
	bool has_folder, has_socket, has_lock;

	snprintf(lock, sizeof(lock), "%s" BOUND_LOCK_SUFFIX, path);
	has_folder = path_watch_add_folders(keeper->watch, path);
	has_socket = path_watch_add_file(keeper->watch, path);
	has_lock = path_watch_add_file(keeper->watch, lock);
	return has_folder && has_socket && has_lock;
}

/* The time to the next look, which is earlier if inotify reports a change. A
 * file that vanished before it was watched is looked at again. */
static int64_t
pause_ms(const struct kept *kept, bool is_watched)
{
	if (kept->problem == BOUND_E_HELD)
		return HELD_LOOK_MS;
	if (kept->problem != 0)
		return LOOK_MS;
	if (!listen_is_in_place(kept->listener))
		return GAP_MS;
	return is_watched ? BACKSTOP_MS : LOOK_MS;
}

static void
look(struct keeper *keeper, struct instant now)
{
	int64_t pause = BACKSTOP_MS, each;
	struct kept *kept;

	TAILQ_FOREACH (kept, &keeper->all, link)
		keep(kept, now);
	path_watch_begin(keeper->watch);
	TAILQ_FOREACH (kept, &keeper->all, link) {
		each = pause_ms(kept, watch(keeper, kept));
		pause = each < pause ? each : pause;
	}
	path_watch_end(keeper->watch);
	keeper->due = instant_after(now, pause);
}

static void
on_change(void *arg)
{
	struct keeper *keeper = arg;
	struct instant soon = instant_after(loop_now(keeper->loop), GAP_MS);

	keeper->due = instant_earlier(keeper->due, soon);
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct keeper *keeper =
	    container_of(source, struct keeper, source);

	return TAILQ_EMPTY(&keeper->all) ? INSTANT_NEVER : keeper->due;
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct keeper *keeper = container_of(source, struct keeper, source);

	if (instant_reached(keeper->due, now))
		look(keeper, now);
}

struct keeper *
keeper_new(struct loop *loop)
{
	struct keeper *keeper = xcalloc(1, sizeof(*keeper));

	keeper->loop = loop;
	TAILQ_INIT(&keeper->all);
	keeper->watch = path_watch_new(loop, on_change, keeper);
	keeper->source.next_deadline = next_deadline;
	keeper->source.expire = expire;
	loop_add_source(loop, &keeper->source);
	return keeper;
}

static void
forget(struct keeper *keeper, struct kept *kept)
{
	stats.n_absent -= kept->problem != 0;
	TAILQ_REMOVE(&keeper->all, kept, link);
	free(kept);
}

void
keeper_free(struct keeper *keeper)
{
	if (keeper == NULL)
		return;
	while (!TAILQ_EMPTY(&keeper->all))
		forget(keeper, TAILQ_FIRST(&keeper->all));
	loop_remove_source(keeper->loop, &keeper->source);
	path_watch_free(keeper->watch);
	free(keeper);
}

/* The first look is due at once, after all listeners were added. */
void
keeper_add(struct keeper *keeper, struct listener *listener,
    void (*create_folder)(void))
{
	struct kept *kept;

	if (listen_path(listener) == NULL)
		return;
	kept = xcalloc(1, sizeof(*kept));
	kept->listener = listener;
	kept->create_folder = create_folder;
	kept->lost = INSTANT_NEVER;
	if (stat_folder(kept, &kept->folder) != 0)
		kept->folder = (struct stat){ .st_uid = geteuid() };
	TAILQ_INSERT_TAIL(&keeper->all, kept, link);
	keeper->due = loop_now(keeper->loop);
}

void
keeper_remove(struct keeper *keeper, const struct listener *listener)
{
	struct kept *kept, *next;

	TAILQ_FOREACH_SAFE (kept, &keeper->all, link, next)
		if (kept->listener == listener)
			forget(keeper, kept);
}

const struct keeper_stats *
keeper_stats(void)
{
	return &stats;
}
