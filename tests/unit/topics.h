/*
 * topics - a registry and two owners, for the tests of topics.
 */
#ifndef PM2A_TESTS_UNIT_TOPICS_H
#define PM2A_TESTS_UNIT_TOPICS_H

#include <stdlib.h>
#include <string.h>

#include "core/topic.h"
#include "unit/support.h"

static const struct hash_key key = { 11, 22 };

static struct topic_registry *reg;
static struct topic_owner a, b;

static inline void
begin(void)
{
	reg = topic_registry_new(key);
	topic_owner_init(&a);
	topic_owner_init(&b);
}

static inline void
end(void)
{
	topic_owner_fini(reg, &a);
	topic_owner_fini(reg, &b);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 0);
	ck_assert_uint_eq(topic_n_exact(reg), 0);
	ck_assert_uint_eq(topic_n_prefixes(reg), 0);
	topic_registry_free(reg);
}

static inline struct topic_name
named(const void *bytes, size_t len)
{
	return (struct topic_name){ bytes, len, topic_hash(reg, bytes, len) };
}

/* Subscribes to len bytes. */
static inline int
subscribe_bytes(struct topic_owner *owner, enum topic_kind kind,
    const void *bytes, size_t len, struct topic **out)
{
	struct topic_name name = named(bytes, len);

	return topic_subscribe(reg, owner, kind, &name, out);
}

static inline int
subscribe(struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	return subscribe_bytes(owner, kind, name, strlen(name), NULL);
}

static inline int
unsubscribe(struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	struct topic_name exact = named(name, strlen(name));

	return topic_unsubscribe(reg, owner, kind, &exact);
}

static inline struct topic *
find(const char *name)
{
	return topic_find(reg, name, strlen(name));
}

static inline struct topic *
find_subscribed(
    struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	struct topic_name exact = named(name, strlen(name));

	return topic_find_subscribed(reg, owner, kind, &exact);
}

static const enum topic_kind kinds[] = { TOPIC_EXACT, TOPIC_MEMBER,
	TOPIC_PREFIX };

#endif
