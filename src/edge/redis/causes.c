#include "edge/redis/causes.h"

#include <stddef.h>

const struct conn_cause redis_auth_failed = { .name = "auth-failed" };
const struct conn_cause redis_auth_timeout = { .name = "hello-timeout" };
const struct conn_cause redis_bad_request = { "bad-frame",
	.is_protocol = true };

const struct conn_cause *const redis_causes[] = {
	&redis_auth_failed,
	&redis_auth_timeout,
	&redis_bad_request,
	NULL,
};
