#include <stdio.h>

#include "modes.h"

uint64_t
mode_fanout(const struct mode_options *o)
{
	struct load l = { .peer = &o->peer,
		.ops = &load_one_topic,
		.topic = "bench#/#",
		.n_receivers = o->n_receivers,
		.size = o->size,
		.window = o->window,
		.n_batch = o->n_batch };
	double cpu, seconds;
	uint64_t n;

	load_open(&l);
	load_run(&l, o->seconds / 5);
	n = l.n_delivered;
	seconds = now(CLOCK_MONOTONIC);
	cpu = now(o->peer.clock);
	load_run(&l, o->seconds);
	load_drain(&l);
	n = l.n_delivered - n;
	seconds = now(CLOCK_MONOTONIC) - seconds;
	cpu = now(o->peer.clock) - cpu;
	printf("{\"deliveries\":%llu,\"faults\":%llu,"
	       "\"ns_per_delivery\":%.1f,\"deliveries_per_s\":%.0f,"
	       "\"broker_busy\":%.3f}\n",
	    (unsigned long long)n, (unsigned long long)l.n_faults,
	    cpu * 1e9 / (double)n, (double)n / seconds, cpu / seconds);
	load_close(&l);
	return l.n_faults;
}
