/*
 * command_docs - COMMAND and its parts, made from the table of commands.
 */
#ifndef PM2A_EDGE_REDIS_COMMAND_DOCS_H
#define PM2A_EDGE_REDIS_COMMAND_DOCS_H

#include "edge/redis/args.h"

void redis_command_all(struct redis_call *call);
void redis_command_count(struct redis_call *call);
void redis_command_info(struct redis_call *call);
void redis_command_docs(struct redis_call *call);
void redis_command_list(struct redis_call *call);

#endif
