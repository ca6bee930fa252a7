#include "core/topic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/xalloc.h"
#include "core/table.h"

/*
 * The way of a message to its receivers is bucket, topic, subscription, owner.
 * With many topics none of it is in a cache but the owners, so each step is one
 * line, or none: the hash is compared in the bucket, and the subscription of a
 * topic that has one lies in it, before the name. With a crowd there is an
 * array to read in between.
 *
 * The way back, from an owner that leaves to its topics, is an array of
 * pointers to topics; a subscription knows its place there. Lists would be two
 * pointers in each subscription instead of one and a half, and two lines to
 * write to for each that is added or ends.
 */

/* How far ahead of the work an owner's topics are fetched, in subscriptions. */
#define AHEAD 12
#define OWNER_SIZE_MIN 4

struct topic_registry {
	struct hash_key key;
	struct pool pool; /* of topics, crowds and buckets */
	struct table exact;
	struct table prefix;
	struct lengths lengths; /* of all prefixes */
	size_t n_subs;
};

struct topic_registry *
topic_registry_new(struct hash_key key)
{
	struct topic_registry *reg = xcalloc(1, sizeof(*reg));

	reg->key = key;
	pool_init(&reg->pool);
	table_init(&reg->exact, &reg->pool);
	table_init(&reg->prefix, &reg->pool);
	return reg;
}

void
topic_registry_free(struct topic_registry *reg)
{
	if (reg == NULL)
		return;
	assert(reg->n_subs == 0);
	table_fini(&reg->exact);
	table_fini(&reg->prefix);
	pool_fini(&reg->pool);
	free(reg);
}

static void
owner_add_length(struct topic_owner *owner, uint16_t len)
{
	if (owner->lengths == NULL)
		owner->lengths = xcalloc(1, sizeof(*owner->lengths));
	lengths_add(owner->lengths, len);
}

static void
owner_remove_length(struct topic_owner *owner, uint16_t len)
{
	lengths_remove(owner->lengths, len);
	if (owner->lengths->n > 0)
		return;
	free(owner->lengths);
	owner->lengths = NULL;
}

size_t
topic_owner_n_lengths(const struct topic_owner *owner)
{
	return owner->lengths == NULL ? 0 : owner->lengths->n;
}

size_t
topic_n_lengths_left(const struct topic_registry *reg)
{
	return TOPIC_LENGTHS_MAX - reg->lengths.n;
}

/* Returns whether `owner` can have a prefix of that length: see
 * TOPIC_LENGTHS_MAX. */
static bool
may_have_length(const struct topic_registry *reg,
    const struct topic_owner *owner, size_t len)
{
	return lengths_have(&reg->lengths, len) ||
	       topic_owner_n_lengths(owner) < topic_n_lengths_left(reg);
}

static struct table *
table_of(struct topic_registry *reg, bool is_prefix)
{
	return is_prefix ? &reg->prefix : &reg->exact;
}

static struct topic *
find_in(const struct table *table, const struct topic_name *name)
{
	struct table_cursor cursor;
	struct topic *topic = table_first(table, name->hash, &cursor);

	while (topic != NULL &&
	       (topic->len != name->len ||
		   memcmp(topic->name, name->bytes, name->len) != 0))
		topic = table_next(&cursor);
	return topic;
}

static size_t
bytes_of(size_t len)
{
	return sizeof(struct topic) + len + 1;
}

static struct topic *
topic_new(
    struct topic_registry *reg, bool is_prefix, const struct topic_name *name)
{
	struct topic *topic = pool_alloc(&reg->pool, bytes_of(name->len));

	assert(name->len <= TOPIC_NAME_MAX);
	*topic = (struct topic){
		.hash = name->hash,
		.len = (uint16_t)name->len,
		.is_prefix = is_prefix,
	};
	memcpy(topic->name, name->bytes, name->len);
	topic->name[name->len] = '\0';
	table_insert(table_of(reg, is_prefix), topic->hash, topic);
	if (is_prefix)
		lengths_add(&reg->lengths, topic->len);
	return topic;
}

static void
topic_free(struct topic_registry *reg, struct topic *topic)
{
	table_remove(table_of(reg, topic->is_prefix), topic->hash, topic);
	if (topic->is_prefix)
		lengths_remove(&reg->lengths, topic->len);
	pool_free(&reg->pool, topic, bytes_of(topic->len));
}

void
topic_owner_init(struct topic_owner *owner)
{
	*owner = (struct topic_owner){ .n_subs = 0 };
}

static void
owner_resize(struct topic_owner *owner, uint32_t size)
{
	owner->topics =
	    xreallocarray(owner->topics, size, sizeof(*owner->topics));
	owner->size = size;
}

/* Returns the place of `topic` among the owner's. */
static uint32_t
owner_add(struct topic_owner *owner, struct topic *topic)
{
	if (owner->n_subs == owner->size)
		owner_resize(
		    owner, owner->size == 0 ? OWNER_SIZE_MIN : 2 * owner->size);
	owner->topics[owner->n_subs] = topic;
	return owner->n_subs++;
}

