/*
 * timing - how long messages, questions and turns of the loop take. Embedded in
 * native; other edges tell it of their messages.
 *
 * The clock is read twice a turn and never for a message. What was read in one
 * turn and routed in another is known by the turn it was read in, and counts as
 * gone when the turn that has routed it has ended: all that could be written
 * has been written then.
 */
#ifndef PM2A_EDGE_TIMING_H
#define PM2A_EDGE_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "net/loop.h"

#define TIMING_BATCHES 4 /* turns that one turn routes messages of */

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
};

/* Watches the turns of loop, until timing_fini(). */
void timing_init(struct timing *timing, struct loop *loop);
void timing_fini(struct timing *timing);

/* n messages are routed in this turn, which were read in the turn that began at
 * read_us. */
void timing_routed(struct timing *timing, int64_t read_us, uint64_t n);

/* A question that was asked in the turn that began at asked_us has ended. */
void timing_gathered(struct timing *timing, int64_t asked_us);

#endif
