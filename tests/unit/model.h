/*
 * model - the deliveries of a broker, from plain arrays that are searched from
 * end to end. It follows docs/PROTOCOL.md, not core/, and never calls the
 * broker.
 */
#ifndef PM2A_TESTS_UNIT_MODEL_H
#define PM2A_TESTS_UNIT_MODEL_H

#include "core/broker.h"
#include "unit/heard.h"

#define N_PEOPLE 24
#define N_PREFIXES 6
#define N_GONE_MAX 8
#define N_OPEN_MAX 64
#define N_ENDED 64
#define N_CHOICE_MAX 3
#define ANSWER_MAX 64
#define FOREIGN 1000000000 /* ids from here on are never given */

enum way {
	EXACT,
	MEMBER,
	PREFIX,
	N_WAYS,
};

static const char *const topics[N_TOPICS] = { "a", "b", "aa", "ab", "ba", "bb",
	"aaa", "aab", "abb", "baa", "bba", "bbb" };
static const char *const prefixes[N_PREFIXES] = { "", "a", "b", "aa", "ab",
	"bb" };
static const char *const words[] = { "", "x", "y", "xy", "yx", "room", "hall",
	"a longer name", "socket", "socket2", "lobby", "z" };

struct person {
	bool here, silent, refuses;
	struct member *member;
	uint64_t id;
	char name[24];
	bool in[N_WAYS][N_TOPICS];
	uint32_t n_asked; /* open ones */
	struct member_stats stats;
	struct log told, expected;
};

/* Somebody who has left, and whose subscriptions are not all ended. */
struct gone {
	struct member *member;
	uint64_t id;
	bool in[N_WAYS][N_TOPICS];
};

struct row {
	struct person *who; /* another's place, once the id is another */
	uint64_t id;
	char name[24];
	enum debt_state state;
};

struct question {
	bool is_open;
	uint64_t id; /* known when somebody has been asked */
	int64_t ask_id, deadline_ms;
	enum gather gather;
	struct person *asker;
	size_t scope; /* the topic whose members were asked, or N_TOPICS */
	size_t max_bytes, n_bytes;
	uint64_t parts_max, n_part_bytes;
	unsigned n_rows, n_owed, n_answered;
	struct row rows[N_PEOPLE];
	unsigned n_answers;
	struct {
		const struct row *row;
		size_t len;
		char bytes[ANSWER_MAX];
	} answers[N_PEOPLE];
	unsigned n_words;
	size_t words[N_ELEMENTS(words)];
};

static struct broker_limits limits; /* for what comes */
static struct instant now;
static struct person people[N_PEOPLE];
static struct gone gone[N_GONE_MAX]; /* in the order in which they left */
static size_t n_gone;
static struct question questions[N_OPEN_MAX];
static struct broker_stats stats;
static uint64_t ended[N_ENDED]; /* the last ones */
static size_t n_ended;

/* How often what has happened, so that nothing is left out unnoticed. */
static struct {
	unsigned outcomes[N_OUTCOMES], states[DEBT_DISMISSED + 1];
	unsigned errors[BROKER_E_ANSWER + 1];
	unsigned full_at_once, of_nobody, parts, strings_again;
	unsigned half_gone, gone_to_members;
} seen;

/* The model's result. */
static inline void
expect_result(const struct question *q, enum outcome outcome)
{
	struct log *log = &q->asker->expected;

	put_result(
	    log, q->ask_id, outcome, q->n_answered, q->n_rows, q->deadline_ms);
	for (unsigned i = 0; i < q->n_rows; i++) {
		put_row(log, q->rows[i].id, q->rows[i].name, q->rows[i].state);
		seen.states[q->rows[i].state]++;
	}
	if (outcome == OUTCOME_FULL)
		return;
	for (unsigned i = 0; i < q->n_answers; i++)
		put_answer(log, q->answers[i].row->id, q->answers[i].row->name,
		    q->answers[i].bytes, q->answers[i].len);
	for (unsigned i = 0; i < q->n_words; i++)
		put_string(log, words[q->words[i]], strlen(words[q->words[i]]));
}

static inline void
shut(struct question *q)
{
	q->is_open = false;
	q->asker->n_asked--;
	if (q->id != 0)
		ended[n_ended++ % N_ENDED] = q->id;
}

