#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "net/conn_parts.h"

/*
 * Memory. A conn whose output has stalled, or that has an unfinished unit, is a
 * holder; net/memory says when there is too much of that, and who has to go.
 */

static struct conn_set *
set_of(struct loop_source *source)
{
	return (struct conn_set *)((char *)source -
				   offsetof(struct conn_set, source));
}

static struct instant
slow_deadline(const struct conn_set *set)
{
	const struct conn *conn = TAILQ_FIRST(&set->slow);

	if (conn == NULL)
		return INSTANT_NEVER;
	return instant_after(conn->slow_since, set->limits.soft_ms);
}

static struct instant
next_deadline(struct loop_source *source)
{
	struct conn_set *set = set_of(source);

	return instant_earlier(
	    slow_deadline(set), memory_deadline(&set->memory));
}

/* There is memory again: who has waited for it is read from in the next turn.
 */
static void
read_on(struct conn_set *set)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&set->unread)) != NULL) {
		TAILQ_REMOVE(&set->unread, conn, in_unread);
		conn->is_unread = false;
		event_add(&conn->readable, NULL);
	}
}

static void
on_end_turn(struct loop_task *task)
{
	struct conn_set *set =
	    (struct conn_set *)((char *)task -
				offsetof(struct conn_set, end_turn));

	if (memory_end_turn(&set->memory))
		memory_trim_later(&set->memory, loop_now(set->loop));
	if (set->memory.short_since.ms == INSTANT_NEVER.ms)
		read_on(set);
}

void
conn_end_turn_later(struct conn_set *set)
{
	loop_reap_later(set->loop, &set->end_turn);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct conn_set *set = set_of(source);

	while (instant_reached(slow_deadline(set), now))
		conn_close(TAILQ_FIRST(&set->slow), CONN_SLOW_CONSUMER);
	if (!instant_reached(memory_deadline(&set->memory), now))
		return;
	memory_expire(&set->memory, now);
	conn_end_turn_later(set);
}

/* What has been read is routed, and free, in one of the next turns, in which
 * nobody may have anything else to do. */
static void
on_recheck(struct loop_task *task)
{
	struct conn_set *set =
	    (struct conn_set *)((char *)task -
				offsetof(struct conn_set, recheck));

	conn_end_turn_later(set);
	if (!TAILQ_EMPTY(&set->unread) && set->n_rechecks-- > 0)
		loop_work_later(set->loop, &set->recheck);
}

struct conn_set *
conn_set_new(struct loop *loop, const struct conn_limits *limits)
{
	struct conn_set *set = xcalloc(1, sizeof(*set));

	set->loop = loop;
	set->limits = *limits;
	LIST_INIT(&set->conns);
	TAILQ_INIT(&set->slow);
	TAILQ_INIT(&set->unread);
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
	assert(LIST_EMPTY(&set->conns));
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
