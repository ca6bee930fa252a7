/*
 * channels - PUBSUB and its parts.
 */
#ifndef PM2A_EDGE_REDIS_CHANNELS_H
#define PM2A_EDGE_REDIS_CHANNELS_H

#include "edge/redis/args.h"

void redis_pubsub_channels(struct redis_call *call);
void redis_pubsub_numsub(struct redis_call *call);
void redis_pubsub_numpat(struct redis_call *call);
void redis_pubsub_shardchannels(struct redis_call *call);
void redis_pubsub_shardnumsub(struct redis_call *call);

#endif
