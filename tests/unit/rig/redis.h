/*
 * redis - the Redis edge on top of edges.h.
 */
#ifndef PM2A_TESTS_UNIT_RIG_REDIS_H
#define PM2A_TESTS_UNIT_RIG_REDIS_H

#include "edge/redis/redis.h"
#include "unit/rig/edges.h"

#define CLIENTS_MAX 4

extern struct redis *redis;

/* begin(), and the Redis edge; an empty password asks for none. */
void begin_redis(const char *password);

/* Hangs all clients up, frees the edge, and end(). */
void end_redis(void);

struct client *dial_redis(void);

#endif
