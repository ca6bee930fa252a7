#include "edge/redis_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "wire/frame.h"
#include "wire/glob.h"

/*
 * Channels are subscriptions of the broker. A pattern is one by prefix there,
 * on what all it matches begins with, and stands itself in a registry of
 * patterns; what comes by the prefix is held against the client's patterns. So
 * `key#nsp#*`, which is what adapters use, costs a lookup, and what begins with
 * a star costs its client alone a match for each message.
 *
 * The broker gives each receiver a message once. A client of Redis gets it once
 * for its channel and once for each pattern, and a publisher, if it speaks
 * RESP3 and has subscribed, gets its own. PUBLISH counts deliveries; so what is
 * beyond one for each receiver is counted while the broker walks.
 *
 * A message is written once in the form of each version of the protocol, and
 * all who have it by their channel share the bytes.
 */

/* What one message is: a topic and a payload, in the bytes of a frame. */
struct message {
	const uint8_t *topic;
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
};

bool
redis_is(const struct resp_arg *arg, const char *word)
{
	return arg->len == strlen(word) &&
	       strncasecmp((const char *)arg->data, word, arg->len) == 0;
}

size_t
redis_n_subscriptions(const struct redis_client *client)
{
	return (size_t)client->n_channels + client->patterns.n_subs;
}

static struct topic_name
name_of(const struct resp_arg *arg)
{
	return (struct topic_name){ .bytes = arg->data, .len = arg->len };
}

static void
put_event(struct redis_call *call, const char *event,
    const struct resp_arg *name, size_t n)
{
	int version = call->client->version;

	resp_put_push(call->out, version, 3);
	resp_put_text(call->out, event);
	if (name == NULL)
		resp_put_null(call->out, version);
	else
		resp_put_bulk(call->out, name->data, name->len);
	resp_put_int(call->out, (int64_t)n);
}

/* False when the name can't be subscribed to; the client has been told. */
static bool
check(struct redis_call *call, int r)
{
	const struct redis_settings *settings = &call->client->redis->settings;

	switch (r) {
	case 0:
		return true;
	case BROKER_E_TOPIC_EMPTY:
		redis_error(call, "ERR a channel has at least one byte");
		return false;
	case BROKER_E_TOPIC_LONG:
		redis_error(call,
		    "ERR the channel is too long; max-topic is %zu bytes",
		    settings->topic_max_bytes);
		return false;
	default:
		redis_error(call,
		    "ERR too many subscriptions; max-subscriptions is %u",
		    settings->subscriptions_max);
		return false;
	}
}

void
redis_subscribe(struct redis_call *call)
{
	struct redis_client *client = call->client;
	struct broker *broker = client->redis->broker;

	for (size_t i = 1; i < call->n; i++) {
		struct topic_name name = name_of(&call->args[i]);
		bool is_new = !broker_is_subscribed(
		    broker, client->member, TOPIC_EXACT, &name);

		if (!check(call, broker_subscribe(broker, client->member,
				     TOPIC_EXACT, &name)))
			continue;
		client->n_channels += is_new;
		put_event(call, "subscribe", &call->args[i],
		    redis_n_subscriptions(client));
	}
}

static void
leave_channel(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct broker *broker = client->redis->broker;
	struct topic_name name = name_of(channel);

	client->n_channels -=
	    broker_is_subscribed(broker, client->member, TOPIC_EXACT, &name);
	broker_unsubscribe(broker, client->member, TOPIC_EXACT, &name);
	put_event(call, "unsubscribe", channel, redis_n_subscriptions(client));
}

/* The names of all topics of one owner, prefixes left out, in a copy: leaving
 * them frees them. */
struct names {
	uint8_t *bytes;
	struct resp_arg *at;
	size_t n;
};

static struct names
names_of(const struct topic_owner *owner)
{
	struct names names = { 0 };
	size_t len = 0;
	uint8_t *p;

	for (size_t i = 0; i < owner->n_subs; i++)
		len += owner->topics[i]->len;
	names.bytes = p = xcalloc(1, len + 1);
	names.at = xcalloc(owner->n_subs + 1, sizeof(*names.at));
	for (size_t i = 0; i < owner->n_subs; i++) {
		const struct topic *topic = owner->topics[i];

		if (topic->is_prefix)
			continue;
		memcpy(p, topic->name, topic->len);
		names.at[names.n++] = (struct resp_arg){ p, topic->len };
		p += topic->len;
	}
	return names;
}

static void
names_fini(struct names *names)
{
	free(names->bytes);
	free(names->at);
}

