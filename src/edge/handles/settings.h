/*
 * settings - the times of channels, from the configuration.
 */
#ifndef PM2A_EDGE_HANDLES_SETTINGS_H
#define PM2A_EDGE_HANDLES_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct handles_settings {
	int64_t lend_timeout_ms;
	int64_t drain_timeout_ms;
};

#endif