static inline void
finish(struct question *q, enum outcome outcome)
{
	for (unsigned i = 0; i < q->n_rows; i++)
		if (q->rows[i].state == DEBT_OWED)
			q->rows[i].state = outcome == OUTCOME_TIMEOUT
					       ? DEBT_LATE
					       : DEBT_DISMISSED;
	expect_result(q, outcome);
	seen.outcomes[outcome]++;
	stats.n_timeouts += outcome == OUTCOME_TIMEOUT;
	shut(q);
}

static inline void
settle(struct question *q, struct row *row, enum debt_state state)
{
	row->state = state;
	q->n_owed--;
}

static inline void
finish_if_settled(struct question *q)
{
	if (q->is_open && q->n_owed == 0)
		finish(q, q->gather == GATHER_FIRST ? OUTCOME_UNKNOWN
						    : OUTCOME_COMPLETE);
}

/* `person` can no longer answer questions of a scope (N_TOPICS: any). */
static inline void
excuse(const struct person *person, size_t scope)
{
	for (size_t i = 0; i < N_OPEN_MAX; i++) {
		struct question *q = &questions[i];

		if (!q->is_open || (scope < N_TOPICS && q->scope != scope))
			continue;
		for (unsigned k = 0; k < q->n_rows; k++)
			if (q->rows[k].state == DEBT_OWED &&
			    q->rows[k].who == person)
				settle(q, &q->rows[k], DEBT_LEFT);
		finish_if_settled(q);
	}
}

static inline uint32_t
n_members(size_t topic)
{
	uint32_t n = 0;

	for (size_t i = 0; i < N_PEOPLE; i++)
		n += people[i].in[MEMBER][topic];
	for (size_t i = 0; i < n_gone; i++)
		n += gone[i].in[MEMBER][topic];
	return n;
}

static inline void
expect_presence(size_t topic, uint64_t who, bool joined)
{
	for (size_t i = 0; i < N_PEOPLE; i++)
		if (people[i].in[MEMBER][topic])
			put_presence(&people[i].expected, topic, who, joined,
			    n_members(topic));
}

/* Expects PRESENCE for the topics that `who`, which has left, is not a member
 * of any more. */
static inline void
expect_released(struct gone *who, bool (*left)[N_TOPICS])
{
	for (size_t t = 0; t < N_TOPICS; t++)
		if (who->in[MEMBER][t] && !left[MEMBER][t]) {
			who->in[MEMBER][t] = false;
			seen.gone_to_members += n_members(t) > 0;
			expect_presence(t, who->id, false);
		}
	memcpy(who->in, left, sizeof(who->in));
}

/* Expects all that the end of a member brings about, but for PRESENCE. */
static inline void
expect_departure(struct person *person)
{
	for (size_t i = 0; i < N_OPEN_MAX; i++)
		if (questions[i].is_open && questions[i].asker == person) {
			stats.n_abandoned++;
			shut(&questions[i]);
		}
	excuse(person, N_TOPICS);
	memset(person->in, 0, sizeof(person->in));
	memset(&person->stats, 0, sizeof(person->stats));
	person->here = person->silent = person->refuses = false;
}

/* A topic and one as two ways have one subscription, a prefix has another. */
static inline uint32_t
n_in(const bool (*in)[N_TOPICS])
{
	uint32_t n = 0;

	for (size_t t = 0; t < N_TOPICS; t++) {
		n += in[EXACT][t] || in[MEMBER][t];
		n += in[PREFIX][t];
	}
	return n;
}

static inline uint32_t
n_subscriptions(const struct person *person)
{
	return n_in((const bool(*)[N_TOPICS])person->in);
}

static inline bool
wants(const struct person *person, size_t topic)
{
	bool wanted = person->in[EXACT][topic] || person->in[MEMBER][topic];

	for (size_t p = 0; p < N_PREFIXES; p++)
		wanted |=
		    person->in[PREFIX][p] && strncmp(topics[topic], prefixes[p],
						 strlen(prefixes[p])) == 0;
	return wanted;
}

/* Topics, of which one may come twice. */
struct choice {
	size_t n, at[N_CHOICE_MAX];
	struct topic_name names[N_CHOICE_MAX];
};

static inline void
expect_message(struct person *to, const struct message_run *run)
{
	if (to->refuses) {
		stats.n_refused += run->n;
		to->stats.n_refused += run->n;
		return;
	}
	put_message(
	    &to->expected, run->n, slice_data(&run->bytes), run->bytes.len);
	stats.n_delivered += run->n;
	stats.delivered_bytes += run->bytes.len;
	to->stats.n_delivered += run->n;
}

