/*
 * turns - the queue of an edge: frames that it reads in one turn of the loop
 * are handled in the next.
 *
 * An edge stages what others can see (a message, a question) and applies
 * subscriptions as it reads them. Between the two turns the loop reads from
 * every socket once more, so a subscription that was sent before a message was
 * published, on whatever connection, is in force when that message is routed:
 * a client that knows of a join, by any way, can emit to the room. (The bytes
 * must be within reach of one read.) Without the queue, the order of two
 * connections is the order in which the kernel happens to name them, and one
 * join in a thousand came too late on a busy machine. It costs an epoll_wait(2)
 * that does not wait.
 *
 * A turn handles entries for TURNS_MAX_US. The rest is handled in the next
 * turns, before any connection is read from again.
 *
 * The edge owns the queue and everything that its entries refer to. The queue
 * owns its memory, which is in the account of messages (base/blob.h).
 */
#ifndef PM2A_EDGE_TURNS_H
#define PM2A_EDGE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/broker.h"
#include "net/conn_set.h"
#include "net/loop.h"
#include "stats/timing.h"

/* A connection's part. Embedded in what the edge keeps of it; zeroed. */
struct turns_owner {
	uint32_t n_staged; /* entries that wait */
};

/* The head of an entry, which is a struct of the edge that begins with it. */
struct turns_entry {
	struct turns_owner *owner; /* NULL once it has been handled */
	uint32_t size;             /* bytes, with all that follows the head */
};

/* Entries in a row, oldest first. Zeroed it is empty. */
struct turns_stage {
	uint8_t *at;
	size_t len, size; /* bytes */
	size_t last;      /* where the entry is that was appended last */
	size_t next;      /* bytes that have been handled */
	int64_t read_us;  /* when the turn began that staged the first */
};

#define TURNS_MAX_US 4000 /* of a turn's work */

struct turns;

struct turns_ops {
	/*
	 * Handles `entry`, which counts as staged no more. Must release what
	 * the entry refers to, and must stage nothing.
	 */
	void (*handle)(struct turns *turns, struct turns_stage *stage,
	    struct turns_entry *entry);
	/* Called when a turn's entries have been handled. NULL is allowed. */
	void (*done)(struct turns *turns);
};

/* Embedded in the edge. */
struct turns {
	struct loop *loop;
	struct conn_set *set; /* that is not read from meanwhile; or NULL */
	struct broker *broker;
	struct timing *timing; /* for transit times; NULL: nobody counts */
	const struct turns_ops *ops;
	struct loop_task task;
	struct turns_stage fresh; /* staged in this turn */
	struct turns_stage ripe;  /* staged in the turn before */
	bool is_handling;
	bool is_behind; /* ripe is not empty after a turn */
};

void turns_init(struct turns *turns, struct loop *loop, struct broker *broker,
    const struct turns_ops *ops);

/* Has connections of `set` not be read from while entries are left over. */
void turns_hold(struct turns *turns, struct conn_set *set);

/* Nothing may be staged. Idempotent. */
void turns_fini(struct turns *turns);

/*
 * Stages an entry of `owner` with `size` bytes, head included, and has it
 * handled in the next turn. Returns the entry, of which the head is set, for
 * the caller to fill; it moves when another one is staged.
 */
void *turns_stage(struct turns *turns, struct turns_owner *owner, size_t size)
    __attribute__((returns_nonnull));

/* Handles all that is staged of `owner`, now. No effect while entries are being
 * handled. */
void turns_run_own(struct turns *turns, struct turns_owner *owner);

/* Handles everything that is staged, now. */
void turns_run_all(struct turns *turns);

/* Whether an array has more than `kept` bytes. */
bool turns_is_bulky(const struct turns *turns, size_t kept);

/* Frees each array that has more than `kept` bytes and is empty. */
void turns_trim(struct turns *turns, size_t kept);

/* Appends an entry with `size` bytes, of which `size` alone is set. */
struct turns_entry *turns_stage_add(struct turns_stage *stage, size_t size)
    __attribute__((returns_nonnull));

/* The entry behind `entry`, or NULL. */
static inline struct turns_entry *
turns_stage_next(const struct turns_stage *stage, struct turns_entry *entry)
{
	uint8_t *next = (uint8_t *)entry + entry->size;

	return next < stage->at + stage->len
		   ? (struct turns_entry *)(void *)next
		   : NULL;
}

/* Frees the array. Idempotent. */
void turns_stage_fini(struct turns_stage *stage);

#endif
