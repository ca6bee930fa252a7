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

/* All zeros: there are no marks. */
struct lag {
	uint32_t n;
	int64_t step_ms; /* least time between two marks */
	struct lag_mark {
		uint64_t end;      /* bytes before it were queued at `at` ... */
		struct instant at; /* ... or until the next mark */
	} marks[LAG_MARKS];
};

/* Everything up to byte `end`, and after the last mark, was queued at `now`. */
void lag_note(struct lag *lag, uint64_t end, struct instant now);

/* Returns when the byte `place` was queued, or somewhat earlier;
 * INSTANT_NEVER if no mark has it. */
struct instant lag_since(const struct lag *lag, uint64_t place);

#endif
