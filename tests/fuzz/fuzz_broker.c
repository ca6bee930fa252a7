/*
 * A whole broker with four members, driven by frames: the upper bits of a
 * frame's flags say who sends it. Whatever comes, a publisher never gets its
 * own message, nobody gets one twice, a question ends exactly once, and
 * everything can be taken down. A PING lets as many ms pass as it has bytes; a
 * HELLO has its sender leave and come again, and as many steps of that are done
 * at once as it has bytes, and some more at each PONG.
 *
 * A frame is refused only for what the edge refuses, and topics are judged by
 * the broker itself: a peer may send any number of them, and none.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "wire/question_frames.h"
#include "wire/frame.h"
#include "wire/msg.h"

#define N_MEMBERS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct receiver {
	struct member *member;
	unsigned n_received; /* of the publish that runs */
};

static struct broker *broker;
static struct receiver receivers[N_MEMBERS];
static struct instant now;
static uint64_t n_results;

static enum sink_verdict
on_message(struct member *to, const struct message_run *run)
{
	struct receiver *receiver = to->user;

	receiver->n_received++;
	return run->is_volatile ? SINK_DROPPED : SINK_QUEUED;
}

static void
on_presence(struct member *to, const struct presence *presence)
{
	assert(to != presence->who || presence->joined);
	assert(presence->topic_len > 0);
}

static void
on_question(struct member *to, uint64_t id, const struct broker_request *ask)
{
	struct receiver *receiver = to->user;

	assert(id > 0 && ask->n_topics > 0 && !to->is_silent);
	receiver->n_received++;
}

static void
on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer)
{
	assert(to != from && request->gather == GATHER_STREAM);
	assert(answer->verdict != VERDICT_NO);
}

static void
on_result(struct member *to, const struct request *request)
{
	assert(&to->requests == request->asker);
	assert(request->n_answered <= request->n_debts);
	assert(request->outcome != OUTCOME_OPEN && request->n_owed == 0);
	n_results++;
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
	.question = on_question,
	.part = on_part,
	.result = on_result,
};

/* Whether members that have left are not all released. */
static bool has_gone;

/* The strings of an array, at most as many as it has bytes. */
struct names {
	struct topic_name *at;
	size_t n;
};

/* False if the bytes are not an array of topics. */
static bool
read_array(const uint8_t *data, size_t len, struct names *out)
{
	struct msg_topics topics;
	const uint8_t *bytes;
	size_t n;

	if (msg_topics_open(data, len, &topics) != 0)
		return false;
	*out = (struct names){ calloc(len, sizeof(*out->at)), 0 };
	while (msg_topics_next(&topics, &bytes, &n))
		out->at[out->n++] =
		    (struct topic_name){ .bytes = bytes, .len = n };
	return true;
}

/* The topics of f. False if they may not be published to. */
static bool
read_names(const struct frame *f, struct names *out)
{
	if (!(f->flags & FRAME_SEVERAL)) {
		*out = (struct names){ calloc(1, sizeof(*out->at)), 1 };
		out->at[0] = (struct topic_name){ .bytes = f->topic,
			.len = f->topic_len };
	} else if (!read_array(f->topic, f->topic_len, out)) {
		return false;
	}
	if (broker_check_topics(broker, out->at, out->n) == 0)
		return true;
	free(out->at);
	return false;
}

static void
expect_at_most_one_each(const struct receiver *from)
{
	assert(from->n_received == 0);
	for (int i = 0; i < N_MEMBERS; i++) {
		assert(receivers[i].n_received <= 1);
		receivers[i].n_received = 0;
	}
}

