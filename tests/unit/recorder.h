/*
 * recorder - a broker whose members write down what they are told, for the
 * tests of asking. Member i has the id i + 1 and the name "n<i>", and is called
 * i; each entry stands behind a blank.
 *
 *   q1:topic,topic:payload      it is asked question 1
 *   p7<2:text                   a part of its question 7, of member 2
 *   r7:complete:1/2:left.2:a,b  the result of its question 7
 *   j2:topic, l2:topic          member 2 has joined, has left
 *   m:text                      a message
 */
#ifndef PM2A_TESTS_UNIT_RECORDER_H
#define PM2A_TESTS_UNIT_RECORDER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "unit/support.h"

#define N_MEMBERS 6

static struct broker *broker;
static struct member *members[N_MEMBERS];
static char logs[N_MEMBERS][1024];
static struct instant now;

static inline void __attribute__((format(printf, 2, 3)))
record(const struct member *to, const char *format, ...)
{
	char *log = to->user;
	size_t at = strlen(log);
	va_list args;

	va_start(args, format);
	vsnprintf(log + at, sizeof(logs[0]) - at, format, args);
	va_end(args);
	ck_assert_uint_lt(strlen(log) + 1, sizeof(logs[0]));
}

static inline bool
on_message(struct member *to, const struct message_run *run)
{
	record(to, " m:%.*s", (int)run->bytes.len,
	    (const char *)slice_data(&run->bytes));
	return true;
}

static inline void
on_presence(struct member *to, const struct presence *p)
{
	record(to, " %c%d:%.*s", p->joined ? 'j' : 'l', (int)p->who->id - 1,
	    (int)p->topic_len, p->topic);
}

static inline void
on_question(struct member *to, uint64_t id, const struct ask *ask)
{
	record(to, " q%d:", (int)id);
	for (size_t i = 0; i < ask->n_topics; i++)
		record(to, "%s%.*s", i == 0 ? "" : ",", (int)ask->topics[i].len,
		    (const char *)ask->topics[i].bytes);
	record(to, ":%.*s", (int)ask->payload_len, (const char *)ask->payload);
}

static inline void
on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	record(to, " p%d<%d:%.*s", (int)request->ask_id, (int)from->id - 1,
	    (int)answer->len, (const char *)answer->bytes);
}

static const char *const outcomes[] = {
	[REQUEST_OPEN] = "open",
	[REQUEST_COMPLETE] = "complete",
	[REQUEST_FOUND] = "found",
	[REQUEST_UNKNOWN] = "unknown",
	[REQUEST_TIMEOUT] = "timeout",
	[REQUEST_FULL] = "full",
};

static const char *const states[] = {
	[DEBT_OWED] = "owed",
	[DEBT_PAID] = "paid",
	[DEBT_LEFT] = "left",
	[DEBT_LATE] = "late",
	[DEBT_TOO_BIG] = "big",
	[DEBT_DISMISSED] = "dismissed",
};

static inline void
record_missing(const struct member *to, const struct request *request)
{
	const char *comma = "";

	for (uint32_t i = 0; i < request->n_debts; i++) {
		const struct debt *debt = &request->debts[i];

		if (debt->state == DEBT_PAID)
			continue;
		record(to, "%s%s.%d", comma, states[debt->state],
		    (int)debt->id - 1);
		comma = ",";
	}
}

static inline void
on_result(struct member *to, const struct request *request)
{
	const struct gather *gather = &request->gathered;
	size_t cursor = 0, len;
	const char *bytes, *comma = "";

	record(to, " r%d:%s:%u/%u:", (int)request->ask_id,
	    outcomes[request->outcome], request->n_answered, request->n_debts);
	record_missing(to, request);
	record(to, ":");
	for (size_t i = 0; i < gather->n_answers; i++) {
		record(to, "%s%.*s", comma, (int)gather->answers[i].len,
		    (const char *)gather->bytes + gather->answers[i].off);
		comma = ",";
	}
	if (request->gather != REQUEST_UNION)
		return;
	while ((bytes = gather_next_string(gather, &cursor, &len)) != NULL) {
		record(to, "%s%.*s", comma, (int)len, bytes);
		comma = ",";
	}
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
	.question = on_question,
	.part = on_part,
	.result = on_result,
};

