/*
 * metrics_http - /metrics, /healthz, /stats.json and the page, over HTTP/1.1
 * with libevent's evhttp. metrics.h says what there is.
 */
#ifndef PM2A_OPS_METRICS_HTTP_H
#define PM2A_OPS_METRICS_HTTP_H

#include "base/err.h"
#include "edge/native/native.h"
#include "net/loop.h"

struct metrics_http;

/* Takes fd in any case. Returns 0 or -ENOMEM. */
int must_check metrics_http_new(struct loop *loop, struct native *native,
    int fd, struct metrics_http **out);

/* Both: NULL is fine. */
void metrics_http_drain(struct metrics_http *http);
void metrics_http_free(struct metrics_http *http);

#endif
