/*
 * inspect - asks a running daemon for STATS, once or again and again, over one
 * connection. `--stats` prints what it answers; `--watch`, `--healthz` and
 * `--signal` look at it.
 */
#ifndef PM2A_CLI_INSPECT_H
#define PM2A_CLI_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "wire/control.h"
#include "wire/msg.h"

#define INSPECT_TIMEOUT_MS 5000

struct inspector {
	int fd; /* -1: none */
	uint8_t *data;
	size_t len, size, used;
	struct msg_tree *reply; /* of the last question */
	char why[256];          /* what went wrong */
};

/* Connects and says HELLO as name. Returns 0 or EX_UNAVAILABLE with ->why;
 * inspect_close() is due in both cases. */
int must_check inspect_open(
    struct inspector *inspector, const char *socket, const char *name);

/* Asks, and waits so long. Returns 0 with ->reply, which stays until the next
 * question, or EX_UNAVAILABLE with ->why; then the connection is of no more
 * use.
 */
int must_check inspect_ask(struct inspector *inspector,
    const struct control_stats *wanted, int64_t timeout_ms);

/* Takes the last answer out of the inspector, for comparison. What is returned
 * has no connection; inspect_close() is due. */
struct inspector inspect_take_reply(struct inspector *inspector);

/* Waits so long for the daemon to close the connection. */
bool inspect_sees_end(struct inspector *inspector, int64_t timeout_ms);

/* Idempotent. */
void inspect_close(struct inspector *inspector);

/*
 * Asks the daemon at the socket's path and prints to standard output. Gives the
 * process's exit code: 0, or 69 when there is no daemon or no answer, which is
 * said on standard error.
 */
int inspect_run(
    const char *socket, const struct control_stats *wanted, bool as_json);

#endif
