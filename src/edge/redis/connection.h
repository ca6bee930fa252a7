/*
 * connection - the commands that are about the connection.
 */
#ifndef PM2A_EDGE_REDIS_CONNECTION_H
#define PM2A_EDGE_REDIS_CONNECTION_H

#include "edge/redis/args.h"

void redis_auth(struct redis_call *call);
void redis_client_getname(struct redis_call *call);
void redis_client_id(struct redis_call *call);
void redis_client_kill(struct redis_call *call);
void redis_client_reply(struct redis_call *call);
void redis_client_setinfo(struct redis_call *call);
void redis_client_setname(struct redis_call *call);
void redis_cluster(struct redis_call *call);
void redis_config_get(struct redis_call *call);
void redis_echo(struct redis_call *call);
void redis_hello(struct redis_call *call);
void redis_ping(struct redis_call *call);
void redis_quit(struct redis_call *call);
void redis_select(struct redis_call *call);
void redis_switch(struct redis_call *call);

#endif
