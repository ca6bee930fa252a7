/*
 * modes - the questions that pump asks a broker. Each runs its load, prints its
 * figures as one line of JSON, and returns the number of faults.
 */
#ifndef PM2A_BENCH_MODES_H
#define PM2A_BENCH_MODES_H

#include "load.h"

struct mode_options {
	struct peer peer;
	size_t n_receivers, size, n_topics, window, n_batch, pace, bulk;
	double seconds;
};

/* One publisher pipelines on one topic: CPU time per delivery. */
uint64_t mode_fanout(const struct mode_options *o);

/*
 * Each topic has one receiver, and each message a random topic: CPU time per
 * delivery, memory and CPU time per subscription.
 */
uint64_t mode_topics(const struct mode_options *o);

/*
 * The time from publishing to the last delivery: with one message in flight, or
 * with pace messages a second. With bulk, beside a publisher that pipelines
 * messages of so many bytes to a receiver of its own.
 */
uint64_t mode_latency(const struct mode_options *o);

/*
 * Many idle subscribers: memory for each, the time until a message has reached
 * all; and as many clients as connect at once.
 */
uint64_t mode_crowd(const struct mode_options *o);

/*
 * Twice as many receivers, of which half are read, then stopped, then gone:
 * what that does to the others, at a pace or pipelined.
 */
uint64_t mode_stall(const struct mode_options *o);

#endif
