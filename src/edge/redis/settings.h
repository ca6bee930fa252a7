/*
 * settings - the configuration of the Redis edge, and its counters.
 */
#ifndef PM2A_EDGE_REDIS_SETTINGS_H
#define PM2A_EDGE_REDIS_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct allowed;

struct redis_settings {
	const char *version;      /* ours, for INFO */
	const char *socket;       /* where we listen, for CLIENT LIST */
	const char *password;     /* NULL or empty: none is required */
	struct allowed *allowed;  /* borrowed, or NULL: everybody */
	uint32_t max_connections; /* of the whole set */
	uint32_t clients_max;     /* of these */
	int64_t auth_timeout_ms;
	int64_t drain_timeout_ms;
	size_t max_frame;       /* length field of what native workers get */
	size_t topic_max_bytes; /* of a channel */
	uint32_t subscriptions_max;
};

struct redis_stats {
	uint64_t n_connections; /* that have been there, in all */
	uint64_t n_open;
	uint64_t n_commands;
	uint64_t n_errors;        /* replies that were errors */
	uint64_t n_auth_failures; /* wrong passwords */
	uint64_t n_published;
	uint64_t
	    n_delivered; /* messages to clients, publishers themselves too */
	/* Messages of native workers: put as the Redis adapters have it, and
	 * those that were not, by reason. */
	uint64_t n_translated;
	uint64_t n_malformed;
	uint64_t n_too_deep;
	uint64_t n_too_costly;
};

#endif