static const struct broker_limits limits = {
	.topic_max_bytes = 16,
	.subscriptions_max = 8,
	.questions_max = 4,
	.questions_all_max = 6,
	.answer_max_bytes = 10,
	.gather_max_bytes = 1000,
};

static inline void
join(int i)
{
	char name[16];

	snprintf(name, sizeof(name), "n%d", i);
	members[i] = broker_join(broker, name, &sink, logs[i]);
}

static inline void
begin(void)
{
	broker = broker_new(&limits, (struct hash_key){ 1, 2 });
	now = (struct instant){ 50000 };
	memset(logs, 0, sizeof(logs));
	for (int i = 0; i < N_MEMBERS; i++)
		join(i);
}

static inline void
leave(int i)
{
	broker_leave(broker, members[i]);
	members[i] = NULL;
}

static inline void
end(void)
{
	for (int i = 0; i < N_MEMBERS; i++)
		if (members[i] != NULL)
			leave(i);
	ck_assert_uint_eq(request_n_open(broker_requests(broker)), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(broker_requests(broker)), 0);
	ck_assert_int_eq(broker_next_deadline(broker).ms, INSTANT_NEVER.ms);
	broker_free(broker);
	blob_trim();
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

static inline void
expect(int i, const char *text)
{
	ck_assert_str_eq(logs[i], text);
	logs[i][0] = '\0';
}

static inline void
expect_silence(void)
{
	for (int i = 0; i < N_MEMBERS; i++)
		expect(i, "");
}

/* Each of whom subscribes in one way, and what that makes heard is forgotten.
 */
static inline void
subscribe(const char *whom, enum topic_kind kind, const char *topic)
{
	struct topic_name name = { .bytes = topic, .len = strlen(topic) };

	for (; *whom != '\0'; whom++)
		ck_assert_int_eq(
		    broker_subscribe(broker, members[*whom - '0'], kind, &name),
		    0);
	memset(logs, 0, sizeof(logs));
}

static inline void
unsubscribe(int i, enum topic_kind kind, const char *topic)
{
	struct topic_name name = { .bytes = topic, .len = strlen(topic) };

	broker_unsubscribe(broker, members[i], kind, &name);
}

/* A question of member from to whom topics name, one behind each blank. */
static inline int
put(int from, struct ask ask, const char *topics)
{
	struct topic_name names[4];

	ask.topics = names;
	for (; *topics == ' '; topics += names[ask.n_topics++].len) {
		topics++;
		names[ask.n_topics] = (struct topic_name){ .bytes = topics,
			.len = strcspn(topics, " ") };
	}
	ask.payload = "?";
	ask.payload_len = 1;
	return broker_ask(broker, members[from], &ask, now);
}

/* Of 100 ms, to members. */
static inline int
ask(int from, int64_t ask_id, enum request_gather gather, const char *topic)
{
	return put(from,
	    (struct ask){
		.ask_id = ask_id, .gather = gather, .timeout_ms = 100 },
	    topic);
}

static inline int
ask_subscribers(int from, int64_t ask_id, const char *topics)
{
	return put(from,
	    (struct ask){
		.ask_id = ask_id, .timeout_ms = 100, .to_subscribers = true },
	    topics);
}

static inline int
give(int i, uint64_t id, enum request_verdict verdict, const char *text)
{
	struct buffer bytes = exactly(text, strlen(text));
	struct answer_string string = { bytes.data, bytes.len };
	struct answer answer = {
		.question = id,
		.verdict = verdict,
		.bytes = bytes.data,
		.len = bytes.len,
		.strings = &string,
		.n_strings = 1,
	};
	int r = broker_answer(broker, members[i], &answer);

	free(bytes.data);
	return r;
}

static inline void
yes(int i, uint64_t id, const char *text)
{
	ck_assert_int_eq(give(i, id, REQUEST_YES, text), 0);
}

static inline void
no(int i, uint64_t id)
{
	ck_assert_int_eq(give(i, id, REQUEST_NO, ""), 0);
}

static inline void
pass(int64_t ms)
{
	now = instant_after(now, ms);
	broker_expire(broker, now);
}

#endif
