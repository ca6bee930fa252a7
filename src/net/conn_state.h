/*
 * conn_state - the connection itself, for its own files alone: conn_input
 * (reading), conn_output (the queue, and writing) and conn_life (its beginning
 * and end, and its figures). Not included from elsewhere.
 */
#ifndef PM2A_NET_CONN_STATE_H
#define PM2A_NET_CONN_STATE_H

#include "base/timeouts.h"
#include "net/conn.h"
#include "net/lag.h"
#include "net/output.h"

struct conn {
	struct conn_set *set;
	const struct conn_ops *ops;
	void *user;
	int fd;
	struct loop_event readable;
	struct loop_event writable;
	struct loop_task flush;
	struct loop_task reap;
	struct loop_task reap_again; /* in the next turn */
	struct loop_task resume;
	struct output out;
	struct input in;
	struct holder holder;
	struct lag *lag;           /* of a stalled output, or NULL */
	struct instant lost_since; /* never, until output is dropped */
	struct timeout slow;       /* queued while above the soft limit */
	bool is_writable;          /* again, after a stall: to be flushed */
	bool is_deaf;              /* it has stopped reading */
	bool is_paused;            /* by its owner: neither shown nor watched */
	struct instant since;
	const struct conn_cause
	    *finish; /* cause of its end after all is written */
	const struct conn_cause *cause; /* NULL while open */
	const char *limit;              /* that cut it */
	struct conn_stats stats;
};

/* Writes what the socket takes. May close the connection. */
void conn_flush(struct conn *conn);

/* Drops the queue, and counts it as unwritten. */
void conn_drop_output(struct conn *conn);

/* Reads from it whenever it is readable, or closes it. */
void conn_watch_readable(struct conn *conn);

void conn_on_readable(struct loop_event *event);
void conn_on_resume(struct loop_task *task);
void conn_on_room(struct holder *holder);
void conn_on_flush(struct loop_task *task);
void conn_on_writable(struct loop_event *event);

#endif
