/*
 * openmetrics - the figures as text for Prometheus: OpenMetrics 1.0, or the
 * older text format 0.0.4, which differ in how counters are named and in how
 * the text ends. Pure, except that it reads the hub.
 */
#ifndef PM2A_OPS_OPENMETRICS_H
#define PM2A_OPS_OPENMETRICS_H

#include <stdbool.h>
#include <stdio.h>

struct hub;

/* Maximum number of clients with metrics of their own: those with the longest
 * queues. */
#define OPENMETRICS_CLIENTS_MAX 100

#define EXPOSITION_OPENMETRICS \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define EXPOSITION_TEXT "text/plain; version=0.0.4; charset=utf-8"

/* Writes all metrics. docs/METRICS.md lists them. */
void openmetrics_write(FILE *out, struct hub *hub, bool is_openmetrics);

#endif
