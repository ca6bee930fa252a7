#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "modes.h"

/*
 * The load generator never sleeps here, so what is measured is the broker and
 * the wake-up of its CPU, not of this one. Messages at a pace leave when they
 * are due, whether or not those before them have arrived: a broker that stops
 * for a while can't hide it by stopping the load.
 *
 * The bulk is driven by the same thread, in small portions, since a process of
 * its own would have to share the CPU with this one.
 */

#define BULK_WINDOW (1 << 20)
#define N_SAMPLES_MAX (1 << 20)

struct latency {
	struct load load, bulk;
	bool has_bulk;
	double *samples; /* when each was sent; then how long it took */
	uint64_t n_done;
};

static void
turn(struct latency *t)
{
	load_turn(&t->load, 0);
	if (t->n_done < load_n_done(&t->load)) {
		double at = now(CLOCK_MONOTONIC);

		while (t->n_done < load_n_done(&t->load)) {
			t->samples[t->n_done] = at - t->samples[t->n_done];
			t->n_done++;
		}
	}
	if (t->has_bulk) {
		load_publish(&t->bulk);
		load_turn(&t->bulk, 0);
	}
}

static void
send_one(struct latency *t)
{
	t->samples[t->load.publisher.n_sent] = now(CLOCK_MONOTONIC);
	load_publish(&t->load);
}

/* Waits until at most n messages are under way. */
static void
wait_for(struct latency *t, uint64_t n)
{
	double end = now(CLOCK_MONOTONIC) + STALL_MS / 1e3;

	while (t->load.publisher.n_sent - t->n_done > n) {
		turn(t);
		if (now(CLOCK_MONOTONIC) > end)
			errx(1, "nothing arrives any more");
	}
}

static void
run(struct latency *t, double seconds, size_t pace)
{
	double start = now(CLOCK_MONOTONIC), due = start;

	while (
	    due < start + seconds && t->load.publisher.n_sent < N_SAMPLES_MAX) {
		while (now(CLOCK_MONOTONIC) < due)
			turn(t);
		send_one(t);
		if (pace == 0)
			wait_for(t, 0);
		due = pace == 0 ? now(CLOCK_MONOTONIC) : due + 1 / (double)pace;
	}
	wait_for(t, 0);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(struct latency *t, uint64_t skip)
{
	double *samples = t->samples + skip;
	uint64_t n = t->n_done - skip;

	qsort(samples, n, sizeof(*samples), compare);
	printf("{\"messages\":%llu,\"faults\":%llu,\"p50_us\":%.1f,"
	       "\"p99_us\":%.1f,\"bulk_messages\":%llu}\n",
	    (unsigned long long)n,
	    (unsigned long long)(t->load.n_faults + t->bulk.n_faults),
	    samples[n / 2] * 1e6, samples[n * 99 / 100] * 1e6,
	    (unsigned long long)t->bulk.n_delivered);
}

uint64_t
mode_latency(const struct mode_options *o)
{
	struct latency t = { .load = { .peer = &o->peer,
				 .ops = &load_one_topic,
				 .topic = "bench#/#",
				 .n_receivers = o->n_receivers,
				 .size = o->size,
				 .window = N_SAMPLES_MAX,
				 .n_batch = 1 },
		.bulk = { .peer = &o->peer,
		    .ops = &load_one_topic,
		    .topic = "bulk#/#",
		    .n_receivers = 1,
		    .size = o->bulk,
		    .window = BULK_WINDOW / (o->bulk + 1) + 1,
		    .n_batch = 1,
		    .input_size = 65536 },
		.has_bulk = o->bulk > 0 };
	uint64_t skip;

	t.samples = allocate(N_SAMPLES_MAX, sizeof(*t.samples));
	load_open(&t.load);
	if (t.has_bulk)
		load_open(&t.bulk);
	run(&t, o->seconds / 5, o->pace);
	skip = t.n_done;
	run(&t, o->seconds, o->pace);
	if (t.has_bulk) {
		load_drain(&t.bulk);
		load_close(&t.bulk);
	}
	print(&t, skip);
	load_close(&t.load);
	free(t.samples);
	return t.load.n_faults + t.bulk.n_faults;
}
