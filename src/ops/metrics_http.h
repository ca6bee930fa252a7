/*
 * metrics_http - /metrics, /healthz, /stats.json and the page over HTTP/1.1.
 * metrics.h lists the paths.
 */
#ifndef PM2A_OPS_METRICS_HTTP_H
#define PM2A_OPS_METRICS_HTTP_H

#include <stdint.h>

#include "net/loop.h"
#include "ops/visitors.h"
#include "stats/hub.h"

struct metrics_http;

/* `hub` must outlive it. */
struct metrics_http *metrics_http_new(struct loop *loop, struct hub *hub)
    __attribute__((returns_nonnull));

/* NULL is fine. */
void metrics_http_free(struct metrics_http *http);

/* Takes fd, a connected socket that doesn't block. */
void metrics_http_accept(struct metrics_http *http, int fd);

/* From now on /healthz is 503. */
void metrics_http_drain(struct metrics_http *http);

const struct visitors_stats *metrics_http_stats(
    const struct metrics_http *http);

/* Requests that were answered with a status of 400 or above. */
uint64_t metrics_http_n_refused(const struct metrics_http *http);

#endif