/* Calls leave for each argument, or for all that owner has. */
static void
leave_each(struct redis_call *call, const struct topic_owner *owner,
    const char *event,
    void (*leave)(struct redis_call *call, const struct resp_arg *name))
{
	struct redis_client *client = call->client;
	struct names names;

	for (size_t i = 1; i < call->n; i++)
		leave(call, &call->args[i]);
	if (call->n > 1)
		return;
	names = names_of(owner);
	for (size_t i = 0; i < names.n; i++)
		leave(call, &names.at[i]);
	if (names.n == 0)
		put_event(call, event, NULL,
		    owner == &client->shards ? 0
					     : redis_n_subscriptions(client));
	names_fini(&names);
}

void
redis_unsubscribe(struct redis_call *call)
{
	leave_each(
	    call, &call->client->member->topics, "unsubscribe", leave_channel);
}

/* The hash that a registry of our own wants. */
static struct topic_name
hashed(const struct topic_registry *reg, const struct resp_arg *arg)
{
	struct topic_name name = name_of(arg);

	name.hash = topic_hash(reg, name.bytes, name.len);
	return name;
}

/* Subscribes the client to what names begin with that the pattern matches. */
static int
subscribe_prefix(struct redis_client *client, const struct resp_arg *pattern)
{
	uint8_t *prefix = xcalloc(1, pattern->len + 1);
	bool is_prefix;
	struct topic_name name = { .bytes = prefix };
	int r;

	name.len = glob_prefix(pattern->data, pattern->len, prefix, &is_prefix);
	r = broker_subscribe(
	    client->redis->broker, client->member, TOPIC_PREFIX, &name);
	free(prefix);
	return r;
}

void
redis_psubscribe(struct redis_call *call)
{
	struct redis_client *client = call->client;
	struct topic_registry *patterns = client->redis->patterns;

	for (size_t i = 1; i < call->n; i++) {
		const struct resp_arg *pattern = &call->args[i];
		struct topic_name name = hashed(patterns, pattern);

		if (pattern->len > client->redis->settings.topic_max_bytes) {
			check(call, BROKER_E_TOPIC_LONG);
			continue;
		}
		if (!check(call, subscribe_prefix(client, pattern)))
			continue;
		if (topic_subscribe(patterns, &client->patterns, TOPIC_EXACT,
			&name, NULL) == TOPIC_E_LENGTHS)
			log_fatal("exact-topic", "refused=lengths");
		put_event(
		    call, "psubscribe", pattern, redis_n_subscriptions(client));
	}
}

#define PREFIXES_MAX 64 /* patterns among which a prefix is looked for */

/* Whether one of the client's patterns begins as this one does. With many it
 * is not looked for: a prefix too many costs a match for each message. */
static bool
needs_prefix(
    const struct redis_client *client, const uint8_t *prefix, size_t len)
{
	bool is_prefix, is_needed = client->patterns.n_subs > PREFIXES_MAX;

	for (size_t i = 0; i < client->patterns.n_subs && !is_needed; i++) {
		const struct topic *topic = client->patterns.topics[i];
		uint8_t *other = xcalloc(1, topic->len + 1u);
		size_t n = glob_prefix((const uint8_t *)topic->name, topic->len,
		    other, &is_prefix);

		is_needed = n == len && memcmp(other, prefix, len) == 0;
		free(other);
	}
	return is_needed;
}

static void
unsubscribe_prefix(struct redis_client *client, const struct resp_arg *pattern)
{
	uint8_t *prefix = xcalloc(1, pattern->len + 1);
	bool is_prefix;
	struct topic_name name = { .bytes = prefix };

	name.len = glob_prefix(pattern->data, pattern->len, prefix, &is_prefix);
	if (!needs_prefix(client, prefix, name.len))
		broker_unsubscribe(
		    client->redis->broker, client->member, TOPIC_PREFIX, &name);
	free(prefix);
}

static void
leave_pattern(struct redis_call *call, const struct resp_arg *pattern)
{
	struct redis_client *client = call->client;
	struct topic_registry *patterns = client->redis->patterns;
	struct topic_name name = hashed(patterns, pattern);

	if (topic_unsubscribe(
		patterns, &client->patterns, TOPIC_EXACT, &name) == 0)
		unsubscribe_prefix(client, pattern);
	put_event(call, "punsubscribe", pattern, redis_n_subscriptions(client));
}

void
redis_punsubscribe(struct redis_call *call)
{
	leave_each(
	    call, &call->client->patterns, "punsubscribe", leave_pattern);
}

