/*
 * timeouts - a queue of entries that have the same timeout.
 *
 * Every entry expires the same number of milliseconds after it entered, so the
 * first to enter is the first to expire, and each operation is one of a list.
 * An entry is embedded in its owner; the queue owns nothing.
 */
#ifndef PM2A_BASE_TIMEOUTS_H
#define PM2A_BASE_TIMEOUTS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* All zeros: in no queue. */
struct timeout {
	TAILQ_ENTRY(timeout) link;
	struct instant since;
	bool is_queued;
	/* Called when the timeout is over, after the entry has left the queue.
	 */
	void (*expire)(struct timeout *entry);
};

struct timeouts {
	TAILQ_HEAD(timeout_list, timeout) entries; /* oldest first */
};

static inline void
timeouts_init(struct timeouts *queue)
{
	TAILQ_INIT(&queue->entries);
}

/* Queues `entry` as of `now`; no effect if it is queued. */
static inline void
timeouts_enter(
    struct timeouts *queue, struct timeout *entry, struct instant now)
{
	if (entry->is_queued)
		return;
	entry->since = now;
	entry->is_queued = true;
	TAILQ_INSERT_TAIL(&queue->entries, entry, link);
}

/* No effect if it is not queued. */
static inline void
timeouts_leave(struct timeouts *queue, struct timeout *entry)
{
	if (!entry->is_queued)
		return;
	entry->is_queued = false;
	TAILQ_REMOVE(&queue->entries, entry, link);
}

/* When the first entry expires, `ms` after it entered. INSTANT_NEVER if the
 * queue is empty. */
static inline struct instant
timeouts_deadline(const struct timeouts *queue, int64_t ms)
{
	const struct timeout *first = TAILQ_FIRST(&queue->entries);

	return first == NULL ? INSTANT_NEVER : instant_after(first->since, ms);
}

/* Calls expire() of each entry that entered `ms` or longer before `now`. */
static inline void
timeouts_expire(struct timeouts *queue, int64_t ms, struct instant now)
{
	struct timeout *first;

	while (instant_reached(timeouts_deadline(queue, ms), now)) {
		first = TAILQ_FIRST(&queue->entries);
		timeouts_leave(queue, first);
		first->expire(first);
	}
}

#endif
