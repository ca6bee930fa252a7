/*
 * stats - the counters of the broker and its members. Plain numbers that only
 * grow; other modules show them.
 */
#ifndef PM2A_CORE_STATS_H
#define PM2A_CORE_STATS_H

#include <stdint.h>

struct broker_stats {
	uint64_t n_published;     /* messages that members published */
	uint64_t published_bytes; /* of their frames */
	uint64_t n_delivered;     /* messages that were queued to a receiver */
	uint64_t delivered_bytes;
	uint64_t n_refused;   /* deliveries that the sink dropped */
	uint64_t n_unrouted;  /* published messages that nobody wanted */
	uint64_t n_asked;     /* requests that were opened */
	uint64_t n_questions; /* to how many they went, in all */
	uint64_t n_answers;   /* that were taken, parts included */
	uint64_t n_timeouts;  /* questions that ended at their deadline */
	uint64_t n_abandoned; /* whose asker went away */
	uint64_t n_late;      /* answers to what has ended */
	uint64_t n_doubled;   /* second answers */
	uint64_t n_foreign;   /* answers to no question of their sender */
	/* The price of all messages, in about 50 ns: one for each subscription
	 * that was looked at, and the broker_add_work() of sinks. */
	uint64_t n_work;
};

struct member_stats {
	uint64_t n_published;
	uint64_t n_delivered;
	uint64_t n_refused;   /* deliveries to it that the sink dropped */
	uint64_t n_asked;     /* requests of its own */
	uint64_t n_questions; /* that it has received */
};

#endif
