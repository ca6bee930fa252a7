/*
 * gather - the names that ASK and QUESTION have for enum pm2a_gather.
 */
#ifndef PM2A_CLIENT_GATHER_H
#define PM2A_CLIENT_GATHER_H

#include <stdbool.h>

#include "pm2a.h"
#include "wire/reply.h"

/* Returns "list" and so on. */
const char *gather_name(enum pm2a_gather gather);

/* Returns false if no gather has that name. */
bool gather_find(const struct reply_text *name, enum pm2a_gather *out);

#endif
