/*
 * A whole broker with four members, driven by frames: the upper bits of a
 * frame's flags say who sends it. Whatever comes, a publisher never gets its
 * own message, nobody gets one twice, and everything can be taken down.
 */
#include <assert.h>
#include <string.h>

#include "core/broker.h"
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

static const struct broker_sink sink = { on_message, on_presence };

static void
publish(struct receiver *from, const struct frame *f)
{
	struct topic_name names[N_NAMES_MAX];
	struct message_run run = { .n = 1, .is_volatile = f->flags & 1 };
	struct msg_topics topics;
	const uint8_t *bytes;
	size_t n = 0, len;

	if (msg_topics_open(f->topic, f->topic_len, &topics) == 0) {
		while (
		    n < N_NAMES_MAX && msg_topics_next(&topics, &bytes, &len))
			names[n++] = (struct topic_name){ bytes, len };
	} else {
		names[n++] = (struct topic_name){ f->topic, f->topic_len };
	}
	for (size_t i = 0; i < n; i++)
		if (broker_check_topic(broker, &names[i]) != 0)
			return;
	for (int i = 0; i < N_MEMBERS; i++)
		receivers[i].n_received = 0;
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
	struct topic_name name;
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
	const struct broker_limits limits = { 64, 16 };
	struct frame f;

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
	broker_free(broker);
	return 0;
}
