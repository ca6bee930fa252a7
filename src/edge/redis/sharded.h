/*
 * sharded - shard channels: messages to their subscribers, and messages of
 * native workers for them.
 */
#ifndef PM2A_EDGE_REDIS_SHARDED_H
#define PM2A_EDGE_REDIS_SHARDED_H

#include "edge/redis/args.h"

/*
 * Sends `payload` to all subscribers of a shard channel. `call` is that of the
 * client that has published it, or NULL. Returns how many subscribers there
 * are.
 */
size_t redis_send_shard(struct redis *redis, struct redis_call *call,
    const struct topic *topic, const struct resp_arg *channel,
    const struct resp_arg *payload, bool is_volatile);

/* To be called when a shard channel may have got its first subscriber, or lost
 * its last one. */
void redis_watch_shards(struct redis *redis);

#endif
