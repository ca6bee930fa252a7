/*
 * sockets - the sockets that the daemon listens on, inherited from a supervisor
 * or opened here. Reports failures on standard error, for the operator.
 */
#ifndef PM2A_DAEMON_SOCKETS_H
#define PM2A_DAEMON_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/config.h"
#include "edge/native/native.h"
#include "edge/redis/redis.h"
#include "net/listen.h"
#include "net/loop.h"
#include "ops/metrics.h"

#define SOCKETS_REDIS_MAX 16

struct sockets_redis {
	struct listener *listener;
	char *where; /* as resp-listen has it; NULL: inherited */
};

/* The edges that accept connections, and the listeners. Embedded. */
struct sockets {
	struct loop *loop;
	struct native *native;
	struct redis *redis;
	struct listener *listener; /* of native */
	bool is_native_inherited;
	struct sockets_redis redis_listeners[SOCKETS_REDIS_MAX];
	size_t n_redis_listeners;
	struct metrics *metrics;
	struct listener *metrics_listener; /* or NULL */
	bool has_metrics_path;             /* it is not inherited */
	struct listener *http_listener;    /* or NULL */
	bool has_http_address;             /* it is not inherited */
};

/* Takes over what is inherited, opens all else that config names, and listens
 * once it has all of it; loop, native, redis and metrics are set. Returns 0 or
 * an exit code, which has been explained; sockets_fini() is due in both cases.
 */
int must_check sockets_open(
    struct sockets *sockets, const struct config *config);

/* Nobody else can connect any more, but over HTTP, so that /healthz can say
 * that the daemon ends. Idempotent. */
void sockets_close(struct sockets *sockets);

/* Closes all. Idempotent. */
void sockets_fini(struct sockets *sockets);

#endif
