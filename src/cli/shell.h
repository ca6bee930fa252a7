/*
 * shell - `--emit`, `--ask` and `--tail`, with which users and scripts send
 * messages to the Socket.IO servers and receive theirs. Each is a client of the
 * daemon through libpm2a, returns the process's exit code, and prints errors on
 * standard error.
 */
#ifndef PM2A_CLI_SHELL_H
#define PM2A_CLI_SHELL_H

#include <stdbool.h>

#define SHELL_KEY_DEFAULT "socket.io"
#define SHELL_TIMEOUT_MAX_MS 300000
#define SHELL_TIMEOUT_DEFAULT_MS 5000

struct shell {
	const char *socket; /* the daemon's */
	const char *key;    /* without '#' */
	const char *nsp;    /* with or without its '/' */
	int timeout_ms;     /* 1 to SHELL_TIMEOUT_MAX_MS */
	bool as_json;
	char **args; /* behind the options; ends with NULL */
};

/*
 * TARGET EVENT [JSON]... : emits to clients. TARGET is "" or "/" for all,
 * NSP for all of a namespace, #ROOM, or NSP#ROOM.
 *
 * 0: the daemon has the message. EX_USAGE: the arguments are invalid;
 * EX_UNAVAILABLE: the message did not reach the daemon.
 */
int shell_emit(const struct shell *shell);

/*
 * KIND [ARGUMENT]... : asks the servers, and prints an answer on each line.
 *
 * 0; EX_USAGE; EX_UNAVAILABLE: no daemon, or no worker serves the namespace;
 * EX_NOINPUT: no worker has the socket; EX_TEMPFAIL: some did
 * not answer. The other answers are printed.
 */
int shell_ask(const struct shell *shell);

/*
 * TOPIC : prints the messages on it, or on all topics that begin so where it
 * ends with '*', until SIGINT or SIGTERM.
 *
 * 0; EX_USAGE; EX_UNAVAILABLE: there was no daemon at the beginning;
 * EX_IOERR: standard output is gone.
 */
int shell_tail(const struct shell *shell);

#endif