static inline void
expect_run(struct person *from, const struct choice *choice,
    const struct message_run *run)
{
	bool any = false;

	stats.n_published += run->n;
	stats.published_bytes += run->bytes.len;
	from->stats.n_published += run->n;
	for (size_t i = 0; i < N_PEOPLE; i++) {
		bool wanted = false;

		for (size_t k = 0; k < choice->n; k++)
			wanted |= wants(&people[i], choice->at[k]);
		if (!wanted || &people[i] == from)
			continue;
		any = true;
		expect_message(&people[i], run);
	}
	if (!any)
		stats.n_unrouted += run->n;
}

static inline bool
is_asked(const struct person *person, const struct choice *choice,
    bool to_subscribers)
{
	bool asked = false;

	for (size_t i = 0; i < choice->n; i++)
		asked |= person->in[MEMBER][choice->at[i]] ||
			 (to_subscribers && person->in[EXACT][choice->at[i]]);
	return asked && !person->silent;
}

/* Rows are in the order of ids. */
static inline void
add_row(struct question *q, struct person *person)
{
	unsigned at = q->n_rows++;

	for (; at > 0 && q->rows[at - 1].id > person->id; at--)
		q->rows[at] = q->rows[at - 1];
	q->rows[at] = (struct row){ .who = person, .id = person->id };
	memcpy(q->rows[at].name, person->name, sizeof(person->name));
	q->n_bytes += REQUEST_ROW_BYTES + strlen(person->name) + 1;
	q->n_owed++;
}

static inline struct question *
free_place(void)
{
	for (size_t i = 0; i < N_OPEN_MAX; i++)
		if (!questions[i].is_open)
			return &questions[i];
	mismatch("too many are open");
}

static inline uint32_t
n_open(void)
{
	uint32_t n = 0;

	for (size_t i = 0; i < N_OPEN_MAX; i++)
		n += questions[i].is_open;
	return n;
}

static inline int
expect_refusal(const struct person *from, const struct broker_request *ask)
{
	if (ask->timeout_ms < 0 || ask->timeout_ms > BROKER_TIMEOUT_MAX_MS)
		return BROKER_E_TIMEOUT;
	if (from->n_asked >= limits.questions_max)
		return BROKER_E_QUESTIONS;
	return n_open() >= limits.questions_all_max ? BROKER_E_QUESTIONS_ALL
						    : 0;
}

static inline void
expect_question(struct person *from, const struct broker_request *ask,
    const struct choice *choice, uint64_t id)
{
	struct question *q = free_place();

	*q = (struct question){
		.is_open = true,
		.ask_id = ask->ask_id,
		.gather = ask->gather,
		.asker = from,
		.scope = ask->to_subscribers ? N_TOPICS : choice->at[0],
		.deadline_ms =
		    now.ms + (ask->timeout_ms == 0 ? BROKER_TIMEOUT_DEFAULT_MS
						   : ask->timeout_ms),
		.max_bytes = limits.gather_max_bytes,
		.parts_max = ask->parts_max_bytes == 0 ? 0
			     : ask->parts_max_bytes < limits.parts_max_bytes
				 ? ask->parts_max_bytes
				 : limits.parts_max_bytes,
	};
	from->n_asked++;
	from->stats.n_asked++;
	stats.n_asked++;
	for (size_t i = 0; i < N_PEOPLE; i++)
		if (&people[i] != from &&
		    is_asked(&people[i], choice, ask->to_subscribers))
			add_row(q, &people[i]);
	if (q->n_bytes > q->max_bytes) {
		seen.full_at_once++;
		finish(q, OUTCOME_FULL);
		return;
	}
	q->id = id;
	for (unsigned i = 0; i < q->n_rows; i++) {
		put_question(&q->rows[i].who->expected, ask);
		q->rows[i].who->stats.n_questions++;
		stats.n_questions++;
	}
	seen.of_nobody += q->n_rows == 0;
	finish_if_settled(q);
}

static inline struct question *
find_open(uint64_t id)
{
	for (size_t i = 0; i < N_OPEN_MAX; i++)
		if (questions[i].is_open && questions[i].id == id)
			return &questions[i];
	return NULL;
}

static inline struct row *
find_row(struct question *q, uint64_t id)
{
	for (unsigned i = 0; i < q->n_rows; i++)
		if (q->rows[i].id == id)
			return &q->rows[i];
	return NULL;
}

