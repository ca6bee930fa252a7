/*
 * query - requests the statistics of a running daemon through libpm2a, once or
 * repeatedly, over one connection. `--stats` prints the reply; `--watch`,
 * `--healthz` and `--signal` read it.
 */
#ifndef PM2A_CLI_QUERY_H
#define PM2A_CLI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pm2a.h"
#include "wire/control.h"
#include "wire/msg.h"

#define QUERY_TIMEOUT_MS 5000

/* A reply, with its bytes. Zeroed is none. */
struct query_reply {
	struct msg_tree *tree; /* NULL: there is none */
	void *body;
};

struct query {
	struct pm2a *p; /* NULL: it could not be created */
	struct query_reply reply, previous;
	bool is_pending; /* a request is open */
	bool has_ended;  /* an open connection has ended */
	char why[256];   /* the last error */
};

/*
 * Creates a client of the daemon at `socket`, an observer called `name`; it
 * connects when the first request is sent, and again every `retry_ms` at most.
 * Returns 0, or EX_UNAVAILABLE with ->why. Call query_close() in both cases.
 */
int must_check query_open(struct query *query, const char *socket,
    const char *name, int timeout_ms, int retry_ms);

/* Idempotent. */
void query_close(struct query *query);

/*
 * Opens a request, which the caller's loop then drives: ->is_pending until it
 * has ended. If it succeeds, ->reply becomes ->previous and is replaced;
 * otherwise both are dropped and ->why says why.
 */
void query_start(
    struct query *query, const struct control_stats *wanted, int timeout_ms);

/* Opens a request and waits for its end. Returns 0 with ->reply, or
 * EX_UNAVAILABLE with ->why. */
int must_check query_run(
    struct query *query, const struct control_stats *wanted, int timeout_ms);

/* Waits at most `timeout_ms` until the daemon has ended the connection. */
void query_await_end(struct query *query, int timeout_ms);

/*
 * `--stats`: prints the daemon's reply to standard output. Returns the exit
 * code: 0; EX_UNAVAILABLE if there is no daemon or no reply, with a message on
 * standard error; EX_IOERR if standard output fails.
 */
int query_print(
    const char *socket, const struct control_stats *wanted, bool as_json);

#endif
