/*
 * timing - how long messages, questions and turns of the loop take. Embedded in
 * the hub; edges report their messages to it.
 *
 * The clock is read twice a turn and never for a message. A message that was
 * read in one turn and routed in another is dated by the turn that read it, and
 * counts as sent at the end of the turn that routed it: by then everything that
 * could be written has been written.
 */
#ifndef PM2A_STATS_TIMING_H
#define PM2A_STATS_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "stats/histogram.h"
#include "stats/slow.h"

#define TIMING_BATCHES 4 /* turns that one turn routes messages of */

/* Work since the start. */
struct timing_work {
	uint64_t messages, deliveries, bytes_in, bytes_out;
};

struct timing {
	struct loop_watch watch;
	struct loop *loop;
	struct histogram transit, gather, turn; /* microseconds */
	/* Messages that this turn has routed, by when they were read. */
	struct timing_batch {
		int64_t read_us;
		uint64_t n;
	} batches[TIMING_BATCHES];
	size_t n_batches;
	/* Turns and questions that take as long are kept; 0: none. */
	int64_t slow_turn_us, slow_question_us;
	/* The most CPU time that a turn took, to some hundred microseconds: the
	 * clock of the thread is read once for many short turns. */
	int64_t cpu_max_us;
	int64_t cpu_us;    /* of the thread, when it was read last */
	int64_t worked_us; /* by the turns since */
	unsigned n_turns;  /* since */
	struct slow slow;
	struct timing_work before; /* this turn */
	struct timing_work (*work)(void *arg);
	void *work_arg;
};

/* Watches the turns of loop, until timing_fini(). work(work_arg) returns the
 * work done so far, once a turn. */
void timing_init(struct timing *timing, struct loop *loop,
    struct timing_work (*work)(void *arg), void *work_arg);
void timing_fini(struct timing *timing);

/* n messages are routed in this turn, which were read in the turn that began at
 * read_us. */
void timing_routed(struct timing *timing, int64_t read_us, uint64_t n);

/* Counts a question that has ended. Returns how long it took, in microseconds.
 */
int64_t timing_gathered(struct timing *timing, int64_t opened_us);

#endif
