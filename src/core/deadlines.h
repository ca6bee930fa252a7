/*
 * deadlines - points in time that are each a timeout after now, and which of
 * them is the first.
 *
 * The deadlines of one timeout are a queue in the order in which they were
 * entered, which is that of their time, so entering and leaving is a list
 * operation. The queues are few (applications have a handful of timeouts); two
 * trees hold them, by timeout and by the first of each, so that a client with
 * many timeouts costs log n and no more. A heap of all was measured at twenty
 * times the cost of a queue. A deadline is embedded in what ends at it.
 */
#ifndef PM2A_CORE_DEADLINES_H
#define PM2A_CORE_DEADLINES_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdint.h>

#include "base/clock.h"

struct deadline_queue;

struct deadline {
	struct instant at;
	struct deadline_queue *queue; /* of its timeout; NULL if in none */
	TAILQ_ENTRY(deadline) link;
};

RB_HEAD(deadline_timeouts, deadline_queue);
RB_HEAD(deadline_firsts, deadline_queue);

struct deadlines {
	struct deadline_timeouts by_timeout;
	struct deadline_firsts by_first;
};

void deadlines_init(struct deadlines *all);

/* Enters `deadline`, which is in no queue, `timeout_ms` after `now`, a time
 * that never goes back. */
void deadlines_enter(struct deadlines *all, struct deadline *deadline,
    int64_t timeout_ms, struct instant now);

void deadlines_leave(struct deadlines *all, struct deadline *deadline);

/* Returns the earliest deadline, or NULL. */
struct deadline *deadlines_first(struct deadlines *all);

#endif
