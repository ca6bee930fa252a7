#include "edge/redis/sharded.h"

#include "edge/redis/message.h"
#include "edge/redis/reply.h"
#include "edge/redis/translate.h"
#include "net/piped.h"

/*
 * The sharded adapter's channels are not among the broker's topics. While one
 * has a subscriber the broker shows us all messages, and those of
 * native workers go to the shard channel of the namespace, which all servers of
 * the sharded adapter have, whatever its subscriptionMode is.
 */

size_t
redis_send_shard(struct redis *redis, struct redis_call *call,
    const struct topic *topic, const struct resp_arg *channel,
    const struct resp_arg *payload, bool is_volatile)
{
	struct redis_message m = { channel->data, channel->len, payload->data,
		payload->len };
	const struct subscription *subs = topic_subs(topic);
	struct parts own = { 0 }, parts = parts_written_to(&redis->scratch);
	struct slice forms[2] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < topic->n_subs; i++) {
		struct redis_client *to = shards_client(&subs[i]);
		struct slice *form;

		if (to == NULL)
			continue;
		n++;
		form = &forms[to->version - 2];
		if (call != NULL && to == call->client) {
			own = parts_written_to(call->out);
			redis_put_message(
			    &own, to->version, "smessage", NULL, &m);
			redis_count_delivered(to, 1);
			continue;
		}
		if (form->blob == NULL) {
			redis_put_message(
			    &parts, to->version, "smessage", NULL, &m);
			*form = redis_take_scratch(redis);
		}
		if (redis_send_message(to, form, 1, is_volatile) == SINK_QUEUED)
			broker_note_delivered(redis->broker, to->member,
			    &(struct message_run){ .bytes = *form, .n = 1 });
	}
	blob_unref(forms[0].blob);
	blob_unref(forms[1].blob);
	return n;
}

/* A message that native workers have published, for shard channels. */
struct tapping {
	struct redis *redis;
	bool is_volatile;
	size_t n_receivers;
};

static void
send_sharded(struct tapping *tapping, const struct frame *f,
    const struct redis_topic *channel, const struct topic *topic,
    const struct adapter_message *m)
{
	struct redis *redis = tapping->redis;
	struct msg_writer body = { 0 };
	int e = adapter_put_sharded(&body, m);

	if (e != 0) {
		redis_count_untranslated(redis, f, e);
	} else {
		redis->stats.n_translated++;
		tapping->n_receivers += redis_send_shard(redis, NULL, topic,
		    &(struct resp_arg){ channel->bytes, channel->len },
		    &(struct resp_arg){ body.data, body.len },
		    tapping->is_volatile);
	}
	msg_writer_fini(&body);
}

static void
tap_frame(void *arg, const struct frame *f)
{
	static struct redis_topic nsp;
	struct tapping *tapping = arg;
	struct topic_registry *shards = tapping->redis->shards.topics;
	struct adapter_message m;
	const struct topic *topic;
	const uint8_t *first;
	size_t len, key = redis_first_topic(f, &first, &len);

	if (key == 0)
		return;
	if (adapter_read(f->body, f->body_len, &m) != 0) {
		redis_count_untranslated(
		    tapping->redis, f, TRANSCODE_E_MALFORMED);
		return;
	}
	if (m.kind == ADAPTER_OPAQUE ||
	    !redis_make_topic(&nsp, first, key, "#", &m) ||
	    !redis_topic_begins(first, len, &nsp))
		return;
	topic = topic_find(shards, nsp.bytes, nsp.len);
	if (topic != NULL)
		send_sharded(tapping, f, &nsp, topic, &m);
}

/* Publishes the message in redis->sharded. Returns the number of receivers. */
static size_t
send_own(struct redis *redis)
{
	struct redis_call *call = redis->sharded;
	const struct topic *topic;
	struct topic_name name;
	size_t n;

	if (call == NULL)
		return 0;
	name = redis_hashed(redis->shards.topics, &call->args[1]);
	topic = topic_find_hashed(
	    redis->shards.topics, name.hash, name.bytes, name.len);
	if (topic == NULL)
		return 0;
	n = redis_send_shard(
	    redis, call, topic, &call->args[1], &call->args[2], false);
	redis->n_extra += (int64_t)n;
	return n;
}

static size_t
on_published(void *arg, const struct message_run *run)
{
	struct redis *redis = arg;
	struct tapping tapping = { redis, run->is_volatile, 0 };

	if (redis->is_own)
		return send_own(redis);
	piped_settle(run->bytes.blob);
	redis_each_frame(run, tap_frame, &tapping);
	return tapping.n_receivers;
}

void
redis_watch_shards(struct redis *redis)
{
	redis->tap = (struct broker_tap){ on_published, redis };
	broker_set_tap(redis->broker,
	    topic_n_exact(redis->shards.topics) > 0 ? &redis->tap : NULL);
}
