#include <assert.h>

#include "core/broker.h"
#include "core/broker_state.h"

#define RELEASED_EACH 2 /* steps for each subscription */

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

	if (!LIST_EMPTY(&broker->gone))
		broker_release(broker, RELEASED_EACH);
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

/*
 * A member may have a million subscriptions, which take 150 ms to end. So a
 * member that leaves stays behind without a connection: it has a sink that
 * passes everything, and is silent. A delivery costs no look at that, as it
 * would if subscriptions could be without an owner. The topics that it was a
 * member of are the first to go, since others wait for that PRESENCE.
 */
static enum sink_verdict
pass_message(struct member *to, const struct message_run *run)
{
	(void)to;
	(void)run;
	return SINK_PASSED;
}

static void
pass_presence(struct member *to, const struct presence *presence)
{
	(void)to;
	(void)presence;
}

static const struct broker_sink sink_of_gone = {
	.message = pass_message,
	.presence = pass_presence,
};

/* Ends subscriptions until n_steps are used. Returns how many are left. */
static uint32_t
end_subscriptions(
    struct broker *broker, struct member *member, uint32_t n_steps)
{
	uint32_t n_left = n_steps, n;
	struct topic *topic;

	while (n_left > 0 &&
	       topic_owner_pop(broker->topics, &member->topics, &topic)) {
		n = 1 + (topic == NULL ? 0 : topic->n_subs);
		n_left -= n < n_left ? n : n_left;
		if (topic != NULL)
			tell_presence(topic, member, false);
	}
	return n_left;
}

bool
broker_leave(struct broker *broker, struct member *member, uint32_t n_steps)
{
	member->sink = &sink_of_gone;
	member->user = NULL;
	member->is_silent = true;
	end_subscriptions(broker, member, n_steps);
	broker->stats.n_abandoned +=
	    request_owner_end(broker->requests, &member->requests);
	broker_tell_results(broker);
	broker->n_members--;
	if (member->topics.n_subs > 0) {
		LIST_INSERT_HEAD(&broker->gone, member, in_gone);
		broker->n_gone++;
	} else {
		member_free(broker->requests, member);
	}
	return !LIST_EMPTY(&broker->gone);
}

bool
broker_release(struct broker *broker, uint32_t n_steps)
{
	struct member *member;

	while ((member = LIST_FIRST(&broker->gone)) != NULL && n_steps > 0) {
		n_steps = end_subscriptions(broker, member, n_steps);
		if (member->topics.n_subs > 0)
			continue;
		LIST_REMOVE(member, in_gone);
		broker->n_gone--;
		member_free(broker->requests, member);
	}
	return member != NULL;
}
