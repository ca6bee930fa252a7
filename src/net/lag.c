#include "net/lag.h"

#include <stddef.h>

#define STEP_MS 4 /* of the first marks */

/* Joins each two neighbours. */
static void
thin(struct lag *lag)
{
	for (uint32_t i = 0; i < LAG_MARKS / 2; i++)
		lag->marks[i] = (struct lag_mark){
			.end = lag->marks[2 * i + 1].end,
			.at = lag->marks[2 * i].at,
		};
	lag->n = LAG_MARKS / 2;
	lag->step_ms *= 2;
}

void
lag_note(struct lag *lag, uint64_t end, struct instant now)
{
	struct lag_mark *last = lag->n == 0 ? NULL : &lag->marks[lag->n - 1];

	if (last == NULL)
		lag->step_ms = STEP_MS;
	else if (!instant_reached(instant_after(last->at, lag->step_ms), now)) {
		last->end = end;
		return;
	}
	if (lag->n == LAG_MARKS)
		thin(lag);
	lag->marks[lag->n++] = (struct lag_mark){ end, now };
}

struct instant
lag_since(const struct lag *lag, uint64_t place)
{
	for (uint32_t i = 0; i < lag->n; i++)
		if (place < lag->marks[i].end)
			return lag->marks[i].at;
	return INSTANT_NEVER;
}
