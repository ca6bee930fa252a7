/*
 * info - INFO, CLIENT INFO and CLIENT LIST.
 */
#ifndef PM2A_EDGE_REDIS_INFO_H
#define PM2A_EDGE_REDIS_INFO_H

#include "edge/redis/args.h"

void redis_info(struct redis_call *call);
void redis_client_info(struct redis_call *call);
void redis_client_list(struct redis_call *call);

#endif
