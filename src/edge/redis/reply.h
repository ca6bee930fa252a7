/*
 * reply - replies on their way to a Redis client, and the arrays that all
 * replies are written to.
 */
#ifndef PM2A_EDGE_REDIS_REPLY_H
#define PM2A_EDGE_REDIS_REPLY_H

#include "edge/redis/args.h"

#define REDIS_SCRATCH_KEPT 262144 /* bytes of one array */

/* Sends what has been written to redis->out to the client. */
void redis_flush(struct redis_client *client);

/* To be called after redis->out or scratch has held something large: sets
 * redis->trim_at. */
void redis_trim_later(struct redis *redis);

/* The bytes written to redis->scratch, which is emptied; with a reference. */
struct slice redis_take_scratch(struct redis *redis);

/* Puts what a client receives for each channel that it joins or leaves: `name`,
 * or null if it is NULL, and `n`, its number of subscriptions then. */
void redis_put_event(struct redis_call *call, const char *event,
    const struct resp_arg *name, size_t n);

#endif
