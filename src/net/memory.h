/*
 * memory - what messages may take in all, and who is cut when it is more.
 *
 * Each connection has a struct holder, which is in the list while the
 * connection keeps memory from being free: because its output has stalled, or
 * because a unit of its input is not complete. The module owns no connection:
 * who is to go is told so by its callback, and gives its output up.
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
	size_t n_input;             /* bytes kept for an unfinished unit */
	struct instant input_since; /* when that one began */
	/* Drops what waits in the queue, now, and ends the connection. */
	void (*cut)(struct holder *holder);
	TAILQ_ENTRY(holder) in_waiting;
	bool is_waiting; /* until there is room to read to */
	/* There is room: reads again, from the next turn on. */
	void (*resume)(struct holder *holder);
};

struct memory {
	size_t limit_bytes; /* 0: none */
	TAILQ_HEAD(holder_list, holder) holders;
	size_t n_holders;
	TAILQ_HEAD(waiting_holders, holder) waiting;
	struct outq_copies copies; /* for queues that have stalled */
	bool has_failed; /* there was no room to be made, in this turn */
	struct instant short_since; /* it is so; or INSTANT_NEVER */
	struct instant trim_at;     /* or INSTANT_NEVER */
	int64_t trim_pause_ms;      /* until the one after it */
	size_t n_released;          /* holders, since the heap was trimmed */
};

void memory_init(struct memory *memory, size_t limit_bytes);

/* Nobody may hold anything. */
void memory_fini(struct memory *memory);

void memory_set_limit(struct memory *memory, size_t limit_bytes);

/* Says whether the holder's queue has stalled. */
void memory_hold_output(
    struct memory *memory, struct holder *holder, bool is_stalled);

/* Says how many bytes are kept for the holder's unfinished unit, 0 for none,
 * and when it began. */
void memory_hold_input(struct memory *memory, struct holder *holder,
    size_t n_bytes, struct instant since);

/* Calls holder->resume() at the end of a turn in which there is room. */
void memory_wait(struct memory *memory, struct holder *holder);

/* The holder waits no more. Idempotent. */
void memory_stop_waiting(struct memory *memory, struct holder *holder);

static inline bool
memory_has_waiting(const struct memory *memory)
{
	return !TAILQ_EMPTY(&memory->waiting);
}

/* The holder holds nothing any more. Idempotent. */
void memory_release(struct memory *memory, struct holder *holder);

/* Whether so much is held that volatile messages are not worth it. */
bool memory_is_tight(const struct memory *memory);

static inline bool
memory_is_over(const struct memory *memory)
{
	return blob_held_bytes() > memory->limit_bytes &&
	       memory->limit_bytes > 0;
}

/*
 * Brings what is held below the limit: squeezes, then cuts, the worst offender
 * first. To be called where memory_is_over(), and not while a queue is at work.
 * Returns false where it is still above, and what is above may go by itself:
 * then nothing new is to be read before it has.
 */
bool memory_make_room(struct memory *memory, struct instant now);

/* The turn is over: forgets what is of this turn alone, and resumes those that
 * wait if there is room. Returns whether memory_trim_later() must be called,
 * which needs the time. */
bool memory_end_turn(struct memory *memory);

/* Something was held, which will be trimmed a while from now. */
void memory_trim_later(struct memory *memory, struct instant now);

/* When memory_expire() is due, or INSTANT_NEVER. */
struct instant memory_deadline(const struct memory *memory);

/* Cuts who is in the way when memory was short for too long, and gives the
 * system back what was needed for a while. */
void memory_expire(struct memory *memory, struct instant now);

#endif
