#include "core/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/model.h"

/*
 * A million random operations on a broker and on the model of it. After each,
 * every member must have been told what the model says, and all counters must
 * agree.
 *
 * Where the protocol sets no order, as between the results that one member's
 * going brings about, what was told is sorted before it is compared. Time
 * stands still unless an operation lets it pass, and deadlines may be seen
 * late, as they are in a busy loop.
 */
#define N_STEPS 1000000
#define N_STRINGS_MAX 4
#define N_SEEN_MIN 500

static const enum topic_kind kinds[N_WAYS] = { TOPIC_EXACT, TOPIC_MEMBER,
	TOPIC_PREFIX };
static const int64_t timeouts[] = { 1, 10, 20, 20, 50, 100, 100, 1000, 0 };
static const int64_t bad_timeouts[] = { -1, BROKER_TIMEOUT_MAX_MS + 1 };
static const size_t gather_limits[] = { 90, 200, 400, 100000 };
static const size_t answer_limits[] = { 20, 40 };
static const uint32_t own_limits[] = { 1, 2, 5 };
static const uint32_t all_limits[] = { 14, 30, N_OPEN_MAX };

static struct random rng;
static struct broker *broker;
static size_t n_results;
static int64_t last_ask_id;
static uint64_t last_id, new_id; /* of questions; that which is being asked */
static int64_t last_deadline_ms; /* of the results in this step */
static bool any_order;           /* among the results in this step */

static uint32_t
below(uint32_t n)
{
	return random_below(&rng, n);
}

#define ONE_OF(array) ((array)[below(N_ELEMENTS(array))])

static enum sink_verdict
on_message(struct member *to, const struct message_run *run)
{
	struct person *person = to->user;

	if (person->refuses)
		return SINK_DROPPED;
	put_message(
	    &person->told, run->n, slice_data(&run->bytes), run->bytes.len);
	return SINK_QUEUED;
}

static void
on_presence(struct member *to, const struct presence *presence)
{
	struct person *person = to->user;
	size_t topic = 0;

	while (
	    topic < N_TOPICS && (strlen(topics[topic]) != presence->topic_len ||
				    memcmp(topics[topic], presence->topic,
					presence->topic_len) != 0))
		topic++;
	require(topic < N_TOPICS, "presence in no topic");
	require(!person->told.any_result, "presence after a result");
	put_presence(&person->told, topic, presence->who->id, presence->joined,
	    presence->count);
}

static void
on_question(struct member *to, uint64_t id, const struct broker_request *ask)
{
	struct person *person = to->user;

	require(new_id == 0 ? id > last_id : id == new_id, "the question's id");
	new_id = id;
	put_question(&person->told, ask);
}

static void
on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	struct person *person = to->user;

	require(request->asker == &to->requests, "a part for another");
	put_part(&person->told, request->ask_id, from->id, answer);
}

/* Writes the gathered answers, or the strings of their union, to the log. */
static void
put_gathered(struct log *log, const struct gathered *gather, bool is_union)
{
	size_t cursor = 0, len;
	const char *bytes;

	for (size_t i = 0; i < gather->n_answers; i++)
		put_answer(log, gather->answers[i].from,
		    (const char *)gather->answers[i].name->data,
		    gather->bytes + gather->answers[i].off,
		    gather->answers[i].len);
	while (is_union &&
	       (bytes = gather_next_string(gather, &cursor, &len)) != NULL)
		put_string(log, bytes, len);
}

static void
on_result(struct member *to, const struct request *request)
{
	struct person *person = to->user;
	struct log *log = &person->told;

	n_results++;
	require(request->asker == &to->requests, "a result for another");
	if (request->outcome == OUTCOME_TIMEOUT) {
		require(request->deadline.at.ms >= last_deadline_ms,
		    "deadlines out of order");
		last_deadline_ms = request->deadline.at.ms;
	}
	put_result(log, request->ask_id, request->outcome, request->n_answered,
	    request->n_debts, request->deadline.at.ms);
	for (uint32_t i = 0; i < request->n_debts; i++)
		put_row(log, request->debts[i].id,
		    (const char *)request->debts[i].name->data,
		    request->debts[i].state);
	if (request->outcome != OUTCOME_FULL)
		put_gathered(
		    log, &request->gathered, request->gather == GATHER_UNION);
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
	.question = on_question,
	.part = on_part,
	.result = on_result,
};

