#include "stats/histogram.h"

#include <stddef.h>

#define SUB (1u << HISTOGRAM_SUB_BITS)

/*
 * Below 2 * SUB each time has its own bucket. Above, the highest bits of a time
 * select its bucket: the position of the first one is the octave, the four bits
 * behind it are the place in it. Buckets are in the order of their times,
 * without gaps.
 */
static size_t
bucket_of(uint64_t us)
{
	unsigned shift;
	size_t i;

	if (us < 2 * SUB)
		return (size_t)us;
	shift = 63u - (unsigned)__builtin_clzll(us) - HISTOGRAM_SUB_BITS;
	i = (size_t)shift * SUB + (size_t)(us >> shift);
	return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

/* The largest time of the bucket. */
static uint64_t
end_of(size_t i)
{
	size_t shift;

	if (i < (size_t)2 * SUB)
		return i;
	shift = i / SUB - 1;
	return ((uint64_t)(i % SUB + SUB + 1) << shift) - 1;
}

void
histogram_add(struct histogram *h, int64_t us, uint64_t n)
{
	uint64_t time = us < 0 ? 0 : (uint64_t)us;

	h->buckets[bucket_of(time)] += n;
	h->n += n;
	h->sum_us += time * n;
	if (n > 0 && time > h->max_us)
		h->max_us = time;
}

uint64_t
histogram_quantile(const struct histogram *h, double q)
{
	double wanted = q * (double)h->n;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return end_of(i) < h->max_us ? end_of(i) : h->max_us;
	}
	return h->max_us;
}

uint64_t
histogram_n_within(const struct histogram *h, uint64_t us)
{
	size_t last = bucket_of(us);
	uint64_t n = 0;

	for (size_t i = 0; i <= last; i++)
		n += h->buckets[i];
	return n;
}
