/*
 * conn_cause - why a connection ended. Each layer owns the causes with which it
 * ends connections; these are of sockets and limits, for all protocols.
 */
#ifndef PM2A_NET_CONN_CAUSE_H
#define PM2A_NET_CONN_CAUSE_H

#include <stdbool.h>

struct conn_cause {
	const char *name; /* in the log, in statistics and on the wire */
	bool is_orderly;  /* the peer or the daemon finished: no warning */
	bool is_protocol; /* the peer broke its protocol: frames that it sent
			     before are not handled any more */
};

extern const struct conn_cause conn_eof;
extern const struct conn_cause conn_reset;
extern const struct conn_cause conn_io_error;
extern const struct conn_cause conn_shutdown;
extern const struct conn_cause conn_slow_consumer;
extern const struct conn_cause conn_memory_limit;
extern const struct conn_cause conn_too_many;
extern const struct conn_cause conn_not_allowed;

/* All causes, followed by NULL. */
extern const struct conn_cause *const conn_causes[];

#endif
