/*
 * lag - since when the bytes of a stalled queue have waited, as a few marks.
 *
 * Bytes are identified by their place in everything that was ever queued. The
 * marks become coarser as the queue grows older, so a time is early by at most
 * about an eighth of the age.
 */
#ifndef PM2A_NET_LAG_H
#define PM2A_NET_LAG_H

#include <stdint.h>

#include "base/clock.h"

#define LAG_MARKS 16

/* All zeros: there are no marks, and one is due. */
struct lag {
	uint32_t n;
	int64_t step_ms;    /* least time between two marks */
	struct instant due; /* of the next mark */
	struct lag_mark {
		uint64_t start;    /* bytes from it on were queued at `at`, */
		struct instant at; /* or later, until the next mark */
	} marks[LAG_MARKS];
};

/* Byte `start` is queued at `now`. Does nothing before a mark is due, so
 * callers may look at that themselves. */
void lag_note(struct lag *lag, uint64_t start, struct instant now);

/* Returns when the byte `place` was queued, or somewhat earlier;
 * INSTANT_NEVER if it comes before all marks. */
struct instant lag_since(const struct lag *lag, uint64_t place);

#endif
