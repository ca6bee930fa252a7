#include <assert.h>

#include "base/xalloc.h"
#include "core/broker.h"
#include "core/broker_state.h"

void
broker_tell_results(struct broker *broker)
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
		topic = broker_find_topic(broker, &opening->topics[i]);
		if (topic != NULL)
			collect(broker, topic, kinds);
	}
	return opening->to_subscribers ? NULL : topic;
}

static int
check_request(struct broker *broker, const struct member *from,
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
	return broker_check_walk(broker, opening->topics, opening->n_topics);
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
	broker_tell_results(broker);
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

bool
broker_add_strings(struct broker *broker, struct member *member, uint64_t id,
    const struct answer_string *strings, size_t n)
{
	bool is_open = request_add_strings(
	    broker->requests, &member->requests, id, strings, n);

	broker_tell_results(broker);
	return is_open;
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
	broker_tell_results(broker);
	return is_big ? BROKER_E_ANSWER_BIG : 0;
}

void
broker_silence(struct broker *broker, struct member *member)
{
	member->is_silent = true;
	request_release(broker->requests, &member->requests, NULL);
	broker_tell_results(broker);
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
	broker_tell_results(broker);
}
