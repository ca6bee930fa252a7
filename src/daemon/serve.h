/*
 * serve - the daemon at work: creates its parts, connects them, and runs them
 * until a signal ends it. SIGINT and SIGTERM drain, SIGHUP reads the
 * configuration again.
 */
#ifndef PM2A_DAEMON_SERVE_H
#define PM2A_DAEMON_SERVE_H

#include "base/err.h"
#include "cli/command.h"

/* Serves with config until a signal ends it; a reload takes its configuration
 * from command. Returns the process's exit code. */
int must_check serve_run(
    const struct command *command, const struct config *config);

/* Looks up the users, groups and addresses of the configuration on this host.
 * Returns 0, or an exit code after a message on standard error. */
int must_check serve_check(const struct config *config);

#endif
