/*
 * openmetrics - the figures as text for Prometheus: OpenMetrics 1.0, or the
 * older text format 0.0.4, which differ in how counters are named and in how
 * the text ends. Pure but for the native that is asked.
 */
#ifndef PM2A_OPS_OPENMETRICS_H
#define PM2A_OPS_OPENMETRICS_H

#include <stdbool.h>
#include <stdio.h>

struct hub;

/* The clients with the longest queues, of which there are so many at most, have
 * metrics of their own. */
#define OPENMETRICS_CLIENTS_MAX 100

#define EXPOSITION_OPENMETRICS \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define EXPOSITION_TEXT "text/plain; version=0.0.4; charset=utf-8"

/* Writes all metrics. docs/METRICS.md lists them. */
void openmetrics_write(FILE *out, struct hub *hub, bool is_openmetrics);

#endif
