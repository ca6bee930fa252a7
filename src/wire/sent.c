#include "wire/sent.h"

#define PROTOCOL 1

/* Leaves room for the header and puts the topic behind it. */
static size_t
begin(struct msg_writer *w, struct sent_bytes topic)
{
	static const uint8_t room[FRAME_HEADER_SIZE];
	size_t start = w->len;

	msg_put_raw(w, room, sizeof(room));
	msg_put_raw(w, topic.data, topic.len);
	return start;
}

static void
end(struct msg_writer *w, size_t start, enum frame_type type, uint8_t flags,
    struct sent_bytes topic)
{
	if (!w->fault)
		frame_write_head(w->data + start, type, flags, topic.data,
		    topic.len, w->len - start - FRAME_HEADER_SIZE - topic.len);
}

static const struct sent_bytes no_topic;

void
sent_write_hello(struct msg_writer *w, const struct sent_hello *hello)
{
	size_t start = begin(w, no_topic);
	struct msg_open map, previous;

	map = msg_begin_map(w);
	msg_put_pair_int(w, "protocol", PROTOCOL);
	msg_put_pair_str(w, "name", hello->name);
	msg_put_pair_int(w, "pid", hello->pid);
	msg_put_pair_str(w, "client", hello->client);
	msg_put_pair_str(w, "role", hello->role);
	if (hello->pm_id >= 0)
		msg_put_pair_int(w, "pm_id", hello->pm_id);
	if (hello->key != NULL)
		msg_put_pair_str(w, "key", hello->key);
	if (hello->previous_id > 0) {
		msg_put_str(w, "previous");
		previous = msg_begin_map(w);
		msg_put_pair_int(w, "epoch", hello->previous_epoch_ms);
		msg_put_pair_int(w, "id", (int64_t)hello->previous_id);
		msg_end_map(w, previous);
	}
	msg_end_map(w, map);
	end(w, start, FRAME_HELLO, 0, no_topic);
}

void
sent_put_several(
    struct msg_writer *w, const struct sent_bytes *topics, size_t n)
{
	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		msg_put_strn(w, topics[i].data, topics[i].len);
}

void
sent_write_topics(struct msg_writer *w, enum frame_type type, uint8_t flags,
    const struct sent_bytes *topics, size_t n)
{
	size_t start = begin(w, no_topic);

	sent_put_several(w, topics, n);
	end(w, start, type, flags, no_topic);
}

void
sent_write_request(struct msg_writer *w, const struct sent_request *question)
{
	size_t start = begin(w, question->topic);

	msg_put_array(w, 4);
	msg_put_int(w, (int64_t)question->id);
	msg_put_str(w, question->gather);
	msg_put_int(w, question->timeout_ms);
	msg_put_bin(w, question->payload.data, question->payload.len);
	end(w, start, FRAME_ASK, question->flags, question->topic);
}

void
sent_write_answer(struct msg_writer *w, uint64_t question, enum verdict verdict,
    struct sent_bytes payload)
{
	size_t start = begin(w, no_topic);

	msg_put_array(w, verdict == VERDICT_NO ? 2 : 3);
	msg_put_int(w, (int64_t)question);
	msg_put_int(w, verdict);
	if (verdict != VERDICT_NO)
		msg_put_bin(w, payload.data, payload.len);
	end(w, start, FRAME_ANSWER, 0, no_topic);
}

void
sent_write_stats(struct msg_writer *w, const struct sent_stats *stats)
{
	size_t start = begin(w, no_topic);
	struct msg_open map = msg_begin_map(w);

	if (stats->sections != NULL) {
		msg_put_str(w, "sections");
		msg_put_array(w, stats->n_sections);
	}
	for (size_t i = 0; i < stats->n_sections; i++)
		msg_put_str(w, stats->sections[i]);
	if (stats->limit > 0)
		msg_put_pair_int(w, "limit", stats->limit);
	if (stats->sort != NULL)
		msg_put_pair_str(w, "sort", stats->sort);
	msg_end_map(w, map);
	end(w, start, FRAME_STATS, 0, no_topic);
}

void
sent_write_opaque(struct msg_writer *w, enum frame_type type, uint8_t flags,
    struct sent_bytes topic, struct sent_bytes body)
{
	size_t start = begin(w, topic);

	msg_put_raw(w, body.data, body.len);
	end(w, start, type, flags, topic);
}
