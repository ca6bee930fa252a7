/*
 * watch - `--watch`: a live view of a running daemon, on a terminal, or else as
 * one block of text after another.
 */
#ifndef PM2A_CLI_WATCH_H
#define PM2A_CLI_WATCH_H

#include "wire/control.h"

#define WATCH_INTERVAL_DEFAULT_MS 1000
#define WATCH_INTERVAL_MIN_MS 100
#define WATCH_INTERVAL_MAX_MS 60000

/*
 * Shows overview and clients every interval_ms until q, SIGINT or SIGTERM, and
 * restores the terminal. While the daemon is away the view says so, and it
 * continues when the daemon is back. wanted has the sort and the number of
 * rows. Returns the exit code: 0; EX_UNAVAILABLE: there was no daemon at the
 * beginning; EX_IOERR: standard output is gone.
 */
int watch_run(
    const char *socket, const struct control_stats *wanted, int interval_ms);

#endif
