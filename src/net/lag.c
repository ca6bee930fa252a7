#include "net/lag.h"

#include <stddef.h>

#define STEP_MS 4 /* of the first marks */

/* Joins each two neighbours. */
static void
thin(struct lag *lag)
{
	for (uint32_t i = 0; i < LAG_MARKS / 2; i++)
		lag->marks[i] = lag->marks[2 * i];
	lag->n = LAG_MARKS / 2;
	lag->step_ms *= 2;
}

void
lag_note(struct lag *lag, uint64_t start, struct instant now)
{
	if (!instant_reached(lag->due, now))
		return;
	if (lag->n == 0)
		lag->step_ms = STEP_MS;
	else if (lag->n == LAG_MARKS)
		thin(lag);
	lag->marks[lag->n++] = (struct lag_mark){ start, now };
	lag->due = instant_after(now, lag->step_ms);
}

struct instant
lag_since(const struct lag *lag, uint64_t place)
{
	for (uint32_t i = lag->n; i > 0; i--)
		if (lag->marks[i - 1].start <= place)
			return lag->marks[i - 1].at;
	return INSTANT_NEVER;
}
