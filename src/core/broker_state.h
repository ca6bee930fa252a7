/*
 * broker_state - the broker itself, for its own files alone: broker_life (the
 * broker, names, members that come), broker_subscribe (subscriptions, members
 * that leave), broker_publish and broker_requests. Not included from elsewhere.
 */
#ifndef PM2A_CORE_BROKER_STATE_H
#define PM2A_CORE_BROKER_STATE_H

#include "core/broker.h"

struct broker {
	struct broker_limits limits;
	struct topic_registry *topics;
	struct request_registry *requests;
	struct request_owner **owners; /* scratch: of a request's questions */
	size_t n_owners, owners_size;
	size_t n_members;
	LIST_HEAD(member_list, member) gone; /* the last to leave first */
	size_t n_gone;
	uint64_t last_id;
	uint64_t serial;              /* of the last publish that marks */
	const struct broker_tap *tap; /* or NULL */
	uint32_t run_max;             /* see broker_set_run_max() */
	struct broker_stats stats;
};

/* name with its hash. */
static inline struct topic_name
broker_hashed(const struct broker *broker, const struct topic_name *name)
{
	struct topic_name out = *name;

	if (out.hash == 0)
		out.hash = topic_hash(broker->topics, name->bytes, name->len);
	return out;
}

/* The topic of that name that has exact subscriptions, or NULL. */
static inline struct topic *
broker_find_topic(struct broker *broker, const struct topic_name *name)
{
	struct topic_name key = broker_hashed(broker, name);

	return topic_find_hashed(broker->topics, key.hash, key.bytes, key.len);
}

/* Returns 0 or BROKER_E_TOPIC_*. */
int must_check broker_check_length(
    const struct broker *broker, size_t len, bool may_be_empty);

/* Tells the askers of the requests that have ended. */
void broker_tell_results(struct broker *broker);

#endif
