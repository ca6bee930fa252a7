/*
 * pm2 - reports to pm2, and actions that pm2 may trigger.
 *
 * An app that pm2 runs in fork mode has an IPC channel to it (pm2_channel.h).
 * On it the daemon reports that it is ready (`wait_ready`), sends the values of
 * `pm2 show` and `pm2 monit` once a second, and answers `pm2 trigger`. Without
 * pm2 there is no struct pm2.
 */
#ifndef PM2A_OPS_PM2_H
#define PM2A_OPS_PM2_H

#include <stdbool.h>
#include <stddef.h>

#include "net/loop.h"
#include "stats/hub.h"

struct pm2;

/* Actions for pm2; each is passed `arg`. */
struct pm2_hooks {
	void *arg;
	/* `shutdown_with_message`: ends the daemon in order. */
	void (*shutdown)(void *arg);
	/* Reads the configuration again and writes the outcome to `said` as one
	 * line. Returns false if an error kept everything unchanged. */
	bool (*reload)(char *said, size_t size, void *arg);
	/* Sets the level of the log until the next reload; likewise. */
	bool (*set_log_level)(
	    const char *level, char *said, size_t size, void *arg);
};

/*
 * Returns the channel's fd, or -1 if pm2 has not started this process. A child
 * of a worker inherits pm2's environment and may have a channel that is not
 * pm2's; so our parent must be the process whose pid is in pm2's home. Removes
 * the channel from the environment.
 */
int pm2_inherited(void);

/* Takes fd; `hub` must outlive it. */
struct pm2 *pm2_new(struct loop *loop, int fd, struct hub *hub,
    const struct pm2_hooks *hooks) __attribute__((returns_nonnull));

/* NULL is allowed: no pm2. */
void pm2_free(struct pm2 *pm2);
void pm2_say_ready(struct pm2 *pm2);

#endif
