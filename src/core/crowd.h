/*
 * crowd - the subscriptions of a topic that has more than one, dense in an
 * array: a fan-out reads them from front to back. A topic keeps a single one in
 * itself. Of an owner a crowd knows no more than its address.
 */
#ifndef PM2A_CORE_CROWD_H
#define PM2A_CORE_CROWD_H

#include <stdint.h>

struct pool;
struct topic_owner;

struct subscription {
	struct topic_owner *owner;
	uint32_t place; /* of the topic in the owner's array */
	uint8_t kinds;  /* one bit or more of enum topic_kind */
};

struct crowd {
	uint32_t n;
	uint32_t size;            /* of at; a power of two */
	struct subscription at[]; /* and behind it, in a large one, an index */
};

/* A crowd of one, first. The same pool goes into all calls. */
struct crowd *crowd_new(struct pool *pool, const struct subscription *first)
    __attribute__((returns_nonnull));

void crowd_free(struct pool *pool, struct crowd *crowd);

/* Owner's subscription, or NULL. */
struct subscription *crowd_find(
    struct crowd *crowd, const struct topic_owner *owner);

/* Adds sub, whose owner has none in it. Returns the crowd, which may have
 * moved, and with it all subscriptions. */
struct crowd *crowd_add(struct pool *pool, struct crowd *crowd,
    const struct subscription *sub) __attribute__((returns_nonnull));

/* Takes out sub, which is in it. Returns the crowd, as crowd_add() does. */
struct crowd *crowd_remove(struct pool *pool, struct crowd *crowd,
    struct subscription *sub) __attribute__((returns_nonnull));

#endif
