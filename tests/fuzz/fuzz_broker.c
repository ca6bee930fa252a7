/*
 * A whole broker with four members, driven by frames: the upper bits of a
 * frame's flags say who sends it. Whatever comes, a publisher never gets its
 * own message, nobody gets one twice, a question ends exactly once, and
 * everything can be taken down. A PING lets as many ms pass as it has bytes.
 */
#include <assert.h>
#include <string.h>

#include "core/broker.h"
#include "wire/asking.h"
#include "wire/frame.h"
#include "wire/msg.h"

#define N_MEMBERS 4
#define N_NAMES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct receiver {
	struct member *member;
	unsigned n_received; /* of the publish that runs */
};

static struct broker *broker;
static struct receiver receivers[N_MEMBERS];
static struct instant now;
static uint64_t n_results;

static bool
on_message(struct member *to, const struct message_run *run)
{
	struct receiver *receiver = to->user;

	receiver->n_received++;
	return !run->is_volatile;
}

static void
on_presence(struct member *to, const struct presence *presence)
{
	assert(to != presence->who || presence->joined);
	assert(presence->topic_len > 0);
}

static void
on_question(struct member *to, uint64_t id, const struct ask *ask)
{
	struct receiver *receiver = to->user;

	assert(id > 0 && ask->n_topics > 0 && !to->is_silent);
	receiver->n_received++;
}

static void
on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	assert(to != from && request->gather == REQUEST_STREAM);
	assert(answer->verdict != REQUEST_NO);
}

static void
on_result(struct member *to, const struct request *request)
{
	assert(&to->requests == request->asker);
	assert(request->n_answered <= request->n_debts);
	assert(request->outcome != REQUEST_OPEN && request->n_owed == 0);
	n_results++;
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
	.question = on_question,
	.part = on_part,
	.result = on_result,
};

/* The topics of f, which may be published to. 0: there are none. */
static size_t
read_names(const struct frame *f, struct topic_name names[N_NAMES_MAX])
{
	struct msg_topics topics;
	const uint8_t *bytes;
	size_t n = 0, len;

	if (msg_topics_open(f->topic, f->topic_len, &topics) == 0) {
		while (
		    n < N_NAMES_MAX && msg_topics_next(&topics, &bytes, &len))
			names[n++] =
			    (struct topic_name){ .bytes = bytes, .len = len };
	} else {
		names[n++] = (struct topic_name){ .bytes = f->topic,
			.len = f->topic_len };
	}
	for (size_t i = 0; i < n; i++)
		if (broker_check_topic(broker, &names[i]) != 0)
			return 0;
	for (int i = 0; i < N_MEMBERS; i++)
		receivers[i].n_received = 0;
	return n;
}

static void
publish(struct receiver *from, const struct frame *f)
{
	struct topic_name names[N_NAMES_MAX];
	struct message_run run = { .n = 1, .is_volatile = f->flags & 1 };
	size_t n = read_names(f, names);

	if (n == 0)
		return;
	run.bytes = (struct slice){ blob_copy(f->start, f->size), 0, f->size };
	broker_publish(broker, from->member, names, n, &run);
	blob_unref(run.bytes.blob);
	assert(from->n_received == 0);
	for (int i = 0; i < N_MEMBERS; i++)
		assert(receivers[i].n_received <= 1);
}

static void
subscribe(struct receiver *who, const struct frame *f)
{
	static const enum topic_kind kinds[] = { TOPIC_EXACT, TOPIC_PREFIX,
		TOPIC_MEMBER, TOPIC_EXACT };
	enum topic_kind kind = kinds[f->flags & 3];
	struct msg_topics topics;
	struct topic_name name = { .hash = 0 };
	const uint8_t *bytes;

	if (msg_topics_open(f->body, f->body_len, &topics) != 0)
		return;
	while (msg_topics_next(&topics, &bytes, &name.len)) {
		name.bytes = bytes;
		if (f->type == FRAME_UNSUBSCRIBE)
			broker_unsubscribe(broker, who->member, kind, &name);
		else if (broker_subscribe(broker, who->member, kind, &name) ==
			 BROKER_E_TOPIC_EMPTY)
			assert(name.len == 0 && kind != TOPIC_PREFIX);
	}
}

