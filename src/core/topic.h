/*
 * topic - the index from topic names to subscriptions, exact and by prefix.
 *
 * A registry holds the topics that somebody has subscribed to; a topic_owner is
 * what one subscriber has subscribed to and is embedded in it. So this module
 * knows who owns a subscription only as a topic_owner, and never what that is
 * part of. Topics appear with their first subscription and go with their last,
 * and don't move in between. The registry owns topics and subscriptions; the
 * names are copies.
 */
#ifndef PM2A_CORE_TOPIC_H
#define PM2A_CORE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/crowd.h"

#define TOPIC_NAME_MAX 65535

/*
 * Different lengths of all prefixes: each costs every PUBLISH a lookup. An
 * owner can add one only while it has fewer than are left, so the first has
 * half of them at most and no single one can use them up. Lengths that prefixes
 * of others have are always there for it.
 */
#define TOPIC_LENGTHS_MAX 64

enum topic_kind {
	TOPIC_EXACT = 1,
	TOPIC_MEMBER = 2, /* exact, and present there */
	TOPIC_PREFIX = 4,
};

enum topic_error {
	TOPIC_E_ALREADY = 1, /* subscribed in this way before */
	TOPIC_E_ABSENT,      /* not subscribed in this way */
	TOPIC_E_LENGTHS,     /* see TOPIC_LENGTHS_MAX */
};

struct topic {
	uint32_t hash;
	uint16_t len;
	bool is_prefix;
	uint32_t n_subs;
	uint32_t n_members; /* of them */
	union {
		struct subscription one; /* where n_subs is 1 */
		struct crowd *crowd;     /* where it is more */
	};
	char name[]; /* len bytes, then a zero for readers of logs */
};

struct topic_lengths;

struct topic_owner {
	struct topic **topics;         /* n_subs of them, in no order */
	struct topic_lengths *lengths; /* of its prefixes; NULL: it has none */
	uint32_t n_subs;
	uint32_t size; /* how many there is room for */
};

/* A topic's name in somebody's buffer. */
struct topic_name {
	const void *bytes;
	size_t len;    /* at most TOPIC_NAME_MAX */
	uint32_t hash; /* as topic_hash() has it, or 0 where that is allowed */
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
 * Ends the last of owner's subscriptions. False when it has none. *out is the
 * topic where owner was a member of it and others still are, or NULL.
 */
bool topic_owner_pop(
    struct topic_registry *reg, struct topic_owner *owner, struct topic **out);

/* The hash of a name in this registry; never 0. */
uint32_t topic_hash(
    const struct topic_registry *reg, const void *name, size_t len);

/* Subscribes owner in one way to name, whose hash is set. Returns 0,
 * TOPIC_E_ALREADY or TOPIC_E_LENGTHS. *out, if not NULL, is the topic. */
int must_check topic_subscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name, struct topic **out);

/* Ends one way of owner's subscription. Returns 0 or TOPIC_E_ABSENT; the topic
 * may be gone then. */
int must_check topic_unsubscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name);

/* The topic of this very name that owner has subscribed to in a way; NULL when
 * there is none. */
struct topic *topic_find_subscribed(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name);

/* The topic of that name that is subscribed exactly, or NULL. */
struct topic *topic_find(
    struct topic_registry *reg, const void *name, size_t len);
struct topic *topic_find_hashed(
    struct topic_registry *reg, uint32_t hash, const void *name, size_t len);

/*
 * Have the processor fetch what topic_find_hashed() and a walk over
 * topic_subs() will read: each step needs what the one before it has fetched,
 * so some other work has to lie between.
 */
void topic_prefetch(const struct topic_registry *reg, uint32_t hash);
void topic_prefetch_entry(const struct topic_registry *reg, uint32_t hash);
void topic_prefetch_subs(const struct topic_registry *reg, uint32_t hash);

/* The subscriptions of topic, n_subs of them, until one comes or goes. */
static inline const struct subscription *
topic_subs(const struct topic *topic)
{
	return topic->n_subs == 1 ? &topic->one : topic->crowd->at;
}

/* A walk over the prefixes that a name begins with. */
struct topic_prefixes {
	const struct topic_registry *reg;
	struct hash_prefixes hashes;
	const void *name;
	size_t len;
	size_t next; /* of the lengths that prefixes have */
};

void topic_prefixes_begin(struct topic_prefixes *walk,
    const struct topic_registry *reg, const void *name, size_t len);

/* The next one, the shortest first; NULL when there are no more. Costs one
 * lookup for each length that prefixes have. */
struct topic *topic_prefixes_next(struct topic_prefixes *walk);

/* Whether anybody has subscribed by prefix. */
bool topic_has_prefixes(const struct topic_registry *reg);

/* How many lengths the owner's prefixes have, and how many are left for new
 * ones of all. */
size_t topic_owner_n_lengths(const struct topic_owner *owner);
size_t topic_n_lengths_left(const struct topic_registry *reg);

/* Numbers: topics subscribed exactly, prefixes, and subscriptions in all. */
size_t topic_n_exact(const struct topic_registry *reg);
size_t topic_n_prefixes(const struct topic_registry *reg);
size_t topic_n_subscriptions(const struct topic_registry *reg);

/* A walk over all topics in steps, between which topics may come and go. Zeroed
 * is before the first. */
struct topic_walk {
	uint64_t at;
	bool is_in_prefixes;
	bool is_over;
};

/*
 * Calls visit for a few topics, exact ones first, in no order, or for none.
 * Returns false if there are no more. A topic that is there from the first step
 * to the last is visited exactly once, any other at most once. visit must not
 * change the registry.
 */
bool topic_walk(struct topic_registry *reg, struct topic_walk *walk,
    void (*visit)(const struct topic *topic, void *arg), void *arg);

#endif
