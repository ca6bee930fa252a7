/*
 * stats - what the broker and its members count. Plain numbers that only grow;
 * how they are shown is for others.
 */
#ifndef PM2A_CORE_STATS_H
#define PM2A_CORE_STATS_H

#include <stdint.h>

struct broker_stats {
	uint64_t n_published;     /* messages that members published */
	uint64_t published_bytes; /* of their frames */
	uint64_t n_delivered;     /* messages that were queued to a receiver */
	uint64_t delivered_bytes;
	uint64_t n_refused;  /* deliveries that the sink dropped */
	uint64_t n_unrouted; /* published messages that nobody wanted */
};

struct member_stats {
	uint64_t n_published;
	uint64_t n_delivered;
	uint64_t n_refused; /* deliveries to it that the sink dropped */
};

#endif
