/*
 * shards - the shard channels of clients. A client may have a million of them,
 * so they end in a job, after the client.
 */
#ifndef PM2A_EDGE_REDIS_SHARDS_H
#define PM2A_EDGE_REDIS_SHARDS_H

#include <bsd/sys/queue.h>

#include "base/container.h"
#include "core/topic.h"
#include "net/job.h"
#include "net/loop.h"

struct redis_client;

struct shards {
	struct topic_owner owner;
	struct redis_client *client; /* NULL once it is gone */
	LIST_ENTRY(shards) in_gone;  /* then */
};

/* Embedded in the edge. */
struct shards_registry {
	struct loop *loop;
	struct topic_registry *topics;
	LIST_HEAD(shards_list, shards) gone;
	struct job job;
	void (*ended)(struct shards_registry *reg); /* some have */
};

void shards_init(struct shards_registry *reg, struct loop *loop,
    struct hash_key key, void (*ended)(struct shards_registry *reg));

/* All clients must be gone. */
void shards_fini(struct shards_registry *reg);

struct shards *shards_new(struct redis_client *client)
    __attribute__((returns_nonnull));

/* Ends a client's shard channels and frees their owner; if they are many, the
 * last ones end later. */
void shards_end(struct shards_registry *reg, struct shards *shards);

/* To be called for each new subscription: ends two of clients that are gone. */
void shards_make_room(struct shards_registry *reg);

/* The client of a subscription, or NULL if it is gone. */
static inline struct redis_client *
shards_client(const struct subscription *sub)
{
	return container_of(sub->owner, struct shards, owner)->client;
}

/* Returns how many clients that are not gone have the channel; NULL: none. */
size_t shards_n_clients(
    const struct shards_registry *reg, const struct topic *topic);

#endif