static struct subscription *
find_subscription(struct topic *topic, const struct topic_owner *owner)
{
	if (topic->n_subs > 1)
		return crowd_find(topic->crowd, owner);
	return topic->n_subs == 1 && topic->one.owner == owner ? &topic->one
							       : NULL;
}

/* The one that owner, which has topic in its array, has. */
static struct subscription *
get_subscription(struct topic *topic, const struct topic_owner *owner)
{
	struct subscription *sub = find_subscription(topic, owner);

	assert(sub != NULL);
	return sub;
}

/* The last one takes the place that is free. */
static void
owner_remove(struct topic_owner *owner, uint32_t place)
{
	uint32_t last = --owner->n_subs;

	if (place != last) {
		owner->topics[place] = owner->topics[last];
		get_subscription(owner->topics[place], owner)->place = place;
	}
	if (last == 0) {
		free(owner->topics);
		topic_owner_init(owner);
	} else if (last * 4 < owner->size && owner->size > OWNER_SIZE_MIN) {
		owner_resize(owner, owner->size / 2);
	}
}

/* Has two of the owner's topics change places. */
static void
owner_swap(struct topic_owner *owner, uint32_t a, uint32_t b)
{
	struct topic *topic = owner->topics[a];

	if (a == b)
		return;
	owner->topics[a] = owner->topics[b];
	owner->topics[b] = topic;
	get_subscription(owner->topics[a], owner)->place = a;
	get_subscription(topic, owner)->place = b;
}

/* Takes the topic at `place` up among the first; and out of them. */
static void
owner_promote(struct topic_owner *owner, uint32_t place)
{
	owner_swap(owner, place, owner->n_first++);
}

static void
owner_demote(struct topic_owner *owner, uint32_t place)
{
	owner_swap(owner, place, --owner->n_first);
}

/* Returns the subscription, which has no kind yet. */
static struct subscription *
subscription_new(
    struct topic_registry *reg, struct topic *topic, struct topic_owner *owner)
{
	struct subscription sub = { .owner = owner };

	sub.place = owner_add(owner, topic);
	if (topic->is_prefix)
		owner_add_length(owner, topic->len);
	reg->n_subs++;
	if (topic->n_subs++ == 0) {
		topic->one = sub;
		return &topic->one;
	}
	if (topic->n_subs == 2)
		topic->crowd = crowd_new(&reg->pool, &topic->one);
	topic->crowd = crowd_add(&reg->pool, topic->crowd, &sub);
	return &topic->crowd->at[topic->n_subs - 1];
}

/* Takes sub out of the topic, which goes with its last. */
static void
detach(
    struct topic_registry *reg, struct topic *topic, struct subscription *sub)
{
	struct crowd *crowd;

	reg->n_subs--;
	if (--topic->n_subs == 0) {
		topic_free(reg, topic);
		return;
	}
	crowd = crowd_remove(&reg->pool, topic->crowd, sub);
	topic->crowd = crowd;
	if (topic->n_subs == 1) {
		topic->one = crowd->at[0];
		crowd_free(&reg->pool, crowd);
	}
}

bool
topic_owner_pop(
    struct topic_registry *reg, struct topic_owner *owner, struct topic **out)
{
	uint32_t n = owner->n_first > 0 ? owner->n_first : owner->n_subs;
	struct topic *topic;
	struct subscription *sub;

	*out = NULL;
	if (n == 0)
		return false;
	topic = owner->topics[n - 1];
	sub = get_subscription(topic, owner);
	if (owner->n_subs > AHEAD)
		__builtin_prefetch(owner->topics[owner->n_subs - 1 - AHEAD]);
	if (owner->n_subs > AHEAD / 2)
		table_prefetch(table_of(reg, topic->is_prefix),
		    owner->topics[owner->n_subs - 1 - AHEAD / 2]->hash);
	if (sub->kinds & TOPIC_MEMBER && --topic->n_members > 0)
		*out = topic;
	if (owner->n_first > 0)
		owner_demote(owner, sub->place);
	if (topic->is_prefix)
		owner_remove_length(owner, topic->len);
	owner_remove(owner, sub->place);
	detach(reg, topic, sub);
	return true;
}

void
topic_owner_fini(struct topic_registry *reg, struct topic_owner *owner)
{
	struct topic *topic;

	while (topic_owner_pop(reg, owner, &topic))
		;
}

static uint32_t
never_0(uint32_t hash)
{
	return hash == 0 ? 1 : hash;
}

uint32_t
topic_hash(const struct topic_registry *reg, const void *name, size_t len)
{
	return never_0((uint32_t)hash_bytes(&reg->key, name, len));
}

int
topic_subscribe(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const struct topic_name *name, struct topic **out)
{
	bool is_prefix = kind == TOPIC_PREFIX;
	struct topic *topic = find_in(table_of(reg, is_prefix), name);
	struct subscription *sub = NULL;

	if (topic != NULL)
		sub = find_subscription(topic, owner);
	else if (is_prefix && !may_have_length(reg, owner, name->len))
		return TOPIC_E_LENGTHS;
	else
		topic = topic_new(reg, is_prefix, name);
	if (out != NULL)
		*out = topic;
	if (sub != NULL && sub->kinds & kind)
		return TOPIC_E_ALREADY;
	if (sub == NULL)
		sub = subscription_new(reg, topic, owner);
	sub->kinds |= (uint8_t)kind;
	if (kind != TOPIC_EXACT)
		owner_promote(owner, sub->place);
	topic->n_members += kind == TOPIC_MEMBER;
	return 0;
}

