#include "stats/rates.h"

#include <string.h>

static const struct rates_sample *
sample(const struct rates *rates, size_t age)
{
	return &rates->ring[(rates->next + RATES_SAMPLES - 1 - age) %
			    RATES_SAMPLES];
}

void
rates_add(struct rates *rates, struct instant now, const uint64_t *counters)
{
	struct rates_sample *s = &rates->ring[rates->next];

	s->at = now;
	memcpy(s->counters, counters, sizeof(s->counters));
	rates->next = (rates->next + 1) % RATES_SAMPLES;
	if (rates->n < RATES_SAMPLES)
		rates->n++;
}

struct instant
rates_due(const struct rates *rates)
{
	if (rates->n == 0)
		return (struct instant){ .ms = INT64_MIN };
	return instant_after(sample(rates, 0)->at, RATES_INTERVAL_MS);
}

double
rates_per_second(const struct rates *rates, enum rates_counter counter)
{
	const struct rates_sample *first, *last;

	if (rates->n < 2)
		return 0;
	first = sample(rates, rates->n - 1);
	last = sample(rates, 0);
	if (last->at.ms <= first->at.ms)
		return 0;
	return (double)(last->counters[counter] - first->counters[counter]) *
	       1000 / (double)(last->at.ms - first->at.ms);
}
