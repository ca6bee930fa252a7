/*
 * lend - `--lend-channel`: gives a worker's IPC channel to the daemon. A worker
 * starts it as a child process with such a channel.
 */
#ifndef PM2A_CLI_LEND_H
#define PM2A_CLI_LEND_H

/*
 * Passes the descriptor $NODE_CHANNEL_FD, as the channel of the worker `tag`,
 * to the daemon whose own socket is at `socket`. Returns the exit code, after a
 * message on standard error unless it is 0: EX_USAGE, the tag or the variable
 * is wrong; EX_UNAVAILABLE, no daemon takes it.
 */
int lend_channel(const char *socket, const char *tag);

#endif