void
redis_ssubscribe(struct redis_call *call)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;

	for (size_t i = 1; i < call->n; i++) {
		struct topic_name name = hashed(shards, &call->args[i]);

		if (name.len > client->redis->settings.topic_max_bytes) {
			check(call, BROKER_E_TOPIC_LONG);
			continue;
		}
		if (topic_subscribe(shards, &client->shards, TOPIC_EXACT, &name,
			NULL) == TOPIC_E_LENGTHS)
			log_fatal("exact-topic", "refused=lengths");
		put_event(
		    call, "ssubscribe", &call->args[i], client->shards.n_subs);
	}
}

static void
leave_shard(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;
	struct topic_name name = hashed(shards, channel);
	int r = topic_unsubscribe(shards, &client->shards, TOPIC_EXACT, &name);

	(void)r; /* who isn't subscribed is answered all the same */
	put_event(call, "sunsubscribe", channel, client->shards.n_subs);
}

void
redis_sunsubscribe(struct redis_call *call)
{
	leave_each(call, &call->client->shards, "sunsubscribe", leave_shard);
}

void
redis_unsubscribe_all(struct redis_client *client)
{
	struct names names = names_of(&client->member->topics);

	for (size_t i = 0; i < names.n; i++) {
		struct topic_name name = name_of(&names.at[i]);

		broker_unsubscribe(
		    client->redis->broker, client->member, TOPIC_EXACT, &name);
	}
	client->n_channels = 0;
	names_fini(&names);
	names = names_of(&client->patterns);
	topic_owner_fini(client->redis->patterns, &client->patterns);
	for (size_t i = 0; i < names.n; i++)
		unsubscribe_prefix(client, &names.at[i]);
	names_fini(&names);
	topic_owner_fini(client->redis->shards, &client->shards);
}

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
	while (msg_topics_next(&topics, &m.topic, &m.topic_len))
		n += put_matches(w, client, &m);
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

/* What has been written to scratch, which is emptied. */
static struct slice
take_scratch(struct redis *redis)
{
	struct msg_writer *w = &redis->scratch;
	struct slice s = { .len = w->len };

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	s.blob = blob_copy(w->data, w->len);
	w->len = 0;
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
	form->bytes = take_scratch(redis);
	form->source = *run;
	blob_ref(run->blob);
	loop_flush_later(redis->loop, &redis->forgetting);
	return &form->bytes;
}

static bool
send_to(struct redis_client *client, const struct slice *s, size_t n,
    bool is_volatile)
{
	if (conn_send(client->conn, s, is_volatile) != CONN_QUEUED)
		return false;
	client->redis->stats.n_delivered += n;
	return true;
}

bool
redis_on_message(struct member *to, const struct message_run *run)
{
	struct redis_client *client = to->user;
	struct redis *redis = client->redis;
	struct slice own;
	bool is_sent;
	size_t n;

	if (client->patterns.n_subs == 0 && !has_several_topics(&run->bytes))
		return send_to(client, shared_form(client, &run->bytes), run->n,
		    run->is_volatile);
	n = put_run(&redis->scratch, client, &run->bytes);
	redis->n_extra += (int64_t)n - run->n;
	if (n == 0)
		return true;
	own = take_scratch(redis);
	is_sent = send_to(client, &own, n, run->is_volatile);
	blob_unref(own.blob);
	return is_sent;
}

/* The message as the frame that native workers get. */
static struct slice
frame_of(const struct resp_arg *channel, const struct resp_arg *payload)
{
	size_t size = FRAME_HEADER_SIZE + channel->len + payload->len;
	struct slice s = { blob_new(size), 0, size };
	size_t head = frame_write_head(s.blob->data, FRAME_PUBLISH, 0,
	    channel->data, channel->len, payload->len);

	memcpy(s.blob->data + head, payload->data, payload->len);
	return s;
}

/* What the publisher itself has subscribed to comes before the reply. */
static size_t
publish_to_self(struct redis_call *call)
{
	struct message m = { call->args[1].data, call->args[1].len,
		call->args[2].data, call->args[2].len };

	return put_matches(call->out, call->client, &m);
}

static size_t
publish(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	struct topic_name name = name_of(&call->args[1]);
	struct message_run run = { .n = 1 };
	size_t n;

	run.bytes = frame_of(&call->args[1], &call->args[2]);
	redis->n_extra = 0;
	redis->stats.n_published++;
	n = broker_publish(redis->broker, call->client->member, &name, 1, &run);
	blob_unref(run.bytes.blob);
	return (size_t)((int64_t)n + redis->n_extra) + publish_to_self(call);
}

