/*
 * reset - RESET: all that a client has set and subscribed to ends.
 */
#ifndef PM2A_EDGE_REDIS_RESET_H
#define PM2A_EDGE_REDIS_RESET_H

#include "edge/redis/args.h"

void redis_reset(struct redis_call *call);

#endif
