#include "core/deadlines.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct deadline_queue {
	RB_ENTRY(deadline_queue) in_timeouts;
	RB_ENTRY(deadline_queue) in_firsts;
	int64_t timeout_ms;
	struct instant first; /* of `all`, for the tree */
	TAILQ_HEAD(deadline_list, deadline) all;
};

static int
compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_timeout(const struct deadline_queue *a, const struct deadline_queue *b)
{
	return compare(a->timeout_ms, b->timeout_ms);
}

static int
by_first(const struct deadline_queue *a, const struct deadline_queue *b)
{
	int r = compare(a->first.ms, b->first.ms);

	return r != 0 ? r : by_timeout(a, b);
}

/* Not static: libbsd's static variants use __unused, which glibc does not
 * define. */
RB_PROTOTYPE(deadline_timeouts, deadline_queue, in_timeouts, by_timeout)
RB_PROTOTYPE(deadline_firsts, deadline_queue, in_firsts, by_first)
RB_GENERATE(deadline_timeouts, deadline_queue, in_timeouts, by_timeout)
RB_GENERATE(deadline_firsts, deadline_queue, in_firsts, by_first)

void
deadlines_init(struct deadlines *all)
{
	RB_INIT(&all->by_timeout);
	RB_INIT(&all->by_first);
}

static struct deadline_queue *
get_queue(struct deadlines *all, int64_t timeout_ms)
{
	struct deadline_queue key = { .timeout_ms = timeout_ms }, *queue;

	queue = RB_FIND(deadline_timeouts, &all->by_timeout, &key);
	if (queue == NULL) {
		queue = xcalloc(1, sizeof(*queue));
		queue->timeout_ms = timeout_ms;
		TAILQ_INIT(&queue->all);
		RB_INSERT(deadline_timeouts, &all->by_timeout, queue);
	}
	return queue;
}

void
deadlines_enter(struct deadlines *all, struct deadline *deadline,
    int64_t timeout_ms, struct instant now)
{
	struct deadline_queue *queue = get_queue(all, timeout_ms);
	bool is_first = TAILQ_EMPTY(&queue->all);

	deadline->at = instant_after(now, timeout_ms);
	deadline->queue = queue;
	TAILQ_INSERT_TAIL(&queue->all, deadline, link);
	if (is_first) {
		queue->first = deadline->at;
		RB_INSERT(deadline_firsts, &all->by_first, queue);
	}
}

void
deadlines_leave(struct deadlines *all, struct deadline *deadline)
{
	struct deadline_queue *queue = deadline->queue;
	bool was_first = TAILQ_FIRST(&queue->all) == deadline;

	TAILQ_REMOVE(&queue->all, deadline, link);
	deadline->queue = NULL;
	if (!was_first)
		return;
	RB_REMOVE(deadline_firsts, &all->by_first, queue);
	if (TAILQ_EMPTY(&queue->all)) {
		RB_REMOVE(deadline_timeouts, &all->by_timeout, queue);
		free(queue);
		return;
	}
	queue->first = TAILQ_FIRST(&queue->all)->at;
	RB_INSERT(deadline_firsts, &all->by_first, queue);
}

struct deadline *
deadlines_first(struct deadlines *all)
{
	struct deadline_queue *queue = RB_MIN(deadline_firsts, &all->by_first);

	return queue == NULL ? NULL : TAILQ_FIRST(&queue->all);
}
