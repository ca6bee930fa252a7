#include "samples.h"

#include <err.h>
#include <stdlib.h>

void
samples_open(struct samples *s)
{
	s->times = allocate(N_SAMPLES_MAX, sizeof(*s->times));
	s->n_done = 0;
}

void
samples_close(struct samples *s)
{
	free(s->times);
}

static void
turn(struct samples *s)
{
	load_turn(s->load, 0);
	if (s->n_done < load_n_done(s->load)) {
		double at = now(CLOCK_MONOTONIC);

		while (s->n_done < load_n_done(s->load)) {
			s->times[s->n_done] = at - s->times[s->n_done];
			s->n_done++;
		}
	}
	if (s->beside != NULL) {
		load_publish(s->beside);
		load_turn(s->beside, 0);
	}
}

/* Waits until at most n messages are under way. */
static void
wait_for(struct samples *s, uint64_t n)
{
	double end = now(CLOCK_MONOTONIC) + STALL_MS / 1e3;

	while (s->load->publisher.n_sent - s->n_done > n) {
		turn(s);
		if (now(CLOCK_MONOTONIC) > end)
			errx(1, "nothing arrives any more");
	}
}

void
samples_run(struct samples *s, double seconds, size_t pace)
{
	const struct publisher *pub = &s->load->publisher;
	double start = now(CLOCK_MONOTONIC), due = start;

	while (due < start + seconds && pub->n_sent < N_SAMPLES_MAX) {
		while (now(CLOCK_MONOTONIC) < due)
			turn(s);
		s->times[pub->n_sent] = now(CLOCK_MONOTONIC);
		load_publish(s->load);
		if (pace == 0)
			wait_for(s, 0);
		due = pace == 0 ? now(CLOCK_MONOTONIC) : due + 1 / (double)pace;
	}
	wait_for(s, 0);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct percentiles
samples_from(struct samples *s, uint64_t first)
{
	double *times = s->times + first;
	uint64_t n = s->n_done - first;

	qsort(times, n, sizeof(*times), compare);
	return (struct percentiles){ n, times[n / 2] * 1e6,
		times[n * 99 / 100] * 1e6 };
}