static void
ask(struct receiver *from, const struct frame *f)
{
	struct topic_name names[N_NAMES_MAX];
	struct control_why why;
	struct asking_ask in;
	struct ask question = { .topics = names };

	if (asking_read_ask(f->body, f->body_len, &in, &why) != 0)
		return;
	question.n_topics = read_names(f, names);
	if (question.n_topics == 0)
		return;
	question.ask_id = in.id;
	question.gather = (enum request_gather)in.gather;
	question.timeout_ms = in.timeout_ms;
	question.to_subscribers = question.n_topics > 1 || f->flags & 1;
	question.payload = in.payload;
	question.payload_len = in.payload_len;
	if (broker_ask(broker, from->member, &question, now) != 0)
		return;
	assert(from->n_received == 0);
	for (int i = 0; i < N_MEMBERS; i++)
		assert(receivers[i].n_received <= 1);
}

static void
answer(struct receiver *from, const struct frame *f)
{
	struct answer_string strings[N_NAMES_MAX];
	struct asking_answer in;
	struct control_why why;
	struct answer out = { .strings = strings };
	struct msg_topics topics;
	const uint8_t *bytes;
	size_t len;
	int r;

	if (asking_read_answer(f->body, f->body_len, &in, &why) != 0)
		return;
	out.question = in.question;
	out.verdict = (enum request_verdict)in.verdict;
	out.bytes = in.payload;
	out.len = in.payload_len;
	if (msg_topics_open(in.payload, in.payload_len, &topics) == 0)
		while (out.n_strings < N_NAMES_MAX &&
		       msg_topics_next(&topics, &bytes, &len))
			strings[out.n_strings++] =
			    (struct answer_string){ bytes, len };
	r = broker_answer(broker, from->member, &out);
	assert(r == 0 || r == BROKER_E_ANSWER_BIG || r == BROKER_E_ANSWER);
}

static void
pass_time(const struct frame *f)
{
	now.ms += (int64_t)f->body_len;
	broker_expire(broker, now);
	assert(broker_next_deadline(broker).ms > now.ms);
}

static void
come_again(struct receiver *who)
{
	broker_leave(broker, who->member);
	who->member = broker_join(broker, "again", &sink, who);
}

static void
take(const struct frame *f)
{
	struct receiver *who = &receivers[(f->flags >> 4) % N_MEMBERS];

	switch (f->type) {
	case FRAME_PUBLISH:
		publish(who, f);
		break;
	case FRAME_SUBSCRIBE:
	case FRAME_UNSUBSCRIBE:
		subscribe(who, f);
		break;
	case FRAME_ASK:
		ask(who, f);
		break;
	case FRAME_ANSWER:
		answer(who, f);
		break;
	case FRAME_PING:
		pass_time(f);
		break;
	case FRAME_GOODBYE:
		broker_silence(broker, who->member);
		break;
	case FRAME_HELLO:
		come_again(who);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct broker_limits limits = {
		.topic_max_bytes = 64,
		.subscriptions_max = 16,
		.questions_max = 6,
		.questions_all_max = 10,
		.answer_max_bytes = 64,
		.gather_max_bytes = 100,
	};
	const struct broker_stats *stats;
	struct frame f;

	n_results = 0;
	now.ms = 0;
	broker = broker_new(&limits, (struct hash_key){ 1, 2 });
	for (int i = 0; i < N_MEMBERS; i++)
		receivers[i].member =
		    broker_join(broker, "fuzz", &sink, &receivers[i]);
	while (frame_peek(data, len, 4096, &f) == FRAME_READY) {
		take(&f);
		data += f.size;
		len -= f.size;
	}
	for (int i = 0; i < N_MEMBERS; i++)
		broker_leave(broker, receivers[i].member);
	assert(topic_n_subscriptions(broker_topics(broker)) == 0);
	assert(topic_n_exact(broker_topics(broker)) == 0);
	assert(request_n_open(broker_requests(broker)) == 0);
	assert(request_n_gathered_bytes(broker_requests(broker)) == 0);
	stats = broker_stats(broker);
	assert(n_results + stats->n_abandoned == stats->n_asked);
	broker_free(broker);
	return 0;
}
