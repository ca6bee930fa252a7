/*
 * redis - as much of Redis as publishing and subscribing need.
 *
 * Emitters in many languages, and Socket.IO's Redis adapters, reach the workers
 * through this. Channels are the broker's topics: a message that is published
 * here reaches native workers as a frame whose body is the message, byte for
 * byte, and the other way round. Patterns are subscriptions by prefix with a
 * filter behind them. Shard channels are a space of their own.
 */
#ifndef PM2A_EDGE_REDIS_REDIS_H
#define PM2A_EDGE_REDIS_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "core/broker.h"
#include "edge/redis/settings.h"
#include "net/allowed.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/loop.h"

struct hub;
struct redis;

/* The ops for a listener whose user is the redis. */
extern const struct listen_ops redis_listen_ops;

/* Copies `settings`, whose strings it borrows, like the rest. */
struct redis *redis_new(struct loop *loop, struct conn_set *set,
    struct broker *broker, struct hub *hub,
    const struct redis_settings *settings) __attribute__((returns_nonnull));

/* All connections must be gone. NULL is allowed. */
void redis_free(struct redis *redis);

/* Applies other settings from now on. */
void redis_configure(
    struct redis *redis, const struct redis_settings *settings);

/* Carries out the requests that have been read, ends each connection when its
 * queue is written or at the drain timeout, and calls done(arg) when all are
 * gone. To be called once, after the listeners are closed. */
void redis_drain(struct redis *redis, void (*done)(void *arg), void *arg);

const struct redis_stats *redis_stats(const struct redis *redis);

#endif
