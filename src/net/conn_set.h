/*
 * conn_set - what the connections of a loop share: limits, buffers, counters,
 * the account of memory and its deadlines.
 *
 * It knows no connection: each has a struct holder in the account, and a
 * struct timeout while it is slow. The struct is open to net/conn alone.
 */
#ifndef PM2A_NET_CONN_SET_H
#define PM2A_NET_CONN_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/timeouts.h"
#include "net/conn_cause.h"
#include "net/input.h"
#include "net/loop.h"
#include "net/memory.h"

struct conn_limits {
	size_t hard_bytes;   /* waiting output above this: cut */
	size_t soft_bytes;   /* above this: volatile messages are dropped */
	int64_t soft_ms;     /* above soft_bytes for so long: cut */
	size_t memory_bytes; /* of messages in all; 0: any */
};

struct conn_set_stats {
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t n_unwritten; /* bytes that waited when their conn ended */
	uint64_t n_spliced;   /* units that were shown in a pipe */
	uint64_t spliced_bytes;
};

struct conn_set {
	struct loop *loop;
	struct loop_source source;
	struct conn_limits limits;
	size_t n_conns; /* those that end too */
	size_t n_open;
	struct timeouts slow; /* connections above the soft limit */
	struct input_shared shared;
	struct memory memory;
	struct loop_task end_turn;
	struct loop_task recheck;
	unsigned n_rechecks;
	uint8_t *scratch; /* OUTQ_SCRATCH_SIZE bytes */
	struct conn_set_stats stats;
};

/* The set of all conns of a loop. */
struct conn_set *conn_set_new(struct loop *loop,
    const struct conn_limits *limits) __attribute__((returns_nonnull));

/* All conns must be gone. NULL is fine. */
void conn_set_free(struct conn_set *set);

void conn_set_limit(struct conn_set *set, const struct conn_limits *limits);

/* Units of so many bytes or more of which only the head is looked at are
 * spliced; 0, as at first: none are. */
void conn_set_splice_above(struct conn_set *set, size_t bytes);

const struct conn_limits *conn_set_limits(const struct conn_set *set);
size_t conn_set_n_open(const struct conn_set *set);
const struct conn_set_stats *conn_set_stats(const struct conn_set *set);

/* For net/conn: has the account of memory looked at once all that this turn
 * frees is free. */
void conn_set_end_turn_later(struct conn_set *set);

/* For net/conn: calls holder->resume() once there is memory to read to. */
void conn_set_wait_for_room(struct conn_set *set, struct holder *holder);

#endif
