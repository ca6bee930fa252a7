/*
 * metrics - the daemon's figures for other programs: on a socket that says
 * everything to a client that connects, and over HTTP with a page for people.
 *
 * Neither can slow the loop: visitors.h has their limits.
 */
#ifndef PM2A_OPS_METRICS_H
#define PM2A_OPS_METRICS_H

#include "net/listen.h"
#include "net/loop.h"
#include "stats/hub.h"

struct metrics;

/* The ops for a listener whose user is the metrics: a client that connects is
 * sent OpenMetrics, and the connection is closed; nothing is read. */
extern const struct listen_ops metrics_listen_ops;

/*
 * The same for a TCP listener, which speaks HTTP:
 *   /             a page
 *   /metrics      for Prometheus
 *   /healthz      200 and a line, or 503 while the daemon drains
 *   /stats.json   what --stats --json says: ?sections=a,b&limit=N&sort=KEY
 */
extern const struct listen_ops metrics_http_listen_ops;

/* Adds its figures to those of hub, which must outlive it. */
struct metrics *metrics_new(struct loop *loop, struct hub *hub)
    __attribute__((returns_nonnull));

/* Closes everything. NULL is allowed. */
void metrics_free(struct metrics *metrics);

/* From now on /healthz says that the daemon ends. */
void metrics_drain(struct metrics *metrics);

#endif
