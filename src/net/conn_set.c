#include "net/conn_set.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "net/outq.h"

#define RECHECKS 3 /* turns */

void
conn_set_end_turn_later(struct conn_set *set)
{
	loop_reap_later(set->loop, &set->end_turn);
}

void
conn_set_wait_for_room(struct conn_set *set, struct holder *holder)
{
	set->n_rechecks = RECHECKS;
	loop_work_later(set->loop, &set->recheck);
	memory_wait(&set->memory, holder);
}

static struct instant
next_deadline(struct loop_source *source)
{
	struct conn_set *set = container_of(source, struct conn_set, source);

	return instant_earlier(
	    timeouts_deadline(&set->slow, set->limits.soft_ms),
	    memory_deadline(&set->memory));
}

static void
on_end_turn(struct loop_task *task)
{
	struct conn_set *set = container_of(task, struct conn_set, end_turn);

	if (memory_end_turn(&set->memory))
		memory_trim_later(&set->memory, loop_now(set->loop));
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct conn_set *set = container_of(source, struct conn_set, source);

	timeouts_expire(&set->slow, set->limits.soft_ms, now);
	if (!instant_reached(memory_deadline(&set->memory), now))
		return;
	memory_expire(&set->memory, now);
	conn_set_end_turn_later(set);
}

/* Keeps the loop turning: input is routed, and freed, in one of the next turns,
 * for which no event may come. */
static void
on_recheck(struct loop_task *task)
{
	struct conn_set *set = container_of(task, struct conn_set, recheck);

	conn_set_end_turn_later(set);
	if (memory_has_waiting(&set->memory) && set->n_rechecks-- > 0)
		loop_work_later(set->loop, &set->recheck);
}

struct conn_set *
conn_set_new(struct loop *loop, const struct conn_limits *limits)
{
	struct conn_set *set = xcalloc(1, sizeof(*set));

	set->loop = loop;
	set->limits = *limits;

	timeouts_init(&set->slow);
	memory_init(&set->memory, limits->memory_bytes);
	set->end_turn.run = on_end_turn;
	set->recheck.run = on_recheck;
	set->scratch = xaligned(4096, OUTQ_SCRATCH_SIZE);
	set->source.next_deadline = next_deadline;
	set->source.expire = expire;
	loop_add_source(loop, &set->source);
	return set;
}

void
conn_set_free(struct conn_set *set)
{
	if (set == NULL)
		return;
	assert(set->n_conns == 0);
	loop_remove_source(set->loop, &set->source);
	input_shared_fini(&set->shared);
	memory_fini(&set->memory);
	free(set->scratch);
	free(set);
}

void
conn_set_limit(struct conn_set *set, const struct conn_limits *limits)
{
	set->limits = *limits;
	memory_set_limit(&set->memory, limits->memory_bytes);
}

void
conn_set_splice_above(struct conn_set *set, size_t bytes)
{
	set->shared.splice_bytes = bytes;
}

const struct conn_limits *
conn_set_limits(const struct conn_set *set)
{
	return &set->limits;
}

size_t
conn_set_n_open(const struct conn_set *set)
{
	return set->n_open;
}

const struct conn_set_stats *
conn_set_stats(const struct conn_set *set)
{
	return &set->stats;
}

void
conn_set_hold(struct conn_set *set, bool is_held)
{
	set->n_holds += is_held ? 1 : -1U;
}
