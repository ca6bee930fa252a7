#include "edge/redis/publish.h"

#include <string.h>

#include "base/log.h"
#include "edge/redis/message.h"
#include "edge/redis/reply.h"
#include "edge/redis/sharded.h"
#include "wire/frame.h"

#define IN_PLACE_FROM (1 << 18) /* bytes of a payload */
#define WORK_PER_CREDIT 8       /* of struct broker_stats */

/* Returns the message as the frame that native workers get. */
static struct slice
frame_of(struct redis *redis, uint8_t flags, const struct resp_arg *topic,
    const struct resp_arg *payload)
{
	struct slice s = forms_take_room(
	    &redis->forms, FRAME_HEADER_SIZE + topic->len + payload->len);
	uint8_t *out = s.blob->data + s.off;
	size_t head = frame_write_head(
	    out, FRAME_PUBLISH, flags, topic->data, topic->len, payload->len);

	memcpy(out + head, payload->data, payload->len);
	return s;
}

/*
 * As frame_of(), for a large message, which is not copied. The bytes before the
 * payload are the request's own: the channel, and a length with as many digits
 * as the head of a frame needs. Returns false if they are not.
 */
static bool
frame_in_place(struct redis_call *call, struct slice *out)
{
	struct resp_arg *channel = &call->client->redis->args[1];
	const struct resp_arg *payload = &call->args[2];
	struct blob *blob = call->request->blob;
	size_t head = FRAME_HEADER_SIZE + channel->len;
	size_t end = (size_t)(payload->data - blob->data);
	uint8_t *at = blob->data + end - head;

	if (payload->len < IN_PLACE_FROM || at < channel->data)
		return false;
	memmove(at + FRAME_HEADER_SIZE, channel->data, channel->len);
	channel->data = at + FRAME_HEADER_SIZE;
	frame_write_head(
	    at, FRAME_PUBLISH, 0, channel->data, channel->len, payload->len);
	*out =
	    (struct slice){ blob_ref(blob), end - head, head + payload->len };
	return true;
}

/* Returns the channel and its namespace's topic as the topics of one frame;
 * empty if they do not fit into one. */
static struct slice
both_topics(const struct redis *redis, const struct resp_arg *channel,
    const struct pending_join *join, size_t payload_len)
{
	struct msg_writer w = { 0 };
	struct slice s = { 0 };

	msg_put_array(&w, 2);
	msg_put_strn(&w, channel->data, channel->len);
	msg_put_strn(&w, join->topic, join->len);
	if (w.fault)
		log_fatal("out-of-memory", "bytes=%zu", w.len);
	if (w.len <= UINT16_MAX && FRAME_HEADER_SIZE + w.len + payload_len <=
				       redis->settings.max_frame) {
		s.blob = blob_copy(w.data, w.len);
		s.len = w.len;
	}
	msg_writer_fini(&w);
	return s;
}

/* Messages to the publisher itself are sent before the reply. */
static size_t
publish_to_self(struct redis_call *call)
{
	struct redis_message m = { call->args[1].data, call->args[1].len,
		call->args[2].data, call->args[2].len };
	struct redis_client *client = call->client;
	size_t n;

	if (!redis_is_in_pubsub(client))
		return 0;
	redis_flush(client);
	n = redis_put_matches(
	    redis_begin_parts(client->redis, call->request->blob), client, &m);
	if (n > 0)
		redis_send_parts(client, n, false);
	return n;
}

/* Publishes to the broker's subscribers; if redis->sharded is set, to those of
 * them that are native and to the shard channel's. */
static size_t
publish_to(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	const struct resp_arg *channel = &call->args[1];
	const struct pending_join *join = pending_joins_find(
	    &redis->joins, channel, loop_now(redis->loop).ms);
	struct topic_name names[2] = { 0 };
	struct resp_arg field = *channel;
	struct message_run run = { .n = 1 };
	struct slice topics = { 0 };
	const struct broker_stats *stats = broker_stats(redis->broker);
	uint64_t n_work;
	size_t n;

	if (join != NULL)
		topics = both_topics(redis, channel, join, call->args[2].len);
	redis->is_widened = topics.blob != NULL;
	if (redis->is_widened) {
		names[1].bytes = join->topic;
		names[1].len = join->len;
		field.data = slice_data(&topics);
		field.len = topics.len;
	}
	if (redis->is_widened || !frame_in_place(call, &run.bytes))
		run.bytes =
		    frame_of(redis, redis->is_widened ? FRAME_SEVERAL : 0,
			&field, &call->args[2]);
	names[0] = redis_name(channel);
	redis->n_extra = 0;
	redis->stats.n_published++;
	redis->is_own = true;
	n_work = stats->n_work;
	n = broker_publish(redis->broker, call->client->member, names,
	    redis->is_widened ? 2 : 1, &run);
	redis->is_widened = redis->is_own = false;
	n_work = stats->n_work - n_work;
	redis->credit -= (int)(n_work / WORK_PER_CREDIT);
	blob_unref(topics.blob);
	blob_unref(run.bytes.blob);
	return (size_t)((int64_t)n + redis->n_extra);
}

static size_t
publish(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	size_t n = publish_to(call);

	pending_joins_note(
	    &redis->joins, &call->args[1], loop_now(redis->loop).ms);
	return n + publish_to_self(call);
}

/* Returns false if the message cannot be passed on; the client has had an
 * error.
 */
static bool
check_message(struct redis_call *call)
{
	const struct redis_settings *settings = &call->client->redis->settings;
	size_t length = FRAME_HEADER_SIZE - FRAME_LENGTH_SIZE +
			call->args[1].len + call->args[2].len;

	if (call->args[1].len > settings->topic_max_bytes)
		return redis_check(call, BROKER_E_TOPIC_LONG);
	if (length <= settings->max_frame)
		return true;
	redis_error(call,
	    "ERR the message is too long; max-frame is %zu bytes, and it needs "
	    "%zu",
	    settings->max_frame, length);
	return false;
}

void
redis_publish(struct redis_call *call)
{
	if (!check_message(call))
		return;
	/* Nobody can have subscribed to the empty name. */
	resp_put_int(
	    call->out, call->args[1].len == 0 ? 0 : (int64_t)publish(call));
}

/* Native workers get messages of the sharded adapter by the topic of the
 * channel's name; other Redis clients do not. */
static size_t
spublish(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	size_t n;

	redis->sharded = call;
	n = publish_to(call);
	redis->sharded = NULL;
	pending_joins_note_sharded(&redis->joins, &call->args[1],
	    &call->args[2], loop_now(redis->loop).ms);
	return n;
}

void
redis_spublish(struct redis_call *call)
{
	if (!check_message(call))
		return;
	resp_put_int(
	    call->out, call->args[1].len == 0 ? 0 : (int64_t)spublish(call));
}