/* The subscription of this name and kind with its topic, or NULL. */
static struct subscription *
find_both(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const struct topic_name *name, struct topic **topic)
{
	struct subscription *sub;

	*topic = find_in(table_of(reg, kind == TOPIC_PREFIX), name);
	if (*topic == NULL)
		return NULL;
	sub = find_subscription(*topic, owner);
	return sub != NULL && sub->kinds & kind ? sub : NULL;
}

struct topic *
topic_find_subscribed(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic *topic;

	return find_both(reg, owner, kind, name, &topic) == NULL ? NULL : topic;
}

int
topic_unsubscribe(struct topic_registry *reg, struct topic_owner *owner,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic *topic;
	struct subscription *sub;

	/* The one that will move to the free place. */
	if (owner->n_subs > 0)
		__builtin_prefetch(owner->topics[owner->n_subs - 1]);
	sub = find_both(reg, owner, kind, name, &topic);
	if (sub == NULL)
		return TOPIC_E_ABSENT;
	topic->n_members -= kind == TOPIC_MEMBER;
	if (kind != TOPIC_EXACT)
		owner_demote(owner, sub->place);
	sub->kinds &= (uint8_t)~kind;
	if (sub->kinds == 0) {
		if (topic->is_prefix)
			owner_remove_length(owner, topic->len);
		owner_remove(owner, sub->place);
		detach(reg, topic, sub);
	}
	return 0;
}

struct topic *
topic_find_hashed(
    struct topic_registry *reg, uint32_t hash, const void *name, size_t len)
{
	return find_in(&reg->exact, &(struct topic_name){ name, len, hash });
}

struct topic *
topic_find(struct topic_registry *reg, const void *name, size_t len)
{
	return topic_find_hashed(reg, topic_hash(reg, name, len), name, len);
}

void
topic_prefetch(const struct topic_registry *reg, uint32_t hash)
{
	table_prefetch(&reg->exact, hash);
}

void
topic_prefetch_entry(const struct topic_registry *reg, uint32_t hash)
{
	struct table_cursor cursor;
	const char *topic = table_first(&reg->exact, hash, &cursor);

	if (topic == NULL)
		return;
	__builtin_prefetch(topic);
	__builtin_prefetch(topic + 64); /* where a longer name ends */
}

void
topic_prefetch_subs(const struct topic_registry *reg, uint32_t hash)
{
	struct table_cursor cursor;
	const struct topic *topic = table_first(&reg->exact, hash, &cursor);

	if (topic == NULL || topic->n_subs == 1)
		return;
	__builtin_prefetch(topic->crowd);
	__builtin_prefetch(&topic->crowd->at[4]);
}

void
topic_prefixes_begin(struct topic_prefixes *walk,
    const struct topic_registry *reg, const void *name, size_t len)
{
	*walk = (struct topic_prefixes){ .reg = reg, .name = name, .len = len };
	hash_prefixes_begin(&walk->hashes, &reg->key, name);
}

struct topic *
topic_prefixes_next(struct topic_prefixes *walk)
{
	const struct topic_registry *reg = walk->reg;
	struct topic_name prefix = { .bytes = walk->name };
	struct topic *topic = NULL;

	while (topic == NULL && walk->next < reg->lengths.n &&
	       reg->lengths.at[walk->next].len <= walk->len) {
		prefix.len = reg->lengths.at[walk->next++].len;
		prefix.hash = never_0(
		    (uint32_t)hash_prefixes_at(&walk->hashes, prefix.len));
		topic = find_in(&reg->prefix, &prefix);
	}
	return topic;
}

bool
topic_has_prefixes(const struct topic_registry *reg)
{
	return reg->lengths.n > 0;
}

size_t
topic_n_exact(const struct topic_registry *reg)
{
	return reg->exact.n_entries;
}

size_t
topic_n_prefixes(const struct topic_registry *reg)
{
	return reg->prefix.n_entries;
}

size_t
topic_n_subscriptions(const struct topic_registry *reg)
{
	return reg->n_subs;
}

struct visit {
	void (*visit)(const struct topic *topic, void *arg);
	void *arg;
};

static void
visit_entry(void *entry, void *arg)
{
	const struct visit *v = arg;

	v->visit(entry, v->arg);
}

bool
topic_walk(struct topic_registry *reg, struct topic_walk *walk,
    void (*visit)(const struct topic *topic, void *arg), void *arg)
{
	struct visit v = { visit, arg };

	if (walk->is_over || table_walk(table_of(reg, walk->is_in_prefixes),
				 &walk->at, visit_entry, &v))
		return !walk->is_over;
	walk->at = 0;
	walk->is_over = walk->is_in_prefixes;
	walk->is_in_prefixes = true;
	return !walk->is_over;
}
