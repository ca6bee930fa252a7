#include "net/conn_cause.h"

static const char *const cause_names[CONN_N_CAUSES] = {
	[CONN_OPEN] = "open",
	[CONN_EOF] = "eof",
	[CONN_RESET] = "reset",
	[CONN_IO_ERROR] = "io-error",
	[CONN_SHUTDOWN] = "shutdown",
	[CONN_SLOW_CONSUMER] = "slow-consumer",
	[CONN_MEMORY_LIMIT] = "memory-limit",
	[CONN_AUTH_FAILED] = "auth-failed",
	[CONN_BAD_FRAME] = "bad-frame",
	[CONN_FRAME_TOO_BIG] = "frame-too-big",
	[CONN_UNKNOWN_TYPE] = "unknown-type",
	[CONN_BAD_FLAGS] = "bad-flags",
	[CONN_BAD_TOPIC] = "bad-topic",
	[CONN_BAD_BODY] = "bad-body",
	[CONN_HELLO_EXPECTED] = "hello-expected",
	[CONN_HELLO_TIMEOUT] = "hello-timeout",
	[CONN_BAD_HELLO] = "bad-hello",
	[CONN_BAD_VERSION] = "bad-version",
	[CONN_BAD_STATE] = "bad-state",
	[CONN_TOO_MANY] = "too-many-connections",
	[CONN_NOT_ALLOWED] = "not-allowed",
};

const char *
conn_cause_name(enum conn_cause cause)
{
	return cause_names[cause];
}
