#include "edge/redis/client.h"

#include <string.h>

#include "base/log.h"
#include "net/piped.h"
#include "wire/frame.h"
#include "wire/glob.h"

/*
 * The broker gives each receiver a message once. A client of Redis gets it once
 * for its channel and once for each pattern, and a publisher, if it speaks
 * RESP3 and has subscribed, gets its own. PUBLISH counts deliveries; so what is
 * beyond one for each receiver is counted while the broker walks.
 *
 * A message is written once in the form of each version of the protocol, and
 * all who have it by their channel share the bytes.
 */

#define ROOM_MAX 4096 /* bytes of what shares a blob with others */

/* What one message is: a topic and a payload, in the bytes of a frame. */
struct message {
	const uint8_t *topic;
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
};

static void
put_message(struct msg_writer *w, int version, const char *event,
    const struct topic *pattern, const struct message *m)
{
	resp_put_push(w, version, pattern == NULL ? 3 : 4);
	resp_put_text(w, event);
	if (pattern != NULL)
		resp_put_bulk(w, pattern->name, pattern->len);
	resp_put_bulk(w, m->topic, m->topic_len);
	resp_put_bulk(w, m->payload, m->payload_len);
}

/* Writes what the client gets of m. Returns the number of deliveries. */
static size_t
put_matches(struct msg_writer *w, const struct redis_client *client,
    const struct message *m)
{
	const struct topic_owner *patterns = &client->patterns;
	struct topic_name name = { .bytes = m->topic, .len = m->topic_len };
	size_t n = 0;

	if (client->n_channels > 0 &&
	    broker_is_subscribed(
		client->redis->broker, client->member, TOPIC_EXACT, &name)) {
		put_message(w, client->version, "message", NULL, m);
		n++;
	}
	for (size_t i = 0; i < patterns->n_subs; i++) {
		const struct topic *pattern = patterns->topics[i];

		if (!glob_match((const uint8_t *)pattern->name, pattern->len,
			m->topic, m->topic_len))
			continue;
		put_message(w, client->version, "pmessage", pattern, m);
		n++;
	}
	return n;
}

/* Writes what the client gets of one frame. */
static size_t
put_frame(struct msg_writer *w, const struct redis_client *client,
    const struct frame *f)
{
	struct message m = { f->topic, f->topic_len, f->body, f->body_len };
	struct msg_topics topics;
	size_t n = 0;

	if (!(f->flags & FRAME_SEVERAL))
		return put_matches(w, client, &m);
	if (msg_topics_open(f->topic, f->topic_len, &topics) != 0)
		return 0;
	while (msg_topics_next(&topics, &m.topic, &m.topic_len)) {
		n += put_matches(w, client, &m);
		if (client->redis->is_widened ||
		    (n > 0 && f->flags & REDIS_FIRST_TOPIC))
			break;
	}
	return n;
}

/* Writes what the client gets of a run. */
static size_t
put_run(struct msg_writer *w, const struct redis_client *client,
    const struct slice *run)
{
	struct slice rest = *run;
	struct frame f;
	size_t n = 0;

	while (rest.len > 0 && frame_peek(slice_data(&rest), rest.len,
				   UINT32_MAX, &f) == FRAME_READY) {
		n += put_frame(w, client, &f);
		rest.off += f.size;
		rest.len -= f.size;
	}
	return n;
}

static bool
is_same(const struct slice *a, const struct slice *b)
{
	return a->blob == b->blob && a->off == b->off && a->len == b->len;
}

static bool
has_several_topics(const struct slice *run)
{
	return slice_data(run)[FRAME_LENGTH_SIZE + 1] & FRAME_SEVERAL;
}

/* Bytes to be filled at once. Small ones of one turn lie behind each other in
 * one blob: an allocation for many, and in queues they become one slice. */
static struct slice
take_room(struct redis *redis, size_t size)
{
	struct slice s = { .len = size };

	if (size > ROOM_MAX) {
		s.blob = blob_new(size);
		return s;
	}
	if (redis->room == NULL || BLOB_CHUNK - redis->room_used < size) {
		blob_unref(redis->room);
		redis->room = blob_new(BLOB_CHUNK);
		redis->room_used = 0;
		loop_flush_later(redis->loop, &redis->forgetting);
	}
	s.blob = blob_ref(redis->room);
	s.off = redis->room_used;
	redis->room_used += size;
	return s;
}

