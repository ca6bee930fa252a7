/*
 * rates - how fast counters grow, over the last ten seconds. Keeps a sample of
 * the counters for each second.
 */
#ifndef PM2A_STATS_RATES_H
#define PM2A_STATS_RATES_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define RATES_INTERVAL_MS 1000
#define RATES_SAMPLES 11

enum rates_counter {
	RATES_PUBLISHED,
	RATES_DELIVERED,
	RATES_BYTES_IN,
	RATES_BYTES_OUT,
	RATES_BUSY_US, /* that the loop has worked */
	RATES_COUNTERS,
};

struct rates_sample {
	struct instant at;
	uint64_t counters[RATES_COUNTERS];
};

struct rates {
	struct rates_sample ring[RATES_SAMPLES];
	size_t next; /* where the next sample goes */
	size_t n;
};

/* Adds a sample of the counters at `now`. */
void rates_add(
    struct rates *rates, struct instant now, const uint64_t *counters);

/* When the next sample is due: at once while there is none. */
struct instant rates_due(const struct rates *rates);

/* Growth per second of a counter between the oldest sample and the newest;
 * 0 while there are fewer than two. */
double rates_per_second(const struct rates *rates, enum rates_counter counter);

#endif
