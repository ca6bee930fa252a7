/*
 * probe - `--healthz` and `--signal`: the health of the daemon, and orders to
 * it, for probes and scripts.
 */
#ifndef PM2A_CLI_PROBE_H
#define PM2A_CLI_PROBE_H

/*
 * Asks the daemon at the socket's path whether it works: it must accept the
 * connection and answer within timeout_ms. Prints one line on standard output,
 * `ok …` or `unhealthy: …`. Gives the exit code, 0 or 1.
 */
int probe_health(const char *socket, int timeout_ms);

/*
 * Sends the daemon at the socket's path the signal for `reload`, `drain` or
 * `reopen`, and prints the outcome: it waits for that of a reload, and for the
 * end of the daemon after drain, at most timeout_ms. Returns the exit code: 0;
 * EX_UNAVAILABLE: there is no daemon, or its process is unknown; EX_NOPERM: the
 * process may not be signalled; EX_CONFIG: the configuration was refused;
 * EX_TEMPFAIL: no outcome in time.
 */
int probe_signal(const char *socket, const char *what, int timeout_ms);

#endif