struct slice
redis_take_scratch(struct redis *redis)
{
	struct msg_writer *w = &redis->scratch;
	struct slice s;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	s = take_room(redis, w->len);
	memcpy(s.blob->data + s.off, w->data, w->len);
	w->len = 0;
	if (s.len > ROOM_MAX)
		redis_trim_later(redis);
	return s;
}

/* The forms are of use while one publish is on its way, and hold its bytes: so
 * they go with the turn. */
void
redis_drop_forms(struct redis *redis)
{
	for (size_t i = 0; i < sizeof(redis->forms) / sizeof(*redis->forms);
	     i++) {
		blob_unref(redis->forms[i].source.blob);
		blob_unref(redis->forms[i].bytes.blob);
		redis->forms[i] = (struct redis_form){ 0 };
	}
	redis_forget_translation(redis);
	blob_unref(redis->room);
	redis->room = NULL;
}

/* The run for whoever has its one topic by its channel alone. */
static const struct slice *
shared_form(struct redis_client *client, const struct slice *run)
{
	struct redis *redis = client->redis;
	struct redis_form *form = &redis->forms[client->version - 2];

	if (form->source.blob != NULL && is_same(&form->source, run))
		return &form->bytes;
	blob_unref(form->source.blob);
	blob_unref(form->bytes.blob);
	put_run(&redis->scratch, client, run);
	form->bytes = redis_take_scratch(redis);
	form->source = *run;
	blob_ref(run->blob);
	loop_flush_later(redis->loop, &redis->forgetting);
	return &form->bytes;
}

/* Whether what comes can only be for one of its channels. */
static bool
has_no_prefix(const struct redis_client *client)
{
	return client->member->topics.n_subs == client->n_channels;
}

static void
count_delivered(struct redis_client *client, size_t n)
{
	client->n_delivered += n;
	client->redis->stats.n_delivered += n;
}

static bool
send_to(struct redis_client *client, const struct slice *s, size_t n,
    bool is_volatile)
{
	struct message_run run = {
		.bytes = *s,
		.n = (uint32_t)n,
		.is_volatile = is_volatile,
	};

	if (drops_send(&client->redis->drops, client->conn, &run)) {
		count_delivered(client, n);
		return true;
	}
	client->n_dropped += n;
	return false;
}

bool
redis_on_message(struct member *to, const struct message_run *run)
{
	struct redis_client *client = to->user;
	struct redis *redis = client->redis;
	const struct redis_translation *t;
	bool has_one_topic = !has_several_topics(&run->bytes);
	struct slice own;
	bool is_sent;
	size_t n;

	if (redis->is_sharded) {
		redis->n_extra -= run->n;
		return true;
	}
	piped_settle(run->bytes.blob);
	if (!redis->is_own) {
		t = redis_translate(redis, run);
		run = &t->run;
		has_one_topic = t->has_one_topic;
	}
	if (run->n == 0)
		return true;
	if (has_no_prefix(client) && has_one_topic)
		return send_to(client, shared_form(client, &run->bytes), run->n,
		    run->is_volatile);
	n = put_run(&redis->scratch, client, &run->bytes);
	redis->n_extra += (int64_t)n - run->n;
	if (n == 0)
		return true;
	own = redis_take_scratch(redis);
	is_sent = send_to(client, &own, n, run->is_volatile);
	blob_unref(own.blob);
	return is_sent;
}

/* The message as the frame that native workers get. */
static struct slice
frame_of(struct redis *redis, uint8_t flags, const struct resp_arg *topic,
    const struct resp_arg *payload)
{
	struct slice s =
	    take_room(redis, FRAME_HEADER_SIZE + topic->len + payload->len);
	uint8_t *out = s.blob->data + s.off;
	size_t head = frame_write_head(
	    out, FRAME_PUBLISH, flags, topic->data, topic->len, payload->len);

	memcpy(out + head, payload->data, payload->len);
	return s;
}

/* The channel and the topic of all in its namespace, as the topics of one
 * frame; empty where no frame can have them. */
