/*
 * conn_cause - why a connection ended. Each layer owns the causes that it ends
 * connections with; those here are of sockets and limits, whatever a connection
 * speaks.
 */
#ifndef PM2A_NET_CONN_CAUSE_H
#define PM2A_NET_CONN_CAUSE_H

#include <stdbool.h>

struct conn_cause {
	const char *name; /* in the log, in statistics and on the wire */
	bool is_orderly;  /* the peer or the daemon has finished: no warning */
	bool is_protocol; /* the peer broke its protocol: what it sent before
			   * that is handled no more */
};

extern const struct conn_cause conn_eof;
extern const struct conn_cause conn_reset;
extern const struct conn_cause conn_io_error;
extern const struct conn_cause conn_shutdown;
extern const struct conn_cause conn_slow_consumer;
extern const struct conn_cause conn_memory_limit;
extern const struct conn_cause conn_too_many;
extern const struct conn_cause conn_not_allowed;

/* All of them, with NULL behind the last. */
extern const struct conn_cause *const conn_causes[];

#endif
