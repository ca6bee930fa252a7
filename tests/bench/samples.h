/*
 * samples - how long messages take from publishing to their last delivery.
 *
 * The load generator never sleeps here, so the figure includes the broker and
 * the wake-up of its CPU, not of this one. Messages at a pace leave when they
 * are due, whether or not those before them have arrived: a broker that stops
 * for a while can't hide it by stopping the load.
 */
#ifndef PM2A_BENCH_SAMPLES_H
#define PM2A_BENCH_SAMPLES_H

#include "load.h"

#define N_SAMPLES_MAX (1 << 20)

struct samples {
	struct load *load;   /* whose batch is one message */
	struct load *beside; /* is driven along, or NULL */
	double *times; /* when each was sent; then how long it took, seconds */
	uint64_t n_done;
};

struct percentiles {
	uint64_t n;
	double p50_us, p99_us;
};

void samples_open(struct samples *s);
void samples_close(struct samples *s);

/* Publishes for so long, pace messages a second; 0: one after the other. */
void samples_run(struct samples *s, double seconds, size_t pace);

/* Of the messages from number first on. */
struct percentiles samples_from(struct samples *s, uint64_t first);

#endif
