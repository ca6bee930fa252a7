/*
 * keeper - keeps the daemon's Unix sockets at their paths.
 *
 * The file of a socket can be removed, renamed or replaced while its daemon
 * runs: connected clients go on, but no new one finds the daemon. The keeper
 * watches the files, their folder and the folders above with inotify, logs what
 * happened, and has the listener bind its path again. Where inotify can't
 * watch, it looks each second; and each 30 seconds in any case, for changes
 * that inotify doesn't report (mounts).
 *
 * A path that another process serves, or at which there is a file that is not a
 * socket, is left to them until it is free; so is a path in a folder that was
 * created again with fewer restrictions. Inherited sockets are the
 * supervisor's: don't add them.
 */
#ifndef PM2A_NET_KEEPER_H
#define PM2A_NET_KEEPER_H

#include <stddef.h>
#include <stdint.h>

struct keeper;
struct listener;
struct loop;

struct keeper_stats {
	uint64_t n_restored; /* sockets that were bound again */
	size_t n_absent;     /* sockets that are not at their path now */
};

struct keeper *keeper_new(struct loop *loop) __attribute__((returns_nonnull));

/* Forgets all listeners. NULL is allowed. */
void keeper_free(struct keeper *keeper);

/* Keeps a started listener in place; no effect if it has no path. If its folder
 * is gone, calls create_folder() before each attempt; NULL: the folder is
 * created by others. */
void keeper_add(struct keeper *keeper, struct listener *listener,
    void (*create_folder)(void));

/* Call it before the listener is closed. No effect if it was not added. */
void keeper_remove(struct keeper *keeper, const struct listener *listener);

/* Counts for all keepers so far. */
const struct keeper_stats *keeper_stats(void);

#endif
