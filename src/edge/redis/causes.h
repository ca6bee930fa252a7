/*
 * causes - why the daemon ends a connection of a Redis client, besides the
 * causes of net/conn_cause.
 */
#ifndef PM2A_EDGE_REDIS_CAUSES_H
#define PM2A_EDGE_REDIS_CAUSES_H

#include "net/conn_cause.h"

extern const struct conn_cause redis_auth_failed;
extern const struct conn_cause redis_auth_timeout; /* "hello-timeout" */
extern const struct conn_cause redis_bad_request;  /* "bad-frame" */

/* All of them, with NULL behind the last. */
extern const struct conn_cause *const redis_causes[];

#endif