/* False when the message can't be passed on; the client has been told. */
static bool
check_message(struct redis_call *call)
{
	const struct redis_settings *settings = &call->client->redis->settings;
	size_t length = FRAME_HEADER_SIZE - FRAME_LENGTH_SIZE +
			call->args[1].len + call->args[2].len;

	if (call->args[1].len > settings->topic_max_bytes)
		return check(call, BROKER_E_TOPIC_LONG);
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

static size_t
publish_to_shard(struct redis_call *call, const struct topic *topic)
{
	struct redis *redis = call->client->redis;
	struct message m = { call->args[1].data, call->args[1].len,
		call->args[2].data, call->args[2].len };
	const struct subscription *subs = topic_subs(topic);
	struct slice forms[2] = { 0 };

	for (size_t i = 0; i < topic->n_subs; i++) {
		struct redis_client *to = client_of_shards(subs[i].owner);
		struct slice *form = &forms[to->version - 2];

		if (to == call->client) {
			put_message(
			    call->out, to->version, "smessage", NULL, &m);
			continue;
		}
		if (form->blob == NULL) {
			put_message(
			    &redis->scratch, to->version, "smessage", NULL, &m);
			*form = take_scratch(redis);
		}
		send_to(to, form, 1, false);
	}
	blob_unref(forms[0].blob);
	blob_unref(forms[1].blob);
	return topic->n_subs;
}

void
redis_spublish(struct redis_call *call)
{
	struct topic_registry *shards = call->client->redis->shards;
	struct topic_name name = hashed(shards, &call->args[1]);
	const struct topic *topic;

	if (!check_message(call))
		return;
	call->client->redis->stats.n_published++;
	topic = topic_find_hashed(shards, name.hash, name.bytes, name.len);
	resp_put_int(call->out,
	    topic == NULL ? 0 : (int64_t)publish_to_shard(call, topic));
}

/* Names of topics, all or those that a pattern matches: counted, then put. */
struct listing {
	const struct resp_arg *pattern; /* or NULL */
	struct msg_writer *out;         /* NULL: they are counted */
	size_t n;
};

static void
list_topic(const struct topic *topic, void *arg)
{
	struct listing *listing = arg;

	if (topic->is_prefix ||
	    (listing->pattern != NULL &&
		!glob_match(listing->pattern->data, listing->pattern->len,
		    (const uint8_t *)topic->name, topic->len)))
		return;
	listing->n++;
	if (listing->out != NULL)
		resp_put_bulk(listing->out, topic->name, topic->len);
}

static void
list_topics(struct redis_call *call, struct topic_registry *reg)
{
	struct listing listing = { call->n > 2 ? &call->args[2] : NULL, NULL,
		0 };

	topic_for_each(reg, list_topic, &listing);
	resp_put_array(call->out, listing.n);
	listing.out = call->out;
	topic_for_each(reg, list_topic, &listing);
}

static void
put_channels(struct redis_call *call, struct topic_registry *reg)
{
	if (call->n <= 3)
		list_topics(call, reg);
	else
		redis_error(call,
		    "ERR unknown subcommand or wrong number of arguments for "
		    "'%.*s'. Try PUBSUB HELP.",
		    (int)call->args[1].len, (const char *)call->args[1].data);
}

static void
put_numbers(struct redis_call *call, struct topic_registry *reg)
{
	resp_put_array(call->out, 2 * (call->n - 2));
	for (size_t i = 2; i < call->n; i++) {
		const struct resp_arg *name = &call->args[i];
		const struct topic *topic =
		    topic_find(reg, name->data, name->len);

		resp_put_bulk(call->out, name->data, name->len);
		resp_put_int(call->out, topic == NULL ? 0 : topic->n_subs);
	}
}

void
redis_pubsub_channels(struct redis_call *call)
{
	put_channels(call, broker_topics(call->client->redis->broker));
}

void
redis_pubsub_numsub(struct redis_call *call)
{
	put_numbers(call, broker_topics(call->client->redis->broker));
}

void
redis_pubsub_numpat(struct redis_call *call)
{
	resp_put_int(
	    call->out, (int64_t)topic_n_exact(call->client->redis->patterns));
}

void
redis_pubsub_shardchannels(struct redis_call *call)
{
	put_channels(call, call->client->redis->shards);
}

void
redis_pubsub_shardnumsub(struct redis_call *call)
{
	put_numbers(call, call->client->redis->shards);
}
