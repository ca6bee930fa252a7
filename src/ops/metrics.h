/*
 * metrics - the daemon's figures for other programs: on a socket that says
 * everything to who connects, and over HTTP with a page for people.
 *
 * Both have small limits of their own. Neither can slow the loop: what a reader
 * doesn't take at once is queued, and who takes nothing for ten seconds is cut.
 */
#ifndef PM2A_OPS_METRICS_H
#define PM2A_OPS_METRICS_H

#include "base/err.h"
#include "edge/native/native.h"
#include "net/listen.h"
#include "net/loop.h"

struct metrics;

/* Connections of each kind at a time; more wait in the backlog of HTTP, and are
 * closed on the socket. */
#define METRICS_READERS_MAX 16
#define METRICS_TIMEOUT_MS 10000

/* The ops for a listener whose user is the metrics: who connects is sent
 * OpenMetrics and closed; nothing is read. */
extern const struct listen_ops metrics_listen_ops;

/* native must outlive it. */
struct metrics *metrics_new(struct loop *loop, struct native *native)
    __attribute__((returns_nonnull));

/* Closes everything. NULL is fine. */
void metrics_free(struct metrics *metrics);

/*
 * Serves HTTP on fd, a listening TCP socket, which is taken in any case:
 *   /             a page
 *   /metrics      for Prometheus
 *   /healthz      200 and a line, or 503 while the daemon drains
 *   /stats.json   what --stats --json says: ?sections=a,b&limit=N&sort=KEY
 * To be called once. Returns 0 or -ENOMEM.
 */
int must_check metrics_serve_http(struct metrics *metrics, int fd);

/* From now on /healthz says that the daemon ends. */
void metrics_drain(struct metrics *metrics);

#endif
