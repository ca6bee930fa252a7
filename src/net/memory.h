/*
 * memory - the limit for the memory of all messages, and which connection is
 * cut above it.
 *
 * Each connection has a struct holder, which is listed while the connection
 * keeps memory from being freed: because its output has stalled, or because a
 * unit of its input is incomplete. The module owns no connection: it calls a
 * holder's callback to cut it, which drops its output.
 */
#ifndef PM2A_NET_MEMORY_H
#define PM2A_NET_MEMORY_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "net/outq.h"

struct holder {
	TAILQ_ENTRY(holder) link;
	struct outq *queue;
	bool is_listed;
	bool is_stalled;
	size_t n_input;             /* bytes of an unfinished unit */
	struct instant input_since; /* when the unit began */
	/* Drops the queue at once, and ends the connection. */
	void (*cut)(struct holder *holder);
	TAILQ_ENTRY(holder) in_waiting;
	bool is_waiting; /* for room to read into */
	/* Called when there is room: resumes reading in the next turn. */
	void (*resume)(struct holder *holder);
};

struct memory {
	size_t limit_bytes; /* 0: no limit */
	TAILQ_HEAD(holder_list, holder) holders;
	size_t n_holders;
	TAILQ_HEAD(waiting_holders, holder) waiting;
	struct outq_copies copies; /* for stalled queues */
	bool has_failed;           /* no room could be made in this turn */
	struct instant
	    short_since; /* since when memory is short, or INSTANT_NEVER */
	struct instant trim_at; /* or INSTANT_NEVER */
	int64_t trim_pause_ms;  /* until the next trim */
	size_t n_released;      /* holders since the last trim */
};

void memory_init(struct memory *memory, size_t limit_bytes);

/* No holder may be listed. */
void memory_fini(struct memory *memory);

void memory_set_limit(struct memory *memory, size_t limit_bytes);

/* Reports whether the holder's queue has stalled. */
void memory_hold_output(
    struct memory *memory, struct holder *holder, bool is_stalled);

/* Reports how many bytes are kept for the holder's unfinished unit, 0 if none,
 * and when it began. */
void memory_hold_input(struct memory *memory, struct holder *holder,
    size_t n_bytes, struct instant since);

/* Calls holder->resume() at the end of a turn in which there is room. */
void memory_wait(struct memory *memory, struct holder *holder);

/* Cancels memory_wait(). Idempotent. */
void memory_stop_waiting(struct memory *memory, struct holder *holder);

static inline bool
memory_has_waiting(const struct memory *memory)
{
	return !TAILQ_EMPTY(&memory->waiting);
}

/* Removes the holder from the account. Idempotent. */
void memory_release(struct memory *memory, struct holder *holder);

/* Returns whether so much is held that volatile messages should be dropped. */
bool memory_is_tight(const struct memory *memory);

static inline bool
memory_is_over(const struct memory *memory)
{
	return blob_held_bytes() > memory->limit_bytes &&
	       memory->limit_bytes > 0;
}

/*
 * Reduces the held memory below the limit: squeezes queues, then cuts holders,
 * the worst offender first. Call it if memory_is_over(), and not while a queue
 * is in use. Returns false if it is still above the limit and may fall by
 * itself: then nothing new must be read before it has.
 */
bool memory_make_room(struct memory *memory, struct instant now);

/* Ends the turn: forgets the state of this turn, and resumes waiting holders if
 * there is room. Returns whether memory_trim_later() must be called, which
 * needs the time. */
bool memory_end_turn(struct memory *memory);

/* Schedules a trim a while after `now`, since memory was held. */
void memory_trim_later(struct memory *memory, struct instant now);

/* Returns when memory_expire() is due, or INSTANT_NEVER. */
struct instant memory_deadline(const struct memory *memory);

/* Cuts the worst offenders if memory was short for too long, and trims the
 * heap. */
void memory_expire(struct memory *memory, struct instant now);

#endif
