/*
 * inspect - `pm2adapterd --stats`: asks a running daemon and prints the answer.
 */
#ifndef PM2A_DAEMON_INSPECT_H
#define PM2A_DAEMON_INSPECT_H

#include <stdbool.h>

#include "wire/control.h"

/*
 * Asks the daemon at the socket's path and prints to standard output. Gives the
 * process's exit code: 0, or 69 when there is no daemon or no answer, which is
 * said on standard error.
 */
int inspect_run(
    const char *socket, const struct control_stats *wanted, bool as_json);

#endif
