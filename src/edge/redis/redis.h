/*
 * redis - as much of Redis as publishing and subscribing need.
 *
 * Emitters in many languages, and Socket.IO's Redis adapters, reach the workers
 * through this. Channels are the broker's topics: what is published here
 * reaches native workers as a frame whose body is the message, byte for byte,
 * and the other way round. Patterns are subscriptions by prefix with a filter
 * behind them. Shard channels are among those who speak Redis's protocol.
 */
#ifndef PM2A_EDGE_REDIS_REDIS_H
#define PM2A_EDGE_REDIS_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "core/broker.h"
#include "stats/closed.h"
#include "edge/native/native.h"
#include "net/allowed.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/loop.h"

struct redis;

struct redis_settings {
	const char *version;      /* ours, for INFO */
	const char *socket;       /* where we listen, for CLIENT LIST */
	const char *password;     /* NULL or empty: none is wanted */
	struct allowed *allowed;  /* borrowed, or NULL: everybody */
	uint32_t max_connections; /* of the whole set */
	uint32_t clients_max;     /* of these */
	int64_t auth_timeout_ms;
	int64_t drain_timeout_ms;
	size_t max_frame;       /* length field of what native workers get */
	size_t topic_max_bytes; /* of a channel */
	uint32_t subscriptions_max;
};

/* The ops for a listener whose user is the redis. */
extern const struct listen_ops redis_listen_ops;

/* settings is copied; its strings must outlive the redis, and so must closed,
 * which takes who has gone. */
struct redis *redis_new(struct loop *loop, struct conn_set *set,
    struct broker *broker, const struct redis_settings *settings,
    struct closed *closed) __attribute__((returns_nonnull));

/* All connections must be gone. NULL is fine. */
void redis_free(struct redis *redis);

/* Other settings for what comes from now on. */
void redis_configure(
    struct redis *redis, const struct redis_settings *settings);

/* Carries out what has come, ends each connection once what waits for it is
 * written or at the drain timeout, and calls done(arg) when all are gone. To be
 * called once, after the listeners are closed. */
void redis_drain(struct redis *redis, void (*done)(void *arg), void *arg);

/* Has STATS of native tell of this too; redis must outlive native's sessions.
 */
void redis_report_to(struct redis *redis, struct native *native);

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

const struct redis_stats *redis_stats(const struct redis *redis);

#endif
