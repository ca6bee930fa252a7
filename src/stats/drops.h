/*
 * drops - counts messages that were not queued, for every edge in the same way.
 * Each edge has one, and its sink sends messages through it. Messages to
 * observers are not included; they have a counter of their own.
 */
#ifndef PM2A_STATS_DROPS_H
#define PM2A_STATS_DROPS_H

#include <stdint.h>

#include "core/sink.h"
#include "net/conn.h"

struct drops {
	uint64_t n_volatile;    /* messages to receivers that are slow */
	uint64_t n_undelivered; /* messages to connections that end */
};

/* Queues run to conn, or counts its n messages as dropped. */
enum sink_verdict drops_send(
    struct drops *drops, struct conn *conn, const struct message_run *run);

/* As drops_send(), for n messages whose bytes are those of n_parts slices. */
enum sink_verdict drops_send_parts(struct drops *drops, struct conn *conn,
    const struct slice *parts, size_t n_parts, size_t n, bool is_volatile);

#endif
