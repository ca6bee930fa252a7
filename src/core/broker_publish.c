#include <assert.h>

#include "core/broker.h"
#include "core/broker_state.h"

/*
 * A publish walks the subscriptions of its topic and hands the same slice to
 * the sink for each. Nothing is copied and nothing is allocated here.
 *
 * "Each receiver once" is kept by a mark: every publish has a serial number,
 * and a member that carries it has been served. The usual case, one topic and
 * nobody subscribed by prefix, can't meet anyone twice and does without. A set
 * of receivers built for each publish was the alternative; it costs memory and
 * a hash for what one comparison does.
 *
 * The sink may find that a receiver is over its limit. It says so and marks the
 * connection; the member leaves when the turn of the loop is over. So the lists
 * that are walked here never change under the walk.
 */
void
broker_note_delivered(
    struct broker *broker, struct member *to, const struct message_run *run)
{
	broker->stats.n_delivered += run->n;
	broker->stats.delivered_bytes += run->bytes.len;
	to->stats.n_delivered += run->n;
}

/* Returns whether the message is for this receiver. */
static bool
deliver(struct broker *broker, struct member *to, const struct message_run *run)
{
	enum sink_verdict verdict = to->sink->message(to, run);

	if (verdict == SINK_QUEUED) {
		broker_note_delivered(broker, to, run);
		return true;
	}
	if (verdict == SINK_PASSED)
		return false;
	broker->stats.n_refused += run->n;
	to->stats.n_refused += run->n;
	return true;
}

static size_t
fan_out(struct broker *broker, const struct topic *topic,
    const struct member *from, const struct message_run *run)
{
	const struct subscription *sub = topic_subs(topic);
	const struct subscription *end = sub + topic->n_subs;
	size_t n_receivers = 0;

	broker->stats.n_work += topic->n_subs;
	for (; sub < end; sub++) {
		struct member *to = member_of(sub->owner);

		if (to == from)
			continue;
		n_receivers += deliver(broker, to, run);
	}
	return n_receivers;
}

static size_t
fan_out_marked(struct broker *broker, const struct topic *topic,
    const struct message_run *run)
{
	const struct subscription *sub = topic_subs(topic);
	const struct subscription *end = sub + topic->n_subs;
	size_t n_receivers = 0;

	broker->stats.n_work += topic->n_subs;
	for (; sub < end; sub++) {
		struct member *to = member_of(sub->owner);

		if (to->mark == broker->serial)
			continue;
		to->mark = broker->serial;
		n_receivers += deliver(broker, to, run);
	}
	return n_receivers;
}

static size_t
publish_marked(struct broker *broker, const struct topic_name *name,
    const struct message_run *run)
{
	struct topic *topic = broker_find_topic(broker, name);
	struct topic_prefixes walk;
	size_t n_receivers = 0;

	if (topic != NULL)
		n_receivers += fan_out_marked(broker, topic, run);
	topic_prefixes_begin(&walk, broker->topics, name->bytes, name->len);
	while ((topic = topic_prefixes_next(&walk)) != NULL)
		n_receivers += fan_out_marked(broker, topic, run);
	return n_receivers;
}

/* The subscriptions that match the name. */
static size_t
count_subscriptions(struct broker *broker, const struct topic_name *name)
{
	const struct topic *topic = broker_find_topic(broker, name);
	size_t n = topic == NULL ? 0 : topic->n_subs;
	struct topic_prefixes walk;

	topic_prefixes_begin(&walk, broker->topics, name->bytes, name->len);
	while ((topic = topic_prefixes_next(&walk)) != NULL)
		n += topic->n_subs;
	return n;
}

/* With few members it needs no count. */
int
broker_check_walk(
    struct broker *broker, const struct topic_name *names, size_t n)
{
	size_t most = broker->n_members + broker->n_gone, n_walked = 0;

	most *= 1 + TOPIC_LENGTHS_MAX - topic_n_lengths_left(broker->topics);
	if (n * most <= BROKER_WALK_MAX)
		return 0;
	for (size_t i = 0; i < n && n_walked <= BROKER_WALK_MAX; i++)
		n_walked += count_subscriptions(broker, &names[i]);
	return n_walked > BROKER_WALK_MAX ? BROKER_E_WALK : 0;
}

size_t
broker_publish(struct broker *broker, struct member *from,
    const struct topic_name *names, size_t n, const struct message_run *run)
{
	struct topic *topic;
	size_t n_receivers = 0, n_aside = 0;

	assert(n > 0);
	broker->stats.n_published += run->n;
	broker->stats.published_bytes += run->bytes.len;
	from->stats.n_published += run->n;
	if (n == 1 && !topic_has_prefixes(broker->topics)) {
		topic = broker_find_topic(broker, names);
		if (topic != NULL)
			n_receivers = fan_out(broker, topic, from, run);
	} else {
		from->mark = ++broker->serial;
		for (size_t i = 0; i < n; i++)
			n_receivers += publish_marked(broker, &names[i], run);
	}
	if (broker->tap != NULL)
		n_aside = broker->tap->message(broker->tap->arg, run);
	if (n_receivers + n_aside == 0)
		broker->stats.n_unrouted += run->n;
	return n_receivers;
}

void
broker_set_tap(struct broker *broker, const struct broker_tap *tap)
{
	broker->tap = tap;
}
