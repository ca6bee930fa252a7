#include "edge/turns.h"

#include <assert.h>
#include <stdlib.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/xalloc.h"

#define SIZE_MIN 4096 /* bytes of an array */
#define ALIGN 8
#define ENTRY_WORK 8     /* of an entry, besides n_work of the broker */
#define WORK_UNTIMED 512 /* between two looks at the clock */

struct turns_entry *
turns_stage_add(struct turns_stage *stage, size_t size)
{
	size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	size_t before = stage->size;
	struct turns_entry *entry;

	while (stage->size - stage->len < rounded)
		stage->size = stage->size == 0 ? SIZE_MIN : 2 * stage->size;
	if (stage->size != before) {
		stage->at = xreallocarray(stage->at, stage->size, 1);
		blob_charge(stage->size - before);
	}
	entry = (struct turns_entry *)(void *)(stage->at + stage->len);
	entry->size = (uint32_t)rounded;
	stage->last = stage->len;
	stage->len += rounded;
	return entry;
}

void
turns_stage_fini(struct turns_stage *stage)
{
	blob_discharge(stage->size);
	free(stage->at);
	*stage = (struct turns_stage){ .len = 0 };
}

void *
turns_stage(struct turns *turns, struct turns_owner *owner, size_t size)
{
	struct turns_stage *fresh = &turns->fresh;
	struct turns_entry *entry;

	assert(!turns->is_handling);
	if (fresh->len == 0)
		fresh->read_us = loop_began_us(turns->loop);
	entry = turns_stage_add(fresh, size);
	entry->owner = owner;
	owner->n_staged++;
	loop_work_later(turns->loop, &turns->task);
	return entry;
}

/* NULL if there is none. */
static struct turns_entry *
entry_at(const struct turns_stage *stage, size_t off)
{
	return off == stage->len
		   ? NULL
		   : (struct turns_entry *)(void *)(stage->at + off);
}

static void
handle(
    struct turns *turns, struct turns_stage *stage, struct turns_entry *entry)
{
	entry->owner->n_staged--;
	turns->ops->handle(turns, stage, entry);
	entry->owner = NULL;
}

static bool
has_time(struct turns *turns)
{
	return clock_us() < loop_began_us(turns->loop) + TURNS_MAX_US;
}

/* Handles the entries that are left, at least one, and empties the stage; or,
 * if it is bounded, some of them: then returns false. */
static bool
run(struct turns *turns, struct turns_stage *stage, bool is_bounded)
{
	const struct broker_stats *stats = broker_stats(turns->broker);
	uint64_t n_before = stats->n_published, n_work = 0;
	uint64_t checked_at = stats->n_work + WORK_UNTIMED;
	struct turns_entry *entry = entry_at(stage, stage->next);

	turns->is_handling = true;
	for (; entry != NULL; entry = turns_stage_next(stage, entry)) {
		if (is_bounded && stats->n_work + n_work >= checked_at) {
			if (!has_time(turns))
				break;
			checked_at = stats->n_work + n_work + WORK_UNTIMED;
		}
		if (entry->owner != NULL)
			handle(turns, stage, entry);
		n_work += ENTRY_WORK;
	}
	turns->is_handling = false;
	if (turns->timing != NULL)
		timing_routed(turns->timing, stage->read_us,
		    stats->n_published - n_before);
	stage->next =
	    entry == NULL ? 0 : (size_t)((uint8_t *)entry - stage->at);
	if (entry == NULL)
		stage->len = 0;
	return entry == NULL;
}

static void
set_behind(struct turns *turns, bool is_behind)
{
	if (turns->is_behind == is_behind)
		return;
	turns->is_behind = is_behind;
	if (turns->set != NULL)
		conn_set_hold(turns->set, is_behind);
}

static void
on_task(struct loop_task *task)
{
	struct turns *turns = container_of(task, struct turns, task);
	struct turns_stage done;
	bool is_over = run(turns, &turns->ripe, true);

	set_behind(turns, !is_over);
	if (is_over) {
		done = turns->ripe;
		turns->ripe = turns->fresh;
		turns->fresh = done;
	}
	if (turns->ripe.len > 0)
		loop_work_later(turns->loop, &turns->task);
	if (turns->ops->done != NULL)
		turns->ops->done(turns);
}

void
turns_run_all(struct turns *turns)
{
	run(turns, &turns->ripe, false);
	run(turns, &turns->fresh, false);
}

static void
run_own(struct turns *turns, struct turns_stage *stage,
    const struct turns_owner *owner)
{
	struct turns_entry *entry = entry_at(stage, stage->next);

	for (; entry != NULL && owner->n_staged > 0;
	     entry = turns_stage_next(stage, entry))
		if (entry->owner == owner)
			handle(turns, stage, entry);
}

/* The entry that was staged last, if it is the only one of `owner`; or NULL. */
static struct turns_entry *
only_entry(const struct turns_stage *fresh, const struct turns_owner *owner)
{
	struct turns_entry *entry;

	if (owner->n_staged != 1 || fresh->last >= fresh->len)
		return NULL;
	entry = (struct turns_entry *)(void *)(fresh->at + fresh->last);
	return entry->owner == owner ? entry : NULL;
}

void
turns_run_own(struct turns *turns, struct turns_owner *owner)
{
	struct turns_entry *only;

	if (turns->is_handling || owner->n_staged == 0)
		return;
	turns->is_handling = true;
	only = only_entry(&turns->fresh, owner);
	if (only != NULL) {
		/* Taken off: an edge may stage ten thousand in a row and have
		 * each handled at once. */
		handle(turns, &turns->fresh, only);
		turns->fresh.len = turns->fresh.last;
	} else {
		run_own(turns, &turns->ripe, owner);
		run_own(turns, &turns->fresh, owner);
	}
	turns->is_handling = false;
}

bool
turns_is_bulky(const struct turns *turns, size_t kept)
{
	return turns->fresh.size > kept || turns->ripe.size > kept;
}

static void
trim(struct turns_stage *stage, size_t kept)
{
	if (stage->len == 0 && stage->size > kept)
		turns_stage_fini(stage);
}

void
turns_trim(struct turns *turns, size_t kept)
{
	trim(&turns->fresh, kept);
	trim(&turns->ripe, kept);
}

void
turns_init(struct turns *turns, struct loop *loop, struct broker *broker,
    const struct turns_ops *ops)
{
	*turns = (struct turns){
		.loop = loop,
		.broker = broker,
		.ops = ops,
		.task.run = on_task,
	};
}

void
turns_hold(struct turns *turns, struct conn_set *set)
{
	turns->set = set;
}

void
turns_fini(struct turns *turns)
{
	set_behind(turns, false);
	loop_cancel_work(turns->loop, &turns->task);
	turns_stage_fini(&turns->fresh);
	turns_stage_fini(&turns->ripe);
}