static void
publish(struct receiver *from, const struct frame *f)
{
	struct message_run run = { .n = 1, .is_volatile = f->flags & 1 };
	struct names names;

	if (!read_names(f, &names))
		return;
	run.bytes = (struct slice){ blob_copy(f->start, f->size), 0, f->size };
	broker_publish(broker, from->member, names.at, names.n, &run);
	blob_unref(run.bytes.blob);
	free(names.at);
	expect_at_most_one_each(from);
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
	int flags = f->flags & (FRAME_TO_SUBSCRIBERS | FRAME_SEVERAL);
	struct control_why why;
	struct question_request in;
	struct names names;
	int r;

	if (flags == FRAME_SEVERAL ||
	    question_read_request(f->body, f->body_len, &in, &why) != 0 ||
	    !read_names(f, &names))
		return;
	r = broker_open_request(broker, from->member,
	    &(struct broker_request){
		.ask_id = in.id,
		.gather = (enum gather)in.gather,
		.timeout_ms = in.timeout_ms,
		.parts_max_bytes = (uint64_t)in.parts_max_bytes,
		.to_subscribers = flags & FRAME_TO_SUBSCRIBERS,
		.topics = names.at,
		.n_topics = names.n,
		.payload = in.payload,
		.payload_len = in.payload_len,
	    },
	    now);
	free(names.at);
	assert(r == 0 || r == BROKER_E_TIMEOUT || r == BROKER_E_QUESTIONS ||
	       r == BROKER_E_QUESTIONS_ALL);
	expect_at_most_one_each(from);
}

/* Reads the strings of a yes to a union, which the caller frees. False if
 * there are none to be read. */
static bool
read_strings(
    struct receiver *from, struct answer *out, struct answer_string **strings)
{
	struct names names;

	if (out->verdict != VERDICT_YES ||
	    !broker_wants_strings(
		broker, from->member, out->question, out->len))
		return true;
	if (!read_array(out->bytes, out->len, &names))
		return false;
	*strings = calloc(names.n + 1, sizeof(**strings));
	for (size_t i = 0; i < names.n; i++)
		(*strings)[i] = (struct answer_string){ names.at[i].bytes,
			names.at[i].len };
	free(names.at);
	out->strings = *strings;
	out->n_strings = names.n;
	return true;
}

static void
answer(struct receiver *from, const struct frame *f)
{
	struct question_answer in;
	struct control_why why;
	struct answer_string *strings = NULL;
	struct answer out = { .strings = NULL };
	int r;

	if (question_read_answer(f->body, f->body_len, &in, &why) != 0)
		return;
	out.question = in.question;
	out.verdict = (enum verdict)in.verdict;
	out.failure = DEBT_FAILED;
	out.bytes = in.payload;
	out.len = in.payload_len;
	if (!read_strings(from, &out, &strings))
		return;
	r = broker_answer(broker, from->member, &out);
	free(strings);
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
come_again(struct receiver *who, const struct frame *f)
{
	has_gone = broker_leave(broker, who->member, (uint32_t)f->body_len);
	who->member = broker_join(broker, "again", &sink, who);
}

static void
release(const struct frame *f)
{
	bool had_gone = has_gone;

	has_gone = broker_release(broker, (uint32_t)f->body_len);
	assert(had_gone || !has_gone);
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
		come_again(who, f);
		break;
	case FRAME_PONG:
		release(f);
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
		.gather_all_max_bytes = 150,
	};
	const struct broker_stats *stats;
	struct frame f;

	n_results = 0;
	now.ms = 0;
	broker = broker_new(&limits, (struct hash_key){ 1, 2 });
	for (int i = 0; i < N_MEMBERS; i++)
		receivers[i].member =
		    broker_join(broker, "fuzz", &sink, &receivers[i]);
	while (frame_peek(data, len, UINT32_MAX, &f) == FRAME_READY) {
		take(&f);
		data += f.size;
		len -= f.size;
	}
	for (int i = 0; i < N_MEMBERS; i++)
		has_gone =
		    broker_leave(broker, receivers[i].member, UINT32_MAX);
	assert(broker_release(broker, UINT32_MAX) == false);
	assert(topic_n_subscriptions(broker_topics(broker)) == 0);
	assert(topic_n_exact(broker_topics(broker)) == 0);
	assert(request_n_open(broker_requests(broker)) == 0);
	assert(request_n_gathered_bytes(broker_requests(broker)) == 0);
	stats = broker_stats(broker);
	assert(n_results + stats->n_abandoned == stats->n_asked);
	broker_free(broker);
	return 0;
}
