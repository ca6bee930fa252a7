/*
 * probe - `--healthz` and `--signal`: whether the daemon is well, and what it
 * is to do, for probes and scripts.
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
 * Has the daemon at the socket's path `reload`, `drain` or `reopen`, by the
 * signal for it, and prints what came of it: for reload it waits for the
 * outcome, for drain until the daemon has ended, for timeout_ms at the most.
 * Gives the exit code: 0; EX_UNAVAILABLE: there is no daemon, or it isn't
 * certain which process it is; EX_NOPERM: the process may not be sent signals;
 * EX_CONFIG: the configuration was refused; EX_TEMPFAIL: no outcome in time.
 */
int probe_signal(const char *socket, const char *what, int timeout_ms);

#endif
