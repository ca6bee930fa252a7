#include "core/broker.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

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
struct broker {
	struct broker_limits limits;
	struct topic_registry *topics;
	struct request_registry *requests;
	struct request_owner **owners; /* scratch: of a request's questions */
	size_t n_owners, owners_size;
	LIST_HEAD(member_list, member) members;
	size_t n_members;
	uint64_t last_id;
	uint64_t serial;              /* of the last publish that marks */
	const struct broker_tap *tap; /* or NULL */
	struct broker_stats stats;
};

struct broker *
broker_new(const struct broker_limits *limits, struct hash_key key)
{
	struct broker *broker = xcalloc(1, sizeof(*broker));

	broker->topics = topic_registry_new(key);
	broker->requests = request_registry_new(key);
	LIST_INIT(&broker->members);
	broker_set_limits(broker, limits);
	return broker;
}

void
broker_free(struct broker *broker)
{
	if (broker == NULL)
		return;
	assert(broker->n_members == 0);
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

	LIST_INSERT_HEAD(&broker->members, member, in_broker);
	broker->n_members++;
	return member;
}

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

/* Tells the askers of what has ended. */
static void
tell_results(struct broker *broker)
{
	struct request *request;
	struct member *asker;

	while ((request = request_take_ended(broker->requests)) != NULL) {
		asker = member_of_requests(request->asker);
		broker->stats.n_timeouts += request->outcome == OUTCOME_TIMEOUT;
		asker->sink->result(asker, request);
		request_free(request);
	}
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
	tell_results(broker);
	LIST_REMOVE(member, in_broker);
	broker->n_members--;
	member_free(broker->topics, member);
}

static int
check_length(const struct broker *broker, size_t len, bool may_be_empty)
{
	if (len == 0 && !may_be_empty)
		return BROKER_E_TOPIC_EMPTY;
	return len > broker->limits.topic_max_bytes ? BROKER_E_TOPIC_LONG : 0;
}

int
broker_check_topic(const struct broker *broker, const struct topic_name *name)
{
	return check_length(broker, name->len, false);
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

/* name with its hash. */
static struct topic_name
hashed(const struct broker *broker, const struct topic_name *name)
{
	struct topic_name out = *name;

	if (out.hash == 0)
		out.hash = broker_hash(broker, name);
	return out;
}

int
broker_subscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	int r = check_length(broker, name->len, kind == TOPIC_PREFIX);
	struct topic_name key;
	struct topic *topic;

	if (r != 0)
		return r;
	key = hashed(broker, name);
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
	tell_results(broker);
}

bool
broker_is_subscribed(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic_name key = hashed(broker, name);

	return topic_find_subscribed(
		   broker->topics, &member->topics, kind, &key) != NULL;
}

void
broker_unsubscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name)
{
	struct topic_name key = hashed(broker, name);
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

	for (; sub < end; sub++) {
		struct member *to = member_of(sub->owner);

		if (to->mark == broker->serial)
			continue;
		to->mark = broker->serial;
		n_receivers += deliver(broker, to, run);
	}
	return n_receivers;
}

static struct topic *
find_topic(struct broker *broker, const struct topic_name *name)
{
	struct topic_name key = hashed(broker, name);

	return topic_find_hashed(broker->topics, key.hash, key.bytes, key.len);
}

