#include "net/conn_cause.h"

#include <stddef.h>

const struct conn_cause conn_eof = { "eof", .is_orderly = true };
const struct conn_cause conn_reset = { .name = "reset" };
const struct conn_cause conn_io_error = { .name = "io-error" };
const struct conn_cause conn_shutdown = { "shutdown", .is_orderly = true };
const struct conn_cause conn_slow_consumer = { .name = "slow-consumer" };
const struct conn_cause conn_memory_limit = { .name = "memory-limit" };
const struct conn_cause conn_too_many = { .name = "too-many-connections" };
const struct conn_cause conn_not_allowed = { .name = "not-allowed" };

const struct conn_cause *const conn_causes[] = {
	&conn_eof,
	&conn_reset,
	&conn_io_error,
	&conn_shutdown,
	&conn_slow_consumer,
	&conn_memory_limit,
	&conn_too_many,
	&conn_not_allowed,
	NULL,
};
