/*
 * subscribe - channels and shard channels.
 */
#ifndef PM2A_EDGE_REDIS_SUBSCRIBE_H
#define PM2A_EDGE_REDIS_SUBSCRIBE_H

#include "edge/redis/args.h"

void redis_subscribe(struct redis_call *call);
void redis_unsubscribe(struct redis_call *call);
void redis_ssubscribe(struct redis_call *call);
void redis_sunsubscribe(struct redis_call *call);

/* Calls leave() for each argument, or for all topics of `owner` if there is
 * none. */
void redis_leave_each(struct redis_call *call, const struct topic_owner *owner,
    const char *event,
    void (*leave)(struct redis_call *call, const struct resp_arg *name));

#endif
