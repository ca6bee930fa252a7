#include "core/topic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define N_BUCKETS_MIN 64

/* Chained buckets, a power of two of them, at most one topic each on average.
 */
struct table {
	struct topic **buckets;
	size_t n_buckets;
	size_t n_topics;
};

/* A length that prefixes have, and how many have it. Kept sorted. */
struct length {
	uint16_t len;
	uint32_t n_prefixes;
};

struct topic_registry {
	struct hash_key key;
	struct table exact;
	struct table prefix;
	struct length *lengths;
	size_t n_lengths;
	size_t n_subs;
};

static void
table_init(struct table *t)
{
	t->n_buckets = N_BUCKETS_MIN;
	t->buckets = xcalloc(t->n_buckets, sizeof(struct topic *));
}

static struct topic **
table_slot(const struct table *t, uint32_t hash)
{
	return &t->buckets[hash & (t->n_buckets - 1)];
}

static void
table_resize(struct table *t, size_t n_buckets)
{
	struct table grown = { .n_buckets = n_buckets };
	struct topic *topic, *next, **slot;

	grown.buckets = xcalloc(n_buckets, sizeof(struct topic *));
	for (size_t i = 0; i < t->n_buckets; i++)
		for (topic = t->buckets[i]; topic != NULL; topic = next) {
			next = topic->next;
			slot = table_slot(&grown, topic->hash);
			topic->next = *slot;
			*slot = topic;
		}
	free(t->buckets);
	t->buckets = grown.buckets;
	t->n_buckets = n_buckets;
}

static struct topic *
table_find(const struct table *t, uint32_t hash, const void *name, size_t len)
{
	struct topic *topic = *table_slot(t, hash);

	while (topic != NULL && (topic->hash != hash || topic->len != len ||
				    memcmp(topic->name, name, len) != 0))
		topic = topic->next;
	return topic;
}

static void
table_insert(struct table *t, struct topic *topic)
{
	struct topic **slot;

	if (++t->n_topics > t->n_buckets)
		table_resize(t, t->n_buckets * 2);
	slot = table_slot(t, topic->hash);
	topic->next = *slot;
	*slot = topic;
}

static void
table_remove(struct table *t, struct topic *topic)
{
	struct topic **slot = table_slot(t, topic->hash);

	while (*slot != topic)
		slot = &(*slot)->next;
	*slot = topic->next;
	if (--t->n_topics * 4 < t->n_buckets && t->n_buckets > N_BUCKETS_MIN)
		table_resize(t, t->n_buckets / 2);
}

/* The first entry of lengths that is not shorter than len. */
static size_t
length_position(const struct topic_registry *reg, size_t len)
{
	size_t i = 0;

	while (i < reg->n_lengths && reg->lengths[i].len < len)
		i++;
	return i;
}

static void
length_add(struct topic_registry *reg, uint16_t len)
{
	size_t i = length_position(reg, len);

	if (i == reg->n_lengths || reg->lengths[i].len != len) {
		reg->lengths = xreallocarray(
		    reg->lengths, reg->n_lengths + 1, sizeof(struct length));
		memmove(&reg->lengths[i + 1], &reg->lengths[i],
		    (reg->n_lengths - i) * sizeof(struct length));
		reg->lengths[i] = (struct length){ .len = len };
		reg->n_lengths++;
	}
	reg->lengths[i].n_prefixes++;
}

static void
length_remove(struct topic_registry *reg, uint16_t len)
{
	size_t i = length_position(reg, len);

	if (--reg->lengths[i].n_prefixes > 0)
		return;
	reg->n_lengths--;
	memmove(&reg->lengths[i], &reg->lengths[i + 1],
	    (reg->n_lengths - i) * sizeof(struct length));
}

struct topic_registry *
topic_registry_new(struct hash_key key)
{
	struct topic_registry *reg = xcalloc(1, sizeof(*reg));

	reg->key = key;
	table_init(&reg->exact);
	table_init(&reg->prefix);
	return reg;
}

void
topic_registry_free(struct topic_registry *reg)
{
	if (reg == NULL)
		return;
	assert(reg->n_subs == 0);
	free(reg->exact.buckets);
	free(reg->prefix.buckets);
	free(reg->lengths);
	free(reg);
}

uint32_t
topic_hash(const struct topic_registry *reg, const void *name, size_t len)
{
	uint32_t hash = (uint32_t)hash_bytes(&reg->key, name, len);

	return hash == 0 ? 1 : hash;
}

static struct table *
table_of(struct topic_registry *reg, bool is_prefix)
{
	return is_prefix ? &reg->prefix : &reg->exact;
}

static struct topic *
topic_new(struct topic_registry *reg, bool is_prefix, uint32_t hash,
    const void *name, size_t len)
{
	struct topic *topic = xcalloc(1, sizeof(*topic) + len + 1);

	assert(len <= TOPIC_NAME_MAX);
	topic->hash = hash;
	topic->len = (uint16_t)len;
	topic->is_prefix = is_prefix;
	memcpy(topic->name, name, len);
	LIST_INIT(&topic->subs);
	table_insert(table_of(reg, is_prefix), topic);
	if (is_prefix)
		length_add(reg, topic->len);
	return topic;
}

static void
topic_free(struct topic_registry *reg, struct topic *topic)
{
	table_remove(table_of(reg, topic->is_prefix), topic);
	if (topic->is_prefix)
		length_remove(reg, topic->len);
	free(topic);
}

/* One of the two lists is usually short: a worker has many rooms, a room has
 * few workers. The other way round it is a crowd with one topic each. */
