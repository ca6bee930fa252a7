#include "net/memory.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

/*
 * The account of base/blob tells how much is held: blobs, each once, however
 * many queues have slices of it. Three kinds of things keep blobs alive: queues
 * that are not written (a receiver that doesn't read), incomplete units (a
 * publisher that is slow, or has just begun), and input that was read in this
 * turn and is not routed yet. The third goes by itself. The second is mostly a
 * publisher at work. So the first has to go, and a publisher never waits for a
 * receiver.
 *
 * The worst offender is not the holder of the longest queue. Sixty-four
 * receivers that have stalled at the same message share its blob, and cutting
 * one of them frees nothing. So each is charged its share of a blob, as the
 * kernel does with the pages of processes (PSS), and the largest sum of shares
 * comes first. Shares are computed once for a round of cutting: they grow while
 * holders are cut, but their order is good enough, and a round costs one walk
 * over the queues. It ends an eighth below the limit, so that the next one
 * isn't due at once.
 *
 * An input counts as an offender if its unit is not complete within
 * INPUT_SLOW_MS, or if nothing else has helped for as long. While stalled
 * receivers hold less than a quarter of the limit, they are not the cause, and
 * nobody is cut: no socket is read until there is room, except those of units
 * that have begun and have their memory.
 *
 * base/xalloc makes malloc map large blocks. Smaller freed blocks stay in the
 * heap, next to newly mapped ones: both are resident, and only one is in the
 * account. So the heap is trimmed before their sum exceeds the limit, and a
 * while after a burst, when it is not needed any more: so long after the last
 * trim that trimming takes at most a thousandth of the time.
 */

#define INPUT_SLOW_MS 1000
#define TRIM_AFTER_MS 1000
#define TRIM_FROM ((size_t)128 << 10) /* bytes of slack */
#define HOLDER_BYTES 1024 /* memory of a connection except its messages */

struct offender {
	struct holder *holder;
	size_t share; /* bytes */
};

void
memory_init(struct memory *memory, size_t limit_bytes)
{
	*memory = (struct memory){ .limit_bytes = limit_bytes };
	TAILQ_INIT(&memory->holders);
	TAILQ_INIT(&memory->waiting);
	memory->short_since = memory->trim_at = INSTANT_NEVER;
	memory->trim_pause_ms = TRIM_AFTER_MS;
}

void
memory_fini(struct memory *memory)
{
	assert(TAILQ_EMPTY(&memory->holders) && TAILQ_EMPTY(&memory->waiting));
	outq_copies_fini(&memory->copies);
}

void
memory_set_limit(struct memory *memory, size_t limit_bytes)
{
	memory->limit_bytes = limit_bytes;
}

static void
list(struct memory *memory, struct holder *holder)
{
	bool is_listed = holder->is_stalled || holder->n_input > 0;

	if (is_listed == holder->is_listed)
		return;
	holder->is_listed = is_listed;
	if (is_listed) {
		TAILQ_INSERT_TAIL(&memory->holders, holder, link);
		memory->n_holders++;
	} else {
		TAILQ_REMOVE(&memory->holders, holder, link);
		memory->n_holders--;
	}
}

void
memory_hold_output(
    struct memory *memory, struct holder *holder, bool is_stalled)
{
	holder->is_stalled = is_stalled;
	list(memory, holder);
}

void
memory_hold_input(struct memory *memory, struct holder *holder, size_t n_bytes,
    struct instant since)
{
	holder->n_input = n_bytes;
	holder->input_since = since;
	list(memory, holder);
}

void
memory_wait(struct memory *memory, struct holder *holder)
{
	if (holder->is_waiting)
		return;
	holder->is_waiting = true;
	TAILQ_INSERT_TAIL(&memory->waiting, holder, in_waiting);
}

void
memory_stop_waiting(struct memory *memory, struct holder *holder)
{
	if (!holder->is_waiting)
		return;
	holder->is_waiting = false;
	TAILQ_REMOVE(&memory->waiting, holder, in_waiting);
}

void
memory_release(struct memory *memory, struct holder *holder)
{
	holder->is_stalled = false;
	holder->n_input = 0;
	list(memory, holder);
	memory->n_released++;
}

bool
memory_is_tight(const struct memory *memory)
{
	size_t limit = memory->limit_bytes;

	return limit > 0 && blob_held_bytes() > limit - limit / 4;
}

static size_t
target(const struct memory *memory)
{
	return memory->limit_bytes - memory->limit_bytes / 8;
}

static void
squeeze(struct memory *memory)
{
	struct holder *holder;

	outq_copies_forget(&memory->copies);
	TAILQ_FOREACH (holder, &memory->holders, link)
		if (holder->is_stalled)
			outq_clear_demand(holder->queue);
	TAILQ_FOREACH (holder, &memory->holders, link)
		if (holder->is_stalled)
			outq_add_demand(holder->queue);
	TAILQ_FOREACH (holder, &memory->holders, link)
		if (holder->is_stalled)
			outq_squeeze(holder->queue, &memory->copies);
	blob_drop_spare();
}

