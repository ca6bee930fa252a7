/*
 * settings - the configuration in the terms of each module: limits and names.
 * Also checks that the kernel can splice.
 */
#ifndef PM2A_DAEMON_SETTINGS_H
#define PM2A_DAEMON_SETTINGS_H

#include "config/config.h"
#include "core/broker.h"
#include "edge/native/native.h"
#include "edge/redis/redis.h"
#include "net/conn.h"
#include "stats/hub.h"

struct conn_limits settings_conn(const struct config *config);
struct broker_limits settings_broker(const struct config *config);

/* Both point into config, which must outlive what is made with them; STATS
 * shows config as it is then. */
/* The users that may connect. Returns 0 or ALLOWED_E_*, with *why. */
int must_check settings_allowed(
    const struct config *config, struct allowed **out, struct config_why *why);

/* `config` must outlive them: statistics show it. */
struct hub_settings settings_hub(struct config *config);

struct native_settings settings_native(const struct config *config);
struct redis_settings settings_redis(const struct config *config);

/* For conn_set_splice_above(): 0 where the kernel is not known to be good at
 * it, which is logged. */
size_t settings_splice_above(const struct config *config);

#endif
