/*
 * conn_set - the shared state of a loop's connections: limits, buffers,
 * counters, the account of memory and its deadlines.
 *
 * It knows no connection: each has a struct holder in the account, and a struct
 * timeout while it is slow. Only net/conn uses the fields.
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
	size_t hard_bytes;   /* cut if more output waits */
	size_t soft_bytes;   /* drop volatile messages if more waits */
	int64_t soft_ms;     /* cut if above soft_bytes for so long */
	size_t memory_bytes; /* of all messages; 0: no limit */
};

struct conn_set_stats {
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t n_unwritten; /* bytes still queued when their conn ended */
	uint64_t n_spliced;   /* units shown in a pipe */
	uint64_t spliced_bytes;
};

struct conn_set {
	struct loop *loop;
	struct loop_source source;
	struct conn_limits limits;
	size_t n_conns; /* including closing ones */
	size_t n_open;
	struct timeouts slow; /* connections above the soft limit */
	struct input_shared shared;
	struct memory memory;
	unsigned n_holds; /* see conn_set_hold() */
	struct loop_task end_turn;
	struct loop_task recheck;
	unsigned n_rechecks;
	uint8_t *scratch; /* OUTQ_SCRATCH_SIZE bytes */
	struct conn_set_stats stats;
};

/* Creates the set of a loop's connections. */
struct conn_set *conn_set_new(struct loop *loop,
    const struct conn_limits *limits) __attribute__((returns_nonnull));

/* All conns must have been freed. NULL is allowed. */
void conn_set_free(struct conn_set *set);

void conn_set_limit(struct conn_set *set, const struct conn_limits *limits);

/* Splices units of `bytes` or more if only their head is looked at; 0, the
 * default: none. */
void conn_set_splice_above(struct conn_set *set, size_t bytes);

const struct conn_limits *conn_set_limits(const struct conn_set *set);
size_t conn_set_n_open(const struct conn_set *set);
const struct conn_set_stats *conn_set_stats(const struct conn_set *set);

/* Stops and resumes reading from all connections: a pause within a few turns,
 * in which the loop does not wait. Each stop needs its own resumption. */
void conn_set_hold(struct conn_set *set, bool is_held);

/* For net/conn: checks the account of memory at the end of the turn, after its
 * memory is freed. */
void conn_set_end_turn_later(struct conn_set *set);

/* For net/conn: calls holder->resume() when memory is available to read into.
 */
void conn_set_wait_for_room(struct conn_set *set, struct holder *holder);

#endif