static inline bool
has_room(struct question *q, size_t len)
{
	if (q->n_bytes + len + GATHER_ENTRY_BYTES > q->max_bytes)
		return false;
	q->n_bytes += len + GATHER_ENTRY_BYTES;
	return true;
}

/* Takes the answer of a person that owes one; false if it is too much. */
static inline bool
take_whole(
    struct question *q, const struct row *row, const struct answer *answer)
{
	if (!has_room(q, answer->len))
		return false;
	q->answers[q->n_answers].row = row;
	q->answers[q->n_answers].len = answer->len;
	memcpy(q->answers[q->n_answers].bytes, answer->bytes, answer->len);
	q->n_answers++;
	return true;
}

static inline bool
take_word(struct question *q, size_t word)
{
	for (unsigned i = 0; i < q->n_words; i++)
		if (q->words[i] == word) {
			seen.strings_again++;
			return true;
		}
	if (!has_room(q, strlen(words[word])))
		return false;
	q->words[q->n_words++] = word;
	return true;
}

static inline bool
take_yes(struct question *q, const struct row *row, const struct answer *answer,
    const size_t *said)
{
	if (q->gather == GATHER_STREAM)
		return true;
	if (q->gather != GATHER_UNION)
		return take_whole(q, row, answer);
	for (size_t i = 0; i < answer->n_strings; i++)
		if (!take_word(q, said[i]))
			return false;
	return true;
}

static inline bool
has_room_for_part(struct question *q, const struct answer *answer)
{
	if (q->gather != GATHER_STREAM || q->parts_max == 0 ||
	    answer->verdict == VERDICT_NO)
		return true;
	q->n_part_bytes += answer->len;
	return q->n_part_bytes <= q->parts_max;
}

/* Expects the effects of an answer that is owed. */
static inline int
expect_answer(struct question *q, struct row *row, const struct answer *answer,
    const size_t *said)
{
	if (answer->len > limits.answer_max_bytes) {
		settle(q, row, DEBT_TOO_BIG);
		finish_if_settled(q);
		return BROKER_E_ANSWER_BIG;
	}
	if (answer->verdict == VERDICT_FAILED) {
		stats.n_answers++;
		settle(q, row, answer->failure);
		finish_if_settled(q);
		return 0;
	}
	if (answer->verdict == VERDICT_MORE && q->gather != GATHER_STREAM)
		return BROKER_E_ANSWER;
	stats.n_answers++;
	if (!has_room_for_part(q, answer)) {
		finish(q, OUTCOME_FULL);
		return 0;
	}
	if (q->gather == GATHER_STREAM && answer->verdict != VERDICT_NO) {
		seen.parts++;
		put_part(&q->asker->expected, q->ask_id, row->id, answer);
	}
	if (answer->verdict == VERDICT_MORE)
		return 0;
	settle(q, row, DEBT_PAID);
	q->n_answered++;
	if (answer->verdict == VERDICT_YES) {
		if (!take_yes(q, row, answer, said))
			finish(q, OUTCOME_FULL);
		else if (q->gather == GATHER_FIRST)
			finish(q, OUTCOME_FOUND);
	}
	finish_if_settled(q);
	return 0;
}

static inline int
expect_any_answer(
    const struct person *from, const struct answer *answer, const size_t *said)
{
	struct question *q = find_open(answer->question);
	struct row *row;

	if (q == NULL) {
		if (answer->question == 0 || answer->question > FOREIGN)
			stats.n_foreign++;
		else
			stats.n_late++;
		return 0;
	}
	row = find_row(q, from->id);
	if (row == NULL) {
		stats.n_foreign++;
		return 0;
	}
	if (row->state != DEBT_OWED) {
		if (row->state == DEBT_LEFT)
			stats.n_late++;
		else
			stats.n_doubled++;
		return 0;
	}
	return expect_answer(q, row, answer, said);
}

static inline void
expect_deadlines(void)
{
	for (size_t i = 0; i < N_OPEN_MAX; i++)
		if (questions[i].is_open && questions[i].deadline_ms <= now.ms)
			finish(&questions[i], OUTCOME_TIMEOUT);
}

static inline uint32_t
n_owed_by(const struct person *person)
{
	uint32_t n = 0;

	for (size_t i = 0; i < N_OPEN_MAX; i++)
		for (unsigned k = 0;
		     questions[i].is_open && k < questions[i].n_rows; k++)
			n += questions[i].rows[k].state == DEBT_OWED &&
			     questions[i].rows[k].who == person;
	return n;
}

#endif
