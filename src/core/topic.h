/*
 * topic - the index from topic names to subscriptions, exact and by prefix.
 *
 * A registry holds the topics that have subscriptions. A topic_owner is the set
 * of one subscriber's subscriptions and is embedded in it, so this module never
 * knows the subscriber. Topics are created with their first subscription, freed
 * with their last, and don't move in between. The registry owns topics and
 * subscriptions; names are copied.
 */
#ifndef PM2A_CORE_TOPIC_H
#define PM2A_CORE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "core/crowd.h"
#include "core/lengths.h"

#define TOPIC_NAME_MAX 65535

/*
 * Different lengths of all prefixes: each costs every PUBLISH a lookup. An
 * owner can add one only while it has fewer than are left, so the first has
 * half of them at most and no single one can use them up. Lengths that prefixes
 * of others have are always there for it.
 */
#define TOPIC_LENGTHS_MAX LENGTHS_MAX

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
		struct subscription one; /* if n_subs is 1 */
		struct crowd *crowd;     /* if it is more */
	};
	char name[]; /* len bytes, then a zero for readers of logs */
};

struct topic_owner {
	struct topic **topics;   /* n_subs of them: see n_first */
	struct lengths *lengths; /* of its prefixes; NULL if none */
	uint32_t n_subs;
	uint32_t n_first; /* of them: prefixes, and topics that it is a member
			   * of; they lie before all others */
	uint32_t size;    /* allocated entries */
};

/* A topic's name in a borrowed buffer. */
struct topic_name {
	const void *bytes;
	size_t len;    /* at most TOPIC_NAME_MAX */
	uint32_t hash; /* as topic_hash() returns it, or 0 if allowed */
};

struct topic_registry;

/* Creates an empty registry whose hash is keyed with `key`. */
struct topic_registry *topic_registry_new(struct hash_key key)
    __attribute__((returns_nonnull));

/* Every owner must have been ended. */
void topic_registry_free(struct topic_registry *reg);

void topic_owner_init(struct topic_owner *owner);

/* Ends all subscriptions of `owner`. Idempotent. */
void topic_owner_fini(struct topic_registry *reg, struct topic_owner *owner);

/*
 * Ends one of the owner's subscriptions; prefixes and those as a member go
 * before all others. Returns false if it has none. *out is the topic if the
 * owner was a member of it and others still are; else NULL.
 */
bool topic_owner_pop(
    struct topic_registry *reg, struct topic_owner *owner, struct topic **out);

/* Returns the hash of a name in this registry; never 0. */
uint32_t topic_hash(
    const struct topic_registry *reg, const void *name, size_t len);

/* Subscribes `owner` in one way to `name`, whose hash is set. Returns 0,
 * TOPIC_E_ALREADY or TOPIC_E_LENGTHS. *out, if not NULL, is the topic. */
int must_check topic_subscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name, struct topic **out);

/* Ends one way of the owner's subscription. Returns 0 or TOPIC_E_ABSENT. The
 * topic may be freed. */
int must_check topic_unsubscribe(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name);

/* Returns the topic of this name if `owner` has subscribed to it in this way;
 * NULL if not. */
struct topic *topic_find_subscribed(struct topic_registry *reg,
    struct topic_owner *owner, enum topic_kind kind,
    const struct topic_name *name);

/* Returns the topic of that name that has exact subscriptions, or NULL. */
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

/* Returns the n_subs subscriptions of `topic`, valid until one is added or
 * ends. */
static inline const struct subscription *
topic_subs(const struct topic *topic)
{
	return topic->n_subs == 1 ? &topic->one : topic->crowd->at;
}

/* A walk over the subscribed prefixes of a name. */
struct topic_prefixes {
	const struct topic_registry *reg;
	struct hash_prefixes hashes;
	const void *name;
	size_t len;
	size_t next; /* of the lengths that prefixes have */
};

void topic_prefixes_begin(struct topic_prefixes *walk,
    const struct topic_registry *reg, const void *name, size_t len);

/* Returns the next one, the shortest first; NULL at the end. Costs one lookup
 * for each length that prefixes have. */
struct topic *topic_prefixes_next(struct topic_prefixes *walk);

/* Returns whether there are subscriptions by prefix. */
bool topic_has_prefixes(const struct topic_registry *reg);

/* Return how many lengths the owner's prefixes have, and how many are left for
 * new ones of all owners. */
size_t topic_owner_n_lengths(const struct topic_owner *owner);
size_t topic_n_lengths_left(const struct topic_registry *reg);

/* Return the numbers of exact topics, of prefixes, and of all subscriptions. */
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
