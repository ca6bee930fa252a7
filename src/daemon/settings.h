/*
 * settings - the configuration as the settings of each module: limits, names.
 * Also checks that the kernel can splice.
 */
#ifndef PM2A_DAEMON_SETTINGS_H
#define PM2A_DAEMON_SETTINGS_H

#include "config/config.h"
#include "core/broker.h"
#include "edge/handles/handles.h"
#include "edge/native/native.h"
#include "edge/redis/redis.h"
#include "net/conn.h"
#include "stats/hub.h"

struct conn_limits settings_conn(const struct config *config);
struct broker_limits settings_broker(const struct config *config);

/* Both point into config, which must outlive the modules that use them. STATS
 * shows the current values of config. */
/* The users that may connect. Returns 0 or ALLOWED_E_*, with *why. */
int must_check settings_allowed(
    const struct config *config, struct allowed **out, struct config_why *why);

/* `config` must outlive them: statistics show it. */
struct hub_settings settings_hub(struct config *config);

struct native_settings settings_native(const struct config *config);
struct redis_settings settings_redis(const struct config *config);
struct handles_settings settings_handles(const struct config *config);

/* For conn_set_splice_above(): 0, with a log line, if the kernel is older than
 * those that were measured. */
size_t settings_splice_above(const struct config *config);

#endif