static void
join(struct person *person)
{
	static uint64_t n_joined;

	snprintf(person->name, sizeof(person->name), "n%.*s",
	    (int)(n_joined++ % 11), "0123456789");
	person->member = broker_join(broker, person->name, &sink, person);
	person->id = person->member->id;
	require(person->id == n_joined, "the member's id");
	person->here = true;
}

/* The number of subscriptions of members that have left. */
static size_t
n_unreleased(void)
{
	size_t n = topic_n_subscriptions(broker_topics(broker));

	for (size_t i = 0; i < N_PEOPLE; i++)
		n -= n_subscriptions(&people[i]);
	return n;
}

/* Prefixes, and topics that it was a member of, go before all others. */
static void
check_order(const struct gone *who, bool (*left)[N_TOPICS])
{
	bool any_first = false, all_others = true;

	for (size_t t = 0; t < N_TOPICS; t++) {
		any_first |= left[MEMBER][t] || left[PREFIX][t];
		all_others &=
		    left[EXACT][t] || !who->in[EXACT][t] || who->in[MEMBER][t];
	}
	require(!any_first || all_others, "the order of ends");
}

static void
look_at_gone(struct gone *who)
{
	bool left[N_WAYS][N_TOPICS] = { { false } };

	for (size_t w = 0; w < N_WAYS; w++)
		for (size_t t = 0; t < (w == PREFIX ? N_PREFIXES : N_TOPICS);
		     t++) {
			const char *text =
			    w == PREFIX ? prefixes[t] : topics[t];

			left[w][t] =
			    broker_is_subscribed(broker, who->member, kinds[w],
				&(struct topic_name){
				    .bytes = text, .len = strlen(text) });
			require(who->in[w][t] || !left[w][t], "a new one");
		}
	check_order(who, left);
	expect_released(who, left);
	seen.half_gone++;
}

/* Those that left last are released first. How far the broker has come is its
 * own business; the model sees it in the number of subscriptions. */
static void
expect_releases(size_t n_left)
{
	bool none[N_WAYS][N_TOPICS] = { { false } };
	size_t n_whole = 0, n;

	for (; n_whole < n_gone; n_whole++) {
		n = n_in((const bool(*)[N_TOPICS])gone[n_whole].in);
		if (n > n_left)
			break;
		n_left -= n;
	}
	while (n_gone > n_whole + (n_left > 0)) {
		expect_released(&gone[n_gone - 1], none);
		n_gone--;
	}
	if (n_left > 0)
		look_at_gone(&gone[n_whole]);
}

static void
release(uint32_t n_steps)
{
	bool is_more = broker_release(broker, n_steps);

	expect_releases(n_unreleased());
	require(is_more == (n_gone > 0), "whether somebody is left");
	require(n_steps < UINT32_MAX || n_gone == 0, "all steps");
}

static void
leave(struct person *person)
{
	uint32_t n_steps = below(3) == 0 ? below(12) : UINT32_MAX;
	bool is_more;

	if (n_gone == N_GONE_MAX)
		release(UINT32_MAX);
	any_order = true;
	is_more = broker_leave(broker, person->member, n_steps);
	gone[n_gone] =
	    (struct gone){ .member = person->member, .id = person->id };
	memcpy(gone[n_gone].in, person->in, sizeof(person->in));
	memset(person->in, 0, sizeof(person->in));
	if (n_subscriptions(person) +
		n_in((const bool(*)[N_TOPICS])gone[n_gone].in) >
	    0)
		n_gone++;
	expect_releases(n_unreleased());
	expect_departure(person);
	require(is_more == (n_gone > 0), "whether somebody is left");
}

static void
come_or_go(struct person *person)
{
	snprintf(operation, sizeof(operation), "come or go: %s", person->name);
	if (!person->here)
		join(person);
	else if (below(3) == 0)
		leave(person);
}

static void
change_subscription(struct person *person)
{
	enum way way = below(N_WAYS);
	size_t t = below(way == PREFIX ? N_PREFIXES : N_TOPICS);
	const char *text = way == PREFIX ? prefixes[t] : topics[t];
	struct topic_name name = { .bytes = text, .len = strlen(text) };
	bool on = below(26) < (way == PREFIX ? 2 : t + 1);
	bool *has = &person->in[way][t], had = *has;
	size_t n_left;
	int r;

	snprintf(operation, sizeof(operation), "%s %ssubscribes way %d to '%s'",
	    person->name, on ? "" : "un", way, text);
	if (on) {
		r = broker_subscribe(broker, person->member, kinds[way], &name);
		*has = on && r == 0;
		n_left = n_unreleased();
		*has = had;
		expect_releases(n_left);
		if (!had &&
		    n_subscriptions(person) >= limits.subscriptions_max) {
			seen.errors[BROKER_E_SUBSCRIPTIONS]++;
			require(r == BROKER_E_SUBSCRIPTIONS, "over the limit");
			return;
		}
		require(r == 0, "not subscribed");
	} else {
		any_order = true;
		broker_unsubscribe(broker, person->member, kinds[way], &name);
	}
	*has = on;
	if (way != MEMBER || had == on)
		return;
	expect_presence(t, person->id, on);
	if (!on)
		excuse(person, t);
}

