#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "core/broker.h"
#include "core/broker_state.h"

struct broker *
broker_new(const struct broker_limits *limits, struct hash_key key)
{
	struct broker *broker = xcalloc(1, sizeof(*broker));

	broker->topics = topic_registry_new(key);
	broker->requests = request_registry_new(key);
	LIST_INIT(&broker->gone);
	broker->run_max = UINT32_MAX;
	broker_set_limits(broker, limits);
	return broker;
}

void
broker_free(struct broker *broker)
{
	if (broker == NULL)
		return;
	assert(broker->n_members == 0);
	while (broker_release(broker, UINT32_MAX))
		;
	topic_registry_free(broker->topics);
	request_registry_free(broker->requests);
	free(broker->owners);
	free(broker);
}

void
broker_set_limits(struct broker *broker, const struct broker_limits *limits)
{
	assert(limits->topic_max_bytes <= TOPIC_NAME_MAX);
	broker->limits = *limits;
	request_set_max_bytes(broker->requests, limits->gather_all_max_bytes);
}

struct member *
broker_join(struct broker *broker, const char *name,
    const struct broker_sink *sink, void *user)
{
	struct member *member = member_new(++broker->last_id, name, sink, user);

	broker->n_members++;
	return member;
}

int
broker_check_length(const struct broker *broker, size_t len, bool may_be_empty)
{
	if (len == 0 && !may_be_empty)
		return BROKER_E_TOPIC_EMPTY;
	return len > broker->limits.topic_max_bytes ? BROKER_E_TOPIC_LONG : 0;
}

int
broker_check_topic(const struct broker *broker, const struct topic_name *name)
{
	return broker_check_length(broker, name->len, false);
}

int
broker_check_topics(
    const struct broker *broker, const struct topic_name *names, size_t n)
{
	int r = n == 0 ? BROKER_E_TOPIC_EMPTY : 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = broker_check_topic(broker, &names[i]);
	return r;
}

uint32_t
broker_hash(const struct broker *broker, const struct topic_name *name)
{
	return topic_hash(broker->topics, name->bytes, name->len);
}

void
broker_prefetch(const struct broker *broker, uint32_t hash)
{
	topic_prefetch(broker->topics, hash);
}

void
broker_prefetch_entry(const struct broker *broker, uint32_t hash)
{
	topic_prefetch_entry(broker->topics, hash);
}

void
broker_prefetch_subs(const struct broker *broker, uint32_t hash)
{
	topic_prefetch_subs(broker->topics, hash);
}

const struct request_registry *
broker_requests(const struct broker *broker)
{
	return broker->requests;
}

const struct broker_stats *
broker_stats(const struct broker *broker)
{
	return &broker->stats;
}

struct topic_registry *
broker_topics(struct broker *broker)
{
	return broker->topics;
}

size_t
broker_n_members(const struct broker *broker)
{
	return broker->n_members;
}

void
broker_add_work(struct broker *broker, uint64_t n)
{
	broker->stats.n_work += n;
}

uint32_t
broker_run_max(const struct broker *broker)
{
	return broker->run_max;
}

void
broker_set_run_max(struct broker *broker, uint32_t n)
{
	broker->run_max = n;
}
