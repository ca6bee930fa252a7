/*
 * commands - the table of commands, and the rules for running them.
 */
#ifndef PM2A_EDGE_REDIS_COMMANDS_H
#define PM2A_EDGE_REDIS_COMMANDS_H

#include "edge/redis/args.h"
#include "edge/redis/verb.h"

/* All of them; the parts of a command stand behind it. */
extern const struct redis_verb redis_verbs[];
extern const size_t redis_n_verbs;

/* Carries out the request. */
void redis_execute(struct redis_call *call);

#endif
