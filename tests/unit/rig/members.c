#include "unit/rig/members.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member *members[N_MEMBERS];
char logs[N_MEMBERS][4096];
bool refuses[N_MEMBERS];

static void __attribute__((format(printf, 2, 3)))
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

static enum sink_verdict
on_message(struct member *to, const struct message_run *run)
{
	if (refuses[(char(*)[sizeof(logs[0])])to->user - logs])
		return SINK_DROPPED;
	record(to, " m:%.*s", (int)run->bytes.len,
	    (const char *)slice_data(&run->bytes));
	return SINK_QUEUED;
}

static void
on_presence(struct member *to, const struct presence *p)
{
	record(to, " %c%d:%.*s=%u", p->joined ? 'j' : 'l', (int)p->who->id - 1,
	    (int)p->topic_len, p->topic, p->count);
}

static void
on_question(struct member *to, uint64_t id, const struct broker_request *ask)
{
	record(to, " q%d:", (int)id);
	for (size_t i = 0; i < ask->n_topics; i++)
		record(to, "%s%.*s", i == 0 ? "" : ",", (int)ask->topics[i].len,
		    (const char *)ask->topics[i].bytes);
	record(to, ":%.*s", (int)ask->payload_len, (const char *)ask->payload);
}

static void
on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	record(to, " p%d<%d:%.*s", (int)request->ask_id, (int)from->id - 1,
	    (int)answer->len, (const char *)answer->bytes);
}

static void
record_missing(const struct member *to, const struct request *request)
{
	const char *comma = "";

	for (uint32_t i = 0; i < request->n_debts; i++) {
		const struct debt *debt = &request->debts[i];

		if (debt->state == DEBT_PAID)
			continue;
		record(to, "%s%s.%d", comma, rig_states[debt->state],
		    (int)debt->id - 1);
		comma = ",";
	}
}

static void
on_result(struct member *to, const struct request *request)
{
	const struct gathered *gather = &request->gathered;
	size_t cursor = 0, len;
	const char *bytes, *comma = "";

	record(to, " r%d:%s:%u/%u:", (int)request->ask_id,
	    rig_outcomes[request->outcome], request->n_answered,
	    request->n_debts);
	record_missing(to, request);
	record(to, ":");
	for (size_t i = 0; i < gather->n_answers; i++) {
		record(to, "%s%.*s", comma, (int)gather->answers[i].len,
		    (const char *)gather->bytes + gather->answers[i].off);
		comma = ",";
	}
	if (request->gather != GATHER_UNION)
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

const struct broker_limits member_limits = {
	.topic_max_bytes = 16,
	.subscriptions_max = 8,
	.questions_max = 4,
	.questions_all_max = 6,
	.answer_max_bytes = 10,
	.gather_max_bytes = 1000,
};

void
member_join(int i)
{
	char name[16];

	snprintf(name, sizeof(name), "n%d", i);
	members[i] = broker_join(broker, name, &sink, logs[i]);
}

void
members_begin_with(int n)
{
	rig_open(&member_limits);
	now = (struct instant){ 50000 };
	memset(logs, 0, sizeof(logs));
	memset(refuses, 0, sizeof(refuses));
	for (int i = 0; i < n; i++)
		member_join(i);
}

void
members_begin(void)
{
	members_begin_with(6);
}

bool
leave_some(int i, uint32_t n_steps)
{
	bool is_more = broker_leave(broker, members[i], n_steps);

	members[i] = NULL;
	return is_more;
}

void
leave(int i)
{
	leave_some(i, UINT32_MAX);
}

void
members_end(void)
{
	for (int i = 0; i < N_MEMBERS; i++)
		if (members[i] != NULL)
			leave(i);
	ck_assert(!broker_release(broker, UINT32_MAX));
	rig_close();
	rig_expect_no_blobs();
}

void
expect(int i, const char *text)
{
	ck_assert_str_eq(logs[i], text);
	logs[i][0] = '\0';
}

void
expect_silence(void)
{
	for (int i = 0; i < N_MEMBERS; i++)
		expect(i, "");
}

struct topic_name
name_of(const char *topic)
{
	return (struct topic_name){ .bytes = topic, .len = strlen(topic) };
}

int
try_subscribe(int i, enum topic_kind kind, const char *topic)
{
	struct topic_name name = name_of(topic);

	return broker_subscribe(broker, members[i], kind, &name);
}

void
subscribe(const char *whom, enum topic_kind kind, const char *topic)
{
	for (; *whom != '\0'; whom++)
		ck_assert_int_eq(try_subscribe(*whom - '0', kind, topic), 0);
	memset(logs, 0, sizeof(logs));
}

void
unsubscribe(int i, enum topic_kind kind, const char *topic)
{
	struct topic_name name = name_of(topic);

	broker_unsubscribe(broker, members[i], kind, &name);
}

void
member_publish(int from, const char *text, const char *one, const char *two)
{
	struct topic_name names[2] = { name_of(one), name_of(two ? two : "") };
	struct message_run run = { .n = 1 };

	run.bytes =
	    (struct slice){ blob_copy(text, strlen(text)), 0, strlen(text) };
	broker_publish(broker, members[from], names, two ? 2 : 1, &run);
	blob_unref(run.bytes.blob);
}

int
put(int from, struct broker_request ask, const char *topics)
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
	return broker_open_request(broker, members[from], &ask, now);
}

int
ask(int from, int64_t ask_id, enum gather gather, const char *topic)
{
	return put(from,
	    (struct broker_request){
		.ask_id = ask_id, .gather = gather, .timeout_ms = 100 },
	    topic);
}

int
ask_subscribers(int from, int64_t ask_id, const char *topics)
{
	return put(from,
	    (struct broker_request){
		.ask_id = ask_id, .timeout_ms = 100, .to_subscribers = true },
	    topics);
}

int
give(int i, uint64_t id, enum verdict verdict, const char *text)
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

void
yes(int i, uint64_t id, const char *text)
{
	ck_assert_int_eq(give(i, id, VERDICT_YES, text), 0);
}

void
no(int i, uint64_t id)
{
	ck_assert_int_eq(give(i, id, VERDICT_NO, ""), 0);
}

void
pass(int64_t ms)
{
	now = instant_after(now, ms);
	broker_expire(broker, now);
}
