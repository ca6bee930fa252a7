/*
 * options - the options of pm2a_new(), checked and copied, with defaults.
 */
#ifndef PM2A_CLIENT_OPTIONS_H
#define PM2A_CLIENT_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pm2a.h"

#define OPTIONS_SOCKET_MAX 107 /* sun_path, less its zero */
#define OPTIONS_NAME_MAX 128
#define OPTIONS_KEY_MAX 256

struct options {
	char socket[OPTIONS_SOCKET_MAX + 1];
	char name[OPTIONS_NAME_MAX + 1];
	char key[OPTIONS_KEY_MAX + 1];
	enum pm2a_role role;
	size_t queue_max_bytes;
	int64_t pm_id; /* -1: none */
	int64_t queue_max_age_ms;
	int64_t reconnect_min_ms, reconnect_max_ms, connect_timeout_ms;
	struct pm2a_callbacks callbacks;
	void *user;
};

/* Checks and copies `options`, which may be NULL. Returns 0 or
 * PM2A_E_ARGUMENT. */
int must_check options_read(
    const struct pm2a_options *options, struct options *out);

#endif