static struct subscription *
find_subscription(struct topic *topic, struct topic_owner *owner)
{
	struct subscription *sub;

	if (topic->n_subs <= owner->n_subs) {
		LIST_FOREACH (sub, &topic->subs, in_topic)
			if (sub->owner == owner)
				return sub;
	} else {
		LIST_FOREACH (sub, &owner->subs, in_owner)
			if (sub->topic == topic)
				return sub;
	}
	return NULL;
}

static struct subscription *
subscription_new(
    struct topic_registry *reg, struct topic *topic, struct topic_owner *owner)
{
	struct subscription *sub = xcalloc(1, sizeof(*sub));

	sub->topic = topic;
	sub->owner = owner;
	LIST_INSERT_HEAD(&topic->subs, sub, in_topic);
	LIST_INSERT_HEAD(&owner->subs, sub, in_owner);
	topic->n_subs++;
	owner->n_subs++;
	reg->n_subs++;
	return sub;
}

static void
subscription_free(struct topic_registry *reg, struct subscription *sub)
{
	struct topic *topic = sub->topic;

	if (sub->kinds & TOPIC_MEMBER)
		topic->n_members--;
	LIST_REMOVE(sub, in_topic);
	LIST_REMOVE(sub, in_owner);
	sub->owner->n_subs--;
	reg->n_subs--;
	free(sub);
	if (--topic->n_subs == 0)
		topic_free(reg, topic);
}

void
topic_owner_init(struct topic_owner *owner)
{
	LIST_INIT(&owner->subs);
	owner->n_subs = 0;
}

void
topic_owner_fini(struct topic_registry *reg, struct topic_owner *owner)
{
	while (!LIST_EMPTY(&owner->subs))
		subscription_free(reg, LIST_FIRST(&owner->subs));
}

int
topic_subscribe(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const void *name, size_t len, struct topic **out)
{
	bool is_prefix = kind == TOPIC_PREFIX;
	uint32_t hash = topic_hash(reg, name, len);
	struct topic *topic =
	    table_find(table_of(reg, is_prefix), hash, name, len);
	struct subscription *sub = NULL;

	if (topic == NULL)
		topic = topic_new(reg, is_prefix, hash, name, len);
	else
		sub = find_subscription(topic, owner);
	if (out != NULL)
		*out = topic;
	if (sub != NULL && sub->kinds & kind)
		return TOPIC_E_ALREADY;
	if (sub == NULL)
		sub = subscription_new(reg, topic, owner);
	sub->kinds |= (uint8_t)kind;
	if (kind == TOPIC_MEMBER)
		topic->n_members++;
	return 0;
}

struct subscription *
topic_find_subscription(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const void *name, size_t len)
{
	struct topic *topic = table_find(table_of(reg, kind == TOPIC_PREFIX),
	    topic_hash(reg, name, len), name, len);
	struct subscription *sub;

	if (topic == NULL)
		return NULL;
	sub = find_subscription(topic, owner);
	return sub != NULL && sub->kinds & kind ? sub : NULL;
}

int
topic_unsubscribe(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const void *name, size_t len)
{
	struct subscription *sub =
	    topic_find_subscription(reg, owner, kind, name, len);

	if (sub == NULL)
		return TOPIC_E_ABSENT;
	if (sub->kinds == kind) {
		subscription_free(reg, sub);
		return 0;
	}
	sub->kinds &= (uint8_t)~kind;
	if (kind == TOPIC_MEMBER)
		sub->topic->n_members--;
	return 0;
}

struct topic *
topic_find(struct topic_registry *reg, const void *name, size_t len)
{
	return topic_find_hashed(reg, topic_hash(reg, name, len), name, len);
}

struct topic *
topic_find_hashed(
    struct topic_registry *reg, uint32_t hash, const void *name, size_t len)
{
	return table_find(&reg->exact, hash, name, len);
}

void
topic_prefetch(const struct topic_registry *reg, uint32_t hash)
{
	__builtin_prefetch(table_slot(&reg->exact, hash));
}

void
topic_prefetch_entry(const struct topic_registry *reg, uint32_t hash)
{
	__builtin_prefetch(*table_slot(&reg->exact, hash));
}

struct topic *
topic_next_prefix(
    struct topic_registry *reg, const void *name, size_t len, size_t *cursor)
{
	struct topic *topic = NULL;

	while (topic == NULL && *cursor < reg->n_lengths &&
	       reg->lengths[*cursor].len <= len) {
		size_t n = reg->lengths[(*cursor)++].len;

		topic =
		    table_find(&reg->prefix, topic_hash(reg, name, n), name, n);
	}
	return topic;
}

bool
topic_has_prefixes(const struct topic_registry *reg)
{
	return reg->n_lengths > 0;
}

size_t
topic_n_exact(const struct topic_registry *reg)
{
	return reg->exact.n_topics;
}

size_t
topic_n_prefixes(const struct topic_registry *reg)
{
	return reg->prefix.n_topics;
}

size_t
topic_n_subscriptions(const struct topic_registry *reg)
{
	return reg->n_subs;
}

static void
table_for_each(const struct table *t,
    void (*visit)(const struct topic *topic, void *arg), void *arg)
{
	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct topic *p = t->buckets[i]; p != NULL; p = p->next)
			visit(p, arg);
}

void
topic_for_each(struct topic_registry *reg,
    void (*visit)(const struct topic *topic, void *arg), void *arg)
{
	table_for_each(&reg->exact, visit, arg);
	table_for_each(&reg->prefix, visit, arg);
}
