/*
 * conn_cause - why a connection ended.
 */
#ifndef PM2A_NET_CONN_CAUSE_H
#define PM2A_NET_CONN_CAUSE_H

/* One of these, and the name that is shown. The ones
 * from CONN_BAD_FRAME on are the codes of docs/PROTOCOL.md. */
enum conn_cause {
	CONN_OPEN, /* it has not ended */
	CONN_EOF,
	CONN_RESET,
	CONN_IO_ERROR,
	CONN_SHUTDOWN,
	CONN_SLOW_CONSUMER,
	CONN_MEMORY_LIMIT,
	CONN_AUTH_FAILED,
	CONN_BAD_FRAME,
	CONN_FRAME_TOO_BIG,
	CONN_UNKNOWN_TYPE,
	CONN_BAD_FLAGS,
	CONN_BAD_TOPIC,
	CONN_BAD_BODY,
	CONN_HELLO_EXPECTED,
	CONN_HELLO_TIMEOUT,
	CONN_BAD_HELLO,
	CONN_BAD_VERSION,
	CONN_BAD_STATE,
	CONN_TOO_MANY,
	CONN_NOT_ALLOWED,
	CONN_N_CAUSES,
};

/* "eof", "slow-consumer" and so on. */
const char *conn_cause_name(enum conn_cause cause);

#endif