static struct slice
both_topics(const struct redis *redis, const struct resp_arg *channel,
    const struct redis_asked *asked, size_t payload_len)
{
	struct msg_writer w = { 0 };
	struct slice s = { 0 };

	msg_put_array(&w, 2);
	msg_put_strn(&w, channel->data, channel->len);
	msg_put_strn(&w, asked->topic, asked->len);
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

/* What the publisher itself has subscribed to comes before the reply. */
static size_t
publish_to_self(struct redis_call *call)
{
	struct message m = { call->args[1].data, call->args[1].len,
		call->args[2].data, call->args[2].len };
	size_t n = put_matches(call->out, call->client, &m);

	count_delivered(call->client, n);
	return n;
}

/* To the broker's subscribers, or to those of them who are native. */
static size_t
publish_to(struct redis_call *call, bool is_sharded)
{
	struct redis *redis = call->client->redis;
	const struct resp_arg *channel = &call->args[1];
	const struct redis_asked *asked = redis_asked_find(redis, channel);
	struct topic_name names[2] = { redis_name(channel) };
	struct resp_arg field = *channel;
	struct message_run run = { .n = 1 };
	struct slice topics = { 0 };
	size_t n;

	if (asked != NULL)
		topics = both_topics(redis, channel, asked, call->args[2].len);
	redis->is_widened = topics.blob != NULL;
	if (redis->is_widened) {
		names[1].bytes = asked->topic;
		names[1].len = asked->len;
		field.data = slice_data(&topics);
		field.len = topics.len;
	}
	run.bytes = frame_of(redis, redis->is_widened ? FRAME_SEVERAL : 0,
	    &field, &call->args[2]);
	redis->n_extra = 0;
	redis->stats.n_published++;
	redis->is_own = true;
	redis->is_sharded = is_sharded;
	n = broker_publish(redis->broker, call->client->member, names,
	    redis->is_widened ? 2 : 1, &run);
	redis->is_widened = redis->is_own = redis->is_sharded = false;
	blob_unref(topics.blob);
	blob_unref(run.bytes.blob);
	return (size_t)((int64_t)n + redis->n_extra);
}

static size_t
publish(struct redis_call *call)
{
	size_t n = publish_to(call, false);

	redis_asked_note(call->client->redis, &call->args[1]);
	return n + publish_to_self(call);
}

/* False when the message can't be passed on; the client has been told. */
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

static struct redis_client *
client_of_shards(struct topic_owner *owner)
{
	return (struct redis_client *)((char *)owner -
				       offsetof(struct redis_client, shards));
}

size_t
redis_send_shard(struct redis *redis, struct redis_call *call,
    const struct topic *topic, const struct resp_arg *channel,
    const struct resp_arg *payload, bool is_volatile)
{
	struct message m = { channel->data, channel->len, payload->data,
		payload->len };
	const struct subscription *subs = topic_subs(topic);
	struct slice forms[2] = { 0 };

	for (size_t i = 0; i < topic->n_subs; i++) {
		struct redis_client *to = client_of_shards(subs[i].owner);
		struct slice *form = &forms[to->version - 2];

		if (call != NULL && to == call->client) {
			put_message(
			    call->out, to->version, "smessage", NULL, &m);
			count_delivered(to, 1);
			continue;
		}
		if (form->blob == NULL) {
			put_message(
			    &redis->scratch, to->version, "smessage", NULL, &m);
			*form = redis_take_scratch(redis);
		}
		send_to(to, form, 1, is_volatile);
	}
	blob_unref(forms[0].blob);
	blob_unref(forms[1].blob);
	return topic->n_subs;
}

/* Native workers get what the sharded adapter publishes by the topic of the
 * channel's name; others of Redis's clients do not. */
static size_t
spublish(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	struct topic_name name = redis_hashed(redis->shards, &call->args[1]);
	const struct topic *topic;
	size_t n = publish_to(call, true);

	redis_asked_note_sharded(redis, &call->args[1], &call->args[2]);
	topic =
	    topic_find_hashed(redis->shards, name.hash, name.bytes, name.len);
	if (topic != NULL)
		n += redis_send_shard(
		    redis, call, topic, &call->args[1], &call->args[2], false);
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