static void
choose(struct choice *choice)
{
	choice->n = below(2) == 0 ? 1 : 1 + below(N_CHOICE_MAX);
	for (size_t i = 0; i < choice->n; i++) {
		choice->at[i] = below(N_TOPICS);
		choice->names[i] =
		    (struct topic_name){ .bytes = topics[choice->at[i]],
			    .len = strlen(topics[choice->at[i]]) };
	}
}

static size_t
random_text(char *out, size_t max)
{
	size_t len = below((uint32_t)max + 1);

	for (size_t i = 0; i < len; i++)
		out[i] = (char)('a' + below(26));
	return len;
}

static void
publish(struct person *from)
{
	struct message_run run = { .n = 1 + below(3) };
	struct choice choice;
	char text[8];
	size_t len = random_text(text, sizeof(text));

	choose(&choice);
	snprintf(operation, sizeof(operation), "%s publishes on %zu, first %s",
	    from->name, choice.n, topics[choice.at[0]]);
	run.bytes = (struct slice){ blob_copy(text, len), 0, len };
	broker_publish(broker, from->member, choice.names, choice.n, &run);
	expect_run(from, &choice, &run);
	blob_unref(run.bytes.blob);
}

static void
put_a_question(struct person *from)
{
	struct choice choice;
	char payload[8];
	struct broker_request ask = {
		.ask_id = ++last_ask_id,
		.gather = below(N_GATHERS),
		.parts_max_bytes = below(2) == 0 ? 0 : 1 + below(60),
		.timeout_ms =
		    below(50) == 0 ? ONE_OF(bad_timeouts) : ONE_OF(timeouts),
		.to_subscribers = below(2) == 0,
		.topics = choice.names,
		.payload = payload,
		.payload_len = random_text(payload, sizeof(payload)),
	};
	int r, expected;

	choose(&choice);
	if (!ask.to_subscribers)
		choice.n = 1;
	ask.n_topics = choice.n;
	snprintf(operation, sizeof(operation),
	    "%s asks %lld, gather %d, %lld ms, %s of %zu, first %s", from->name,
	    (long long)ask.ask_id, ask.gather, (long long)ask.timeout_ms,
	    ask.to_subscribers ? "subscribers" : "members", choice.n,
	    topics[choice.at[0]]);
	expected = expect_refusal(from, &ask);
	new_id = 0;
	r = broker_open_request(broker, from->member, &ask, now);
	require(r == expected, "what came of asking");
	seen.errors[r]++;
	if (r == 0)
		expect_question(from, &ask, &choice, new_id);
	if (new_id != 0)
		last_id = new_id;
}

/* Mostly a question that is open, and somebody whom it has reached. */
static uint64_t
choose_question(struct person **from)
{
	uint32_t dice = below(100), at = below(N_OPEN_MAX), n = 0;
	const struct question *q;

	if (dice < 2)
		return dice == 0 ? 0 : FOREIGN + 1 + below(1000);
	if (dice < 6 && n_ended >= N_ENDED)
		return ended[below(N_ENDED)];
	while (n < N_OPEN_MAX && !questions[(at + n) % N_OPEN_MAX].is_open)
		n++;
	if (n == N_OPEN_MAX)
		return 0;
	q = &questions[(at + n) % N_OPEN_MAX];
	if (q->n_rows > 0 && dice < 95) {
		const struct row *row = &q->rows[below(q->n_rows)];

		for (n = 0; dice < 80 && row->state != DEBT_OWED; n++)
			row = &q->rows[n];
		if (row->who->here && row->who->id == row->id)
			*from = row->who;
	}
	return q->id;
}

