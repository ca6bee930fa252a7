/*
 * histogram - how long things took, in log-linear buckets: each power of two of
 * microseconds is divided into sixteen, so a quantile is right to within 6 %,
 * from 1 us to 19 hours, in 4 KiB, and adding one is a few instructions.
 *
 * It only grows: compare two readings to get the last minute.
 */
#ifndef PM2A_STATS_HISTOGRAM_H
#define PM2A_STATS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 4
#define HISTOGRAM_OCTAVES 32
#define HISTOGRAM_BUCKETS ((HISTOGRAM_OCTAVES + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t n;
	uint64_t sum_us;
	uint64_t max_us;
};

/* Counts the time `us` n times. A time below 0 counts as 0, and one beyond the
 * last bucket counts in that bucket. */
void histogram_add(struct histogram *h, int64_t us, uint64_t n);

/* Returns the time that a share of q (0 to 1) did not exceed: the upper end of
 * its bucket, and at most the largest time. 0 if nothing was counted. */
uint64_t histogram_quantile(const struct histogram *h, double q);

/* Returns how many took at most `us`: to the precision of a bucket, and exactly
 * if `us` + 1 is a power of two. */
uint64_t histogram_n_within(const struct histogram *h, uint64_t us);

#endif
