/*
 * topic - the index from topic names to subscriptions, exact and by prefix.
 *
 * A registry holds the topics that somebody has subscribed to; a topic_owner is
 * the list of one subscriber's subscriptions and is embedded in it. So this
 * module knows who owns a subscription only as a topic_owner, and never what
 * that is part of. Topics appear with their first subscription and go with
 * their last. The registry owns topics and subscriptions; the names are copies.
 */
#ifndef PM2A_CORE_TOPIC_H
#define PM2A_CORE_TOPIC_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

#define TOPIC_NAME_MAX 65535

enum topic_kind {
	TOPIC_EXACT = 1,
	TOPIC_MEMBER = 2, /* exact, and present there */
	TOPIC_PREFIX = 4,
};

enum topic_error {
	TOPIC_E_ALREADY = 1, /* subscribed in this way before */
	TOPIC_E_ABSENT,      /* not subscribed in this way */
};

LIST_HEAD(subscription_list, subscription);

struct subscription {
	LIST_ENTRY(subscription) in_topic;
	LIST_ENTRY(subscription) in_owner;
	struct topic *topic;
	struct topic_owner *owner;
	uint8_t kinds; /* one bit or more of enum topic_kind */
};

struct topic {
	struct topic *next; /* in the same bucket */
	struct subscription_list subs;
	uint32_t n_subs;
	uint32_t n_members; /* of them */
	uint32_t hash;
	uint16_t len;
	bool is_prefix;
	char name[]; /* len bytes, then a zero for readers of logs */
};

struct topic_owner {
	struct subscription_list subs;
	uint32_t n_subs;
};

struct topic_registry;

/* An empty registry whose hash is keyed with key. */
struct topic_registry *topic_registry_new(struct hash_key key)
    __attribute__((returns_nonnull));

/* Every owner must have been ended before. */
void topic_registry_free(struct topic_registry *reg);

void topic_owner_init(struct topic_owner *owner);

/* Ends all subscriptions of owner. Idempotent. */
void topic_owner_fini(struct topic_registry *reg, struct topic_owner *owner);

/*
 * Subscribes owner to the len bytes at name (at most TOPIC_NAME_MAX), in one
 * way. Returns 0 or TOPIC_E_ALREADY. *out, if not NULL, is the topic.
 */
int must_check topic_subscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind, const void *name,
    size_t len, struct topic **out);

/* Ends one way of owner's subscription. Returns 0 or TOPIC_E_ABSENT; the topic
 * may be gone then. */
int must_check topic_unsubscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind, const void *name,
    size_t len);

/* Owner's subscription to this very name in a way; NULL when there is none. */
struct subscription *topic_find_subscription(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind, const void *name,
    size_t len);

/* The topic of that name that is subscribed exactly, or NULL. */
struct topic *topic_find(
    struct topic_registry *reg, const void *name, size_t len);

/*
 * The same in steps, for who has many names to look up: what another name's
 * lookup waits for comes from memory meanwhile. topic_hash() is never 0.
 * topic_prefetch() asks for the bucket, topic_prefetch_entry(), some lookups
 * later, for what is in it; both change nothing and may be left out.
 */
uint32_t topic_hash(
    const struct topic_registry *reg, const void *name, size_t len);
void topic_prefetch(const struct topic_registry *reg, uint32_t hash);
void topic_prefetch_entry(const struct topic_registry *reg, uint32_t hash);
struct topic *topic_find_hashed(
    struct topic_registry *reg, uint32_t hash, const void *name, size_t len);

/*
 * Steps through the prefixes that name begins with. *cursor starts at 0; NULL
 * when there are no more. Costs one lookup for each length that prefixes have.
 */
struct topic *topic_next_prefix(
    struct topic_registry *reg, const void *name, size_t len, size_t *cursor);

/* Whether anybody has subscribed by prefix. */
bool topic_has_prefixes(const struct topic_registry *reg);

/* Numbers: topics subscribed exactly, prefixes, and subscriptions in all. */
size_t topic_n_exact(const struct topic_registry *reg);
size_t topic_n_prefixes(const struct topic_registry *reg);
size_t topic_n_subscriptions(const struct topic_registry *reg);

/* Calls visit for each topic, exact ones first, in no order. visit must not
 * change the registry. */
void topic_for_each(struct topic_registry *reg,
    void (*visit)(const struct topic *topic, void *arg), void *arg);

#endif
