/*
 * publish - PUBLISH and SPUBLISH.
 */
#ifndef PM2A_EDGE_REDIS_PUBLISH_H
#define PM2A_EDGE_REDIS_PUBLISH_H

#include "edge/redis/args.h"

void redis_publish(struct redis_call *call);
void redis_spublish(struct redis_call *call);

#endif
