#include <assert.h>

#include "core/broker.h"
#include "core/broker_state.h"

static void
tell_presence(const struct topic *topic, const struct member *who, bool joined)
{
	struct presence presence = {
		.topic = topic->name,
		.topic_len = topic->len,
		.joined = joined,
		.who = who,
		.count = topic->n_members,
	};
	const struct subscription *sub = topic_subs(topic);
	const struct subscription *end = sub + topic->n_subs;

	for (; sub < end; sub++) {
		struct member *to = member_of(sub->owner);

		if (sub->kinds & TOPIC_MEMBER)
			to->sink->presence(to, &presence);
	}
}

int
broker_subscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	int r = broker_check_length(broker, name->len, kind == TOPIC_PREFIX);
	struct topic_name key;
	struct topic *topic;

	if (r != 0)
		return r;
	key = broker_hashed(broker, name);
	if (member->topics.n_subs >= broker->limits.subscriptions_max &&
	    topic_find_subscribed(
		broker->topics, &member->topics, kind, &key) == NULL)
		return BROKER_E_SUBSCRIPTIONS;
	r = topic_subscribe(
	    broker->topics, &member->topics, kind, &key, &topic);
	if (r == TOPIC_E_LENGTHS)
		return BROKER_E_PREFIX_LENGTHS;
	if (r == 0 && kind == TOPIC_MEMBER)
		tell_presence(topic, member, true);
	return 0;
}

/* Looks first whether there are other members: without them the topic may be
 * gone with the subscription. So may the scope, whose address is enough. */
static void
leave_topic(struct broker *broker, struct member *member, struct topic *topic,
    const struct topic_name *name)
{
	bool others = topic->n_members > 1;
	int r = topic_unsubscribe(
	    broker->topics, &member->topics, TOPIC_MEMBER, name);

	assert(r == 0);
	if (others)
		tell_presence(topic, member, false);
	request_release(broker->requests, &member->requests, topic);
	broker_tell_results(broker);
}

bool
broker_is_subscribed(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic_name key = broker_hashed(broker, name);

	return topic_find_subscribed(
		   broker->topics, &member->topics, kind, &key) != NULL;
}

void
broker_unsubscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic_name key = broker_hashed(broker, name);
	struct topic *topic;
	int r;

	if (kind != TOPIC_MEMBER) {
		r = topic_unsubscribe(
		    broker->topics, &member->topics, kind, &key);
		assert(r == 0 || r == TOPIC_E_ABSENT);
		return;
	}
	topic =
	    topic_find_subscribed(broker->topics, &member->topics, kind, &key);
	if (topic != NULL)
		leave_topic(broker, member, topic, &key);
}

void
broker_leave(struct broker *broker, struct member *member)
{
	struct topic *topic;

	while (topic_owner_pop(broker->topics, &member->topics, &topic))
		if (topic != NULL)
			tell_presence(topic, member, false);
	broker->stats.n_abandoned +=
	    request_owner_fini(broker->requests, &member->requests);
	broker_tell_results(broker);
	LIST_REMOVE(member, in_broker);
	broker->n_members--;
	member_free(broker->topics, member);
}
