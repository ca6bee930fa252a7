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
#include "edge/handles/handles.h"
#include "edge/native/native.h"
#include "edge/redis/redis.h"
#include "net/keeper.h"
#include "net/listen.h"
#include "net/loop.h"
#include "ops/metrics.h"

#define SOCKETS_REDIS_MAX 16

enum sockets_role {
	SOCKETS_NATIVE,
	SOCKETS_HANDLES, /* beside the native one */
	SOCKETS_RESP,
	SOCKETS_METRICS, /* at a path */
	SOCKETS_HTTP,    /* metrics at an address */
	SOCKETS_N_ROLES,
};

#define SOCKETS_MAX (SOCKETS_REDIS_MAX + SOCKETS_N_ROLES - 1)

struct sockets_entry {
	enum sockets_role role;
	struct listener *listener; /* NULL: closed */
	char *where;               /* as its option has it; NULL: inherited */
};

/* The edges that accept connections, and the listeners. Embedded. */
struct sockets {
	struct loop *loop;
	struct hub *hub;
	struct native *native;
	struct redis *redis;
	struct handles *handles;
	struct metrics *metrics;
	char native_path[BOUND_PATH_MAX + 1]; /* empty: unknown */
	struct keeper *keeper; /* of those at paths; NULL: not open */
	struct sockets_entry open[SOCKETS_MAX];
	size_t n;
};

/* Adopts the inherited sockets, opens the others that `config` names, and
 * listens once all are there; `loop`, `native`, `redis`,
 * `handles` and `metrics` are set. If the socket for handles can't be opened,
 * that is logged and the daemon serves without it.
 * Returns 0, or an exit code after printing the reason. In both cases
 * sockets_fini() is due. */
int must_check sockets_open(
    struct sockets *sockets, const struct config *config);

/* Returns whether there is a socket for handles. */
bool sockets_has_handles(const struct sockets *sockets);

/* Stops accepting, except over HTTP, so that /healthz can report the drain.
 * Idempotent. */
void sockets_close(struct sockets *sockets);

/* Closes all sockets. Idempotent. */
void sockets_fini(struct sockets *sockets);

#endif
