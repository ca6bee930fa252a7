/*
 * settings - the configuration of the native edge.
 */
#ifndef PM2A_EDGE_NATIVE_SETTINGS_H
#define PM2A_EDGE_NATIVE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allowed;

struct native_settings {
	const char *server;      /* name and version, for WELCOME */
	uint32_t max_frame;      /* largest length field, bytes */
	struct allowed *allowed; /* borrowed, or NULL: everybody */
	uint32_t max_connections;
	int64_t hello_timeout_ms;
	int64_t ping_interval_ms; /* for WELCOME; 0: never */
	int64_t drain_timeout_ms;
	bool has_handles;           /* the feature of WELCOME */
	size_t topic_max_bytes;     /* the broker's limit, for messages */
	uint32_t subscriptions_max; /* likewise, and so are these */
	uint32_t questions_max;
	uint32_t questions_all_max;
	size_t answer_max_bytes;
};

#endif