static size_t
publish_marked(struct broker *broker, const struct topic_name *name,
    const struct message_run *run)
{
	struct topic *topic = find_topic(broker, name);
	struct topic_prefixes walk;
	size_t n_receivers = 0;

	if (topic != NULL)
		n_receivers += fan_out_marked(broker, topic, run);
	topic_prefixes_begin(&walk, broker->topics, name->bytes, name->len);
	while ((topic = topic_prefixes_next(&walk)) != NULL)
		n_receivers += fan_out_marked(broker, topic, run);
	return n_receivers;
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
		topic = find_topic(broker, names);
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

static void
add_owner(struct broker *broker, struct member *member)
{
	if (broker->n_owners == broker->owners_size) {
		broker->owners_size =
		    broker->owners_size == 0 ? 16 : 2 * broker->owners_size;
		broker->owners = xreallocarray(broker->owners,
		    broker->owners_size, sizeof(*broker->owners));
	}
	broker->owners[broker->n_owners++] = &member->requests;
}

/* Adds unmarked members that have subscribed to the topic in one of the ways.
 */
static void
collect(struct broker *broker, const struct topic *topic, uint8_t kinds)
{
	const struct subscription *sub = topic_subs(topic);
	const struct subscription *end = sub + topic->n_subs;

	for (; sub < end; sub++) {
		struct member *to = member_of(sub->owner);

		if (!(sub->kinds & kinds) || to->is_silent ||
		    to->mark == broker->serial)
			continue;
		to->mark = broker->serial;
		add_owner(broker, to);
	}
}

/* Puts the receivers of the questions into broker->owners. Returns the scope.
 */
static const void *
collect_all(struct broker *broker, struct member *from,
    const struct broker_request *opening)
{
	uint8_t kinds =
	    opening->to_subscribers ? TOPIC_EXACT | TOPIC_MEMBER : TOPIC_MEMBER;
	const struct topic *topic = NULL;

	broker->n_owners = 0;
	from->mark = ++broker->serial;
	for (size_t i = 0; i < opening->n_topics; i++) {
		topic = find_topic(broker, &opening->topics[i]);
		if (topic != NULL)
			collect(broker, topic, kinds);
	}
	return opening->to_subscribers ? NULL : topic;
}

static int
check_request(const struct broker *broker, const struct member *from,
    const struct broker_request *opening)
{
	if (opening->timeout_ms < 0 ||
	    opening->timeout_ms > BROKER_TIMEOUT_MAX_MS)
		return BROKER_E_TIMEOUT;
	if (from->requests.n_asked >= broker->limits.questions_max)
		return BROKER_E_QUESTIONS;
	if (request_n_open(broker->requests) >=
	    broker->limits.questions_all_max)
		return BROKER_E_QUESTIONS_ALL;
	return 0;
}

/* Asks everybody in broker->owners. */
static void
put_question(
    struct broker *broker, uint64_t id, const struct broker_request *opening)
{
	for (size_t i = 0; i < broker->n_owners; i++) {
		struct member *to = member_of_requests(broker->owners[i]);

		broker->stats.n_questions++;
		to->stats.n_questions++;
		to->sink->question(to, id, opening);
	}
}

/* Streams whose askers give no limit have none, since acknowledgements of many
 * clients add up. */
static uint64_t
limit_parts(const struct broker *broker, const struct broker_request *opening)
{
	uint64_t asked = opening->parts_max_bytes;
	uint64_t max = broker->limits.parts_max_bytes;

	return asked == 0 || max == 0 || asked < max ? asked : max;
}

int
broker_open_request(struct broker *broker, struct member *from,
    const struct broker_request *opening, struct instant now)
{
	struct request_spec spec = {
		.ask_id = opening->ask_id,
		.gather = opening->gather,
		.timeout_ms = opening->timeout_ms == 0
				  ? BROKER_TIMEOUT_DEFAULT_MS
				  : opening->timeout_ms,
		.gather_max_bytes = broker->limits.gather_max_bytes,
		.parts_max_bytes = limit_parts(broker, opening),
		.opened_us = opening->opened_us,
	};
	struct request *request;
	int r = check_request(broker, from, opening);

	assert(opening->n_topics > 0);
	if (r != 0)
		return r;
	spec.label = opening->topics->bytes;
	spec.label_len = opening->topics->len;
	spec.scope = collect_all(broker, from, opening);
	request = request_open(broker->requests, &from->requests, &spec,
	    broker->owners, broker->n_owners, now);
	broker->stats.n_asked++;
	from->stats.n_asked++;
	if (request->outcome == OUTCOME_OPEN)
		put_question(broker, request->id, opening);
	tell_results(broker);
	return 0;
}

bool
broker_has_request(
    struct broker *broker, const struct member *member, int64_t ask_id)
{
	return request_is_open(broker->requests, &member->requests, ask_id);
}

bool
broker_wants_strings(
    struct broker *broker, const struct member *member, uint64_t id, size_t len)
{
	const struct request *request =
	    request_find_owed(broker->requests, &member->requests, id);

	return request != NULL && request->gather == GATHER_UNION &&
	       len <= broker->limits.answer_max_bytes;
}

/* Counts refused answers. Returns the error that the edge must report, or 0. */
static int
count_odd_answer(struct broker_stats *stats, int r)
{
	switch (r) {
	case REQUEST_E_LATE:
		stats->n_late++;
		return 0;
	case REQUEST_E_DOUBLED:
		stats->n_doubled++;
		return 0;
	case REQUEST_E_FOREIGN:
		stats->n_foreign++;
		return 0;
	default:
		return BROKER_E_ANSWER;
	}
}

static void
pass_part(const struct request *request, const struct member *from,
    const struct answer *answer)
{
	struct member *asker = member_of_requests(request->asker);

	if (request->gather == GATHER_STREAM &&
	    request->outcome != OUTCOME_FULL && answer->verdict != VERDICT_NO)
		asker->sink->part(asker, request, from, answer);
}

int
broker_answer(
    struct broker *broker, struct member *from, const struct answer *answer)
{
	bool is_big = answer->len > broker->limits.answer_max_bytes;
	bool is_waived = is_big || answer->verdict == VERDICT_FAILED;
	struct request *request;
	int r;

	if (is_waived)
		r = request_waive(broker->requests, &from->requests,
		    answer->question, is_big ? DEBT_TOO_BIG : answer->failure);
	else
		r = request_answer(
		    broker->requests, &from->requests, answer, &request);
	if (r != 0)
		return count_odd_answer(&broker->stats, r);
	broker->stats.n_answers += !is_big;
	if (!is_waived)
		pass_part(request, from, answer);
	tell_results(broker);
	return is_big ? BROKER_E_ANSWER_BIG : 0;
}

void
broker_silence(struct broker *broker, struct member *member)
{
	member->is_silent = true;
	request_release(broker->requests, &member->requests, NULL);
	tell_results(broker);
}

struct instant
broker_next_deadline(struct broker *broker)
{
	return request_next_deadline(broker->requests);
}

void
broker_expire(struct broker *broker, struct instant now)
{
	request_expire(broker->requests, now);
	tell_results(broker);
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