static void
look_up(const struct person *from, uint64_t id, size_t len)
{
	struct question *q = find_open(id);
	const struct row *row = q == NULL ? NULL : find_row(q, from->id);
	bool wants = row != NULL && row->state == DEBT_OWED &&
		     q->gather == GATHER_UNION &&
		     len <= limits.answer_max_bytes;

	require(broker_wants_strings(broker, from->member, id, len) == wants,
	    "whether strings are to be read");
}

static void
give_an_answer(struct person *from)
{
	size_t said[N_STRINGS_MAX];
	struct answer_string strings[N_STRINGS_MAX];
	struct answer answer = {
		.question = choose_question(&from),
		.verdict = below(N_VERDICTS),
		.failure = below(2) == 0 ? DEBT_FAILED : DEBT_UNENCODABLE,
		.strings = strings,
		.n_strings = below(N_STRINGS_MAX + 1),
	};
	char text[ANSWER_MAX];
	struct buffer bytes;
	int r, expected;

	bytes.len = random_text(
	    text, below(20) == 0 ? ANSWER_MAX : limits.answer_max_bytes);
	bytes = exactly(text, bytes.len);
	answer.bytes = bytes.data;
	answer.len = bytes.len;
	for (size_t i = 0; i < answer.n_strings; i++) {
		said[i] = below(N_ELEMENTS(words));
		strings[i] = (struct answer_string){ words[said[i]],
			strlen(words[said[i]]) };
	}
	snprintf(operation, sizeof(operation),
	    "%s (%llu) answers %llu, verdict %d, %zu bytes", from->name,
	    (unsigned long long)from->id, (unsigned long long)answer.question,
	    answer.verdict, answer.len);
	look_up(from, answer.question, answer.len);
	r = broker_answer(broker, from->member, &answer);
	expected = expect_any_answer(from, &answer, said);
	require(r == expected, "what came of answering");
	seen.errors[r]++;
	free(bytes.data);
}

static void
fall_silent(struct person *person)
{
	snprintf(operation, sizeof(operation), "%s is silent", person->name);
	any_order = true;
	broker_silence(broker, person->member);
	person->silent = true;
	excuse(person, N_TOPICS);
}

/* Whose deadline comes first ends first. */
static void
let_time_pass(void)
{
	now.ms += below(100) == 0 ? below(6000) : below(12);
	snprintf(operation, sizeof(operation), "it is %lld", (long long)now.ms);
	if (below(5) == 0)
		return;
	any_order = true;
	broker_expire(broker, now);
	expect_deadlines();
}

static void
change_refusal(struct person *person)
{
	person->refuses = !person->refuses && below(4) == 0;
	snprintf(operation, sizeof(operation), "%s refuses: %d", person->name,
	    person->refuses);
}

static void
change_limits(void)
{
	limits.gather_max_bytes = gather_limits[below(4) == 0 ? below(3) : 3];
	limits.answer_max_bytes = ONE_OF(answer_limits);
	limits.questions_max = ONE_OF(own_limits);
	limits.questions_all_max = ONE_OF(all_limits);
	broker_set_limits(broker, &limits);
	snprintf(operation, sizeof(operation), "limits: gather %zu, answer %zu",
	    limits.gather_max_bytes, limits.answer_max_bytes);
}

static void
compare(struct person *person)
{
	struct log *told = &person->told, *expected = &person->expected;
	bool same = told->n == expected->n && same_presence(told, expected);
	static char what[2 * sizeof(told->text) + 128];

	if (any_order) {
		sort_entries(told);
		sort_entries(expected);
	}
	for (size_t i = 0; same && i < told->n; i++)
		same = same_entry(told, expected, i);
	if (!same) {
		snprintf(what, sizeof(what),
		    "%s (%llu) was told\n%.*s\nand expected\n%.*s",
		    person->name, (unsigned long long)person->id,
		    (int)told->used, told->text, (int)expected->used,
		    expected->text);
		mismatch(what);
	}
	forget(told);
	forget(expected);
}

static void
compare_totals(void)
{
	int64_t deadline_ms = INSTANT_NEVER.ms;
	size_t n_bytes = 0, n_here = 0;

	for (size_t i = 0; i < N_PEOPLE; i++)
		n_here += people[i].here;
	for (size_t i = 0; i < N_OPEN_MAX; i++)
		if (questions[i].is_open) {
			n_bytes += questions[i].n_bytes;
			if (questions[i].deadline_ms < deadline_ms)
				deadline_ms = questions[i].deadline_ms;
		}
	stats.n_work = broker_stats(broker)->n_work;
	require(memcmp(broker_stats(broker), &stats, sizeof(stats)) == 0,
	    "the counters");
	require(request_n_open(broker_requests(broker)) == n_open(),
	    "how many open");
	require(request_n_gathered_bytes(broker_requests(broker)) == n_bytes,
	    "how many bytes");
	require(broker_next_deadline(broker).ms == deadline_ms,
	    "the next deadline");
	require(broker_n_members(broker) == n_here, "how many are here");
}

