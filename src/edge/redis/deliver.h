/*
 * deliver - messages of the broker to Redis clients.
 */
#ifndef PM2A_EDGE_REDIS_DELIVER_H
#define PM2A_EDGE_REDIS_DELIVER_H

#include "core/sink.h"

/* The sink's message(). */
enum sink_verdict redis_on_message(
    struct member *to, const struct message_run *run);

#endif