/* Returns until when the obstacle may still disappear by itself. */
static struct instant
short_deadline(const struct memory *memory)
{
	if (memory->short_since.ms == INSTANT_NEVER.ms)
		return INSTANT_NEVER;
	return instant_after(memory->short_since, INPUT_SLOW_MS);
}

static bool
is_desperate(const struct memory *memory, struct instant now)
{
	return instant_reached(short_deadline(memory), now);
}

static size_t
share_of(const struct memory *memory, const struct holder *holder,
    struct instant now)
{
	size_t share = holder->is_stalled ? outq_share(holder->queue) : 0;
	bool is_slow = instant_reached(
	    instant_after(holder->input_since, INPUT_SLOW_MS), now);

	if (holder->n_input > 0 && (is_slow || is_desperate(memory, now)))
		share += holder->n_input;
	return share;
}

static int
by_share(const void *a, const void *b)
{
	const struct offender *x = a, *y = b;

	if (x->share == y->share)
		return 0;
	return x->share < y->share ? 1 : -1;
}

/* Returns all holders with their shares, the largest first; free it with
 * free(). */
static struct offender *
find_offenders(const struct memory *memory, struct instant now, size_t *total)
{
	struct offender *all = xcalloc(memory->n_holders + 1, sizeof(*all));
	struct holder *holder;
	size_t n = 0;

	*total = 0;
	TAILQ_FOREACH (holder, &memory->holders, link) {
		all[n].holder = holder;
		all[n].share = share_of(memory, holder, now);
		*total += all[n++].share;
	}
	qsort(all, n, sizeof(*all), by_share);
	return all;
}

/* An input's memory is freed with its connection, later in this turn. */
static bool
cut(struct memory *memory, const struct offender *all, size_t n)
{
	size_t pending = 0, i;

	for (i = 0; i < n && all[i].share > 0 &&
		    blob_held_bytes() > target(memory) + pending;
	     i++) {
		pending += all[i].holder->n_input;
		all[i].holder->cut(all[i].holder);
		blob_drop_spare();
	}
	return i > 0;
}

static void
cut_offenders(struct memory *memory, struct instant now)
{
	size_t n = memory->n_holders, total;
	struct offender *all = find_offenders(memory, now, &total);

	if ((total >= memory->limit_bytes / 4 || is_desperate(memory, now)) &&
	    cut(memory, all, n))
		blob_trim();
	free(all);
}

bool
memory_make_room(struct memory *memory, struct instant now)
{
	if (memory->has_failed)
		return false;
	blob_drop_spare();
	if (memory_is_over(memory))
		squeeze(memory);
	if (memory_is_over(memory))
		cut_offenders(memory, now);
	/* A lasting shortage must not stop the daemon for ever. */
	memory->has_failed =
	    memory_is_over(memory) && !is_desperate(memory, now);
	if (memory->has_failed && memory->short_since.ms == INSTANT_NEVER.ms)
		memory->short_since = now;
	return !memory->has_failed;
}

static void
resume_waiting(struct memory *memory)
{
	struct holder *holder;

	while ((holder = TAILQ_FIRST(&memory->waiting)) != NULL) {
		memory_stop_waiting(memory, holder);
		holder->resume(holder);
	}
}

bool
memory_end_turn(struct memory *memory)
{
	outq_copies_forget(&memory->copies);
	memory->has_failed = false;
	if (memory_is_over(memory))
		blob_drop_spare();
	if (!memory_is_over(memory))
		memory->short_since = INSTANT_NEVER;
	if (memory->limit_bytes > 0 &&
	    blob_held_bytes() + blob_slack_bytes() > memory->limit_bytes)
		blob_trim();
	if (memory->short_since.ms == INSTANT_NEVER.ms)
		resume_waiting(memory);
	return memory->trim_at.ms == INSTANT_NEVER.ms;
}

void
memory_trim_later(struct memory *memory, struct instant now)
{
	memory->trim_at = instant_after(now, memory->trim_pause_ms);
}

struct instant
memory_deadline(const struct memory *memory)
{
	return instant_earlier(memory->trim_at, short_deadline(memory));
}

static void
trim(struct memory *memory, struct instant now)
{
	struct instant end;

	memory->trim_at = INSTANT_NEVER;
	if (blob_slack_bytes() + memory->n_released * HOLDER_BYTES <
	    TRIM_FROM) {
		blob_drop_spare();
		return;
	}
	memory->n_released = 0;
	blob_trim();
	end = clock_now();
	memory->trim_pause_ms = TRIM_AFTER_MS * (1 + end.ms - now.ms);
}

void
memory_expire(struct memory *memory, struct instant now)
{
	if (is_desperate(memory, now)) {
		memory->has_failed = false;
		if (memory_is_over(memory))
			(void)memory_make_room(memory, now);
		memory->short_since = INSTANT_NEVER;
	}
	if (instant_reached(memory->trim_at, now))
		trim(memory, now);
}