static void
compare_person(const struct person *person)
{
	const struct member *member = person->member;

	if (!person->here)
		return;
	require(
	    memcmp(&member->stats, &person->stats, sizeof(person->stats)) == 0,
	    "a member's counters");
	require(member->requests.n_debts == n_owed_by(person), "its debts");
	require(member->requests.n_asked == person->n_asked, "its questions");
	require(member->topics.n_subs == n_subscriptions(person),
	    "its subscriptions");
}

static void
compare_all(void)
{
	for (size_t i = 0; i < N_PEOPLE; i++)
		compare(&people[i]);
	compare_totals();
	if (step % 64 == 0)
		for (size_t i = 0; i < N_PEOPLE; i++)
			compare_person(&people[i]);
	any_order = false;
	last_deadline_ms = 0;
}

static void
let_go(void)
{
	snprintf(operation, sizeof(operation), "%zu are gone", n_gone);
	release(below(4));
}

static void
random_step(void)
{
	struct person *person = &people[below(N_PEOPLE)];
	uint32_t dice = below(1000);

	if (dice < 5)
		let_go();
	else if (dice < 15 || !person->here)
		come_or_go(person);
	else if (dice < 180)
		change_subscription(person);
	else if (dice < 300)
		publish(person);
	else if (dice < 480)
		put_a_question(person);
	else if (dice < 940)
		give_an_answer(person);
	else if (dice < 980)
		let_time_pass();
	else if (dice < 990)
		change_limits();
	else if (dice < 998)
		change_refusal(person);
	else
		fall_silent(person);
}

static void
all_has_been_seen(void)
{
	static const enum broker_error errors[] = { BROKER_E_SUBSCRIPTIONS,
		BROKER_E_TIMEOUT, BROKER_E_QUESTIONS, BROKER_E_QUESTIONS_ALL,
		BROKER_E_ANSWER_BIG, BROKER_E_ANSWER };
	const uint64_t counters[] = { stats.n_refused, stats.n_unrouted,
		stats.n_abandoned, stats.n_late, stats.n_doubled,
		stats.n_foreign, seen.full_at_once, seen.of_nobody, seen.parts,
		seen.strings_again, seen.half_gone, seen.gone_to_members };

	for (int i = OUTCOME_COMPLETE; i < N_OUTCOMES; i++)
		ck_assert_msg(seen.outcomes[i] >= N_SEEN_MIN, "outcome %d: %u",
		    i, seen.outcomes[i]);
	for (int i = DEBT_PAID; i <= DEBT_DISMISSED; i++)
		ck_assert_msg(seen.states[i] >= N_SEEN_MIN, "state %d: %u", i,
		    seen.states[i]);
	for (size_t i = 0; i < N_ELEMENTS(errors); i++)
		ck_assert_msg(seen.errors[errors[i]] >= N_SEEN_MIN,
		    "error %d: %u", errors[i], seen.errors[errors[i]]);
	for (size_t i = 0; i < N_ELEMENTS(counters); i++)
		ck_assert_msg(counters[i] >= N_SEEN_MIN, "counter %zu: %llu", i,
		    (unsigned long long)counters[i]);
}

TEST(a_million_random_operations_agree_with_the_model)
{
	limits = (struct broker_limits){
		.topic_max_bytes = 16,
		.subscriptions_max = 6,
		.questions_max = 5,
		.questions_all_max = N_OPEN_MAX,
		.answer_max_bytes = 40,
		.gather_max_bytes = 100000,
		.parts_max_bytes = 50,
	};
	rng.state = SEED;
	broker = broker_new(&limits, (struct hash_key){ 3, 5 });
	for (step = 0; step < N_STEPS; step++) {
		random_step();
		compare_all();
	}
	for (size_t i = 0; i < N_PEOPLE; i++)
		if (people[i].here) {
			leave(&people[i]);
			compare_all();
		}
	release(UINT32_MAX);
	ck_assert_uint_eq(n_results + stats.n_abandoned, stats.n_asked);
	all_has_been_seen();
	broker_free(broker);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}
