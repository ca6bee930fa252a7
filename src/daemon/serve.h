/*
 * serve - the daemon at work: makes its parts, wires them, and runs them until
 * a signal ends it. SIGINT and SIGTERM drain, SIGHUP reads the configuration
 * again.
 */
#ifndef PM2A_DAEMON_SERVE_H
#define PM2A_DAEMON_SERVE_H

#include "base/err.h"
#include "cli/command.h"

/* Serves with config until it is told to end; command makes the configuration
 * of a reload. Gives the process's exit code. */
int must_check serve_run(
    const struct command *command, const struct config *config);

/* Looks up what the configuration names on this host. Returns 0 or an exit
 * code, which has been explained. */
int must_check serve_check(const struct config *config);

#endif
