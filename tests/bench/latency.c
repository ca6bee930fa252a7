#include <stdio.h>

#include "modes.h"
#include "samples.h"

/*
 * The bulk is driven by the same thread, in small portions, since a process of
 * its own would have to share the CPU with this one.
 */

#define BULK_WINDOW (1 << 20)

uint64_t
mode_latency(const struct mode_options *o)
{
	struct load load = { .peer = &o->peer,
		.ops = &load_one_topic,
		.topic = "bench#/#",
		.n_receivers = o->n_receivers,
		.size = o->size,
		.window = N_SAMPLES_MAX,
		.n_batch = 1 };
	struct load bulk = { .peer = &o->peer,
		.ops = &load_one_topic,
		.topic = "bulk#/#",
		.n_receivers = 1,
		.size = o->bulk,
		.window = BULK_WINDOW / (o->bulk + 1) + 1,
		.n_batch = 1,
		.input_size = 65536 };
	struct samples s = { .load = &load,
		.beside = o->bulk > 0 ? &bulk : NULL };
	struct percentiles p;
	uint64_t first;

	samples_open(&s);
	load_open(&load);
	if (o->bulk > 0)
		load_open(&bulk);
	samples_run(&s, o->seconds / 5, o->pace);
	first = s.n_done;
	samples_run(&s, o->seconds, o->pace);
	if (o->bulk > 0) {
		load_drain(&bulk);
		load_close(&bulk);
	}
	p = samples_from(&s, first);
	printf("{\"messages\":%llu,\"faults\":%llu,\"p50_us\":%.1f,"
	       "\"p99_us\":%.1f,\"bulk_messages\":%llu}\n",
	    (unsigned long long)p.n,
	    (unsigned long long)(load.n_faults + bulk.n_faults), p.p50_us,
	    p.p99_us, (unsigned long long)bulk.n_delivered);
	load_close(&load);
	samples_close(&s);
	return load.n_faults + bulk.n_faults;
}
