/*
 * patterns - subscriptions by pattern.
 */
#ifndef PM2A_EDGE_REDIS_PATTERNS_H
#define PM2A_EDGE_REDIS_PATTERNS_H

#include "edge/redis/args.h"

void redis_psubscribe(struct redis_call *call);
void redis_punsubscribe(struct redis_call *call);

/* Whether the pattern may be matched, and if so in how many steps a channel;
 * else the client has had an error. */
bool redis_check_pattern(
    struct redis_call *call, const struct resp_arg *pattern, size_t *steps);

/* Ends the client's patterns, but not their prefixes in the broker. */
void redis_drop_patterns(struct redis_client *client);

#endif
