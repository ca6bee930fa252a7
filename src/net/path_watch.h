/*
 * path_watch - notices when files are removed, renamed or replaced (inotify).
 *
 * The kernel watches inodes, not names: a renewal looks up what is at the paths
 * now, and replaces the former watches. The files themselves and the folders
 * above are watched, not the entries of the folders, so that a folder in which
 * others create many files, such as /tmp, causes no wakeups.
 *
 * Changes that inotify can't see are up to the caller: it knows that a
 * path is not watched, because the number of watches or instances is limited,
 * or because the file is missing or unreadable. Mounts are never reported.
 */
#ifndef PM2A_NET_PATH_WATCH_H
#define PM2A_NET_PATH_WATCH_H

#include <stdbool.h>

struct loop;
struct path_watch;

/* Calls changed(arg) once in each turn in which a change was reported. */
struct path_watch *path_watch_new(struct loop *loop, void (*changed)(void *arg),
    void *arg) __attribute__((returns_nonnull));

/* NULL is allowed. */
void path_watch_free(struct path_watch *watch);

/* Begins a renewal, in which each path is added again. */
void path_watch_begin(struct path_watch *watch);

/* Watches the file at `path`. Returns whether it is watched. */
bool path_watch_add_file(struct path_watch *watch, const char *path);

/* Watches the folder of `path`, and those above it as far as they can be read.
 * Returns whether the folder itself is watched. */
bool path_watch_add_folders(struct path_watch *watch, const char *path);

/* Ends the renewal; drops the watches of paths that were not added again. */
void path_watch_end(struct path_watch *watch);

#endif
