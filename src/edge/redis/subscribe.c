#include "edge/redis/client.h"

#include "base/log.h"

/*
 * Channels are subscriptions of the broker. Shard channels are in a registry of
 * their own: the broker doesn't know of them. Patterns are in patterns.c.
 */

size_t
redis_n_subscriptions(const struct redis_client *client)
{
	return (size_t)client->n_channels + client->patterns.n_subs;
}

struct topic_name
redis_name(const struct resp_arg *arg)
{
	return (struct topic_name){ .bytes = arg->data, .len = arg->len };
}

void
redis_put_event(struct redis_call *call, const char *event,
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

bool
redis_check(struct redis_call *call, int r)
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
	case BROKER_E_PREFIX_LENGTHS:
		redis_error(call,
		    "ERR the patterns of this client begin with texts of too "
		    "many different lengths for those that are left");
		return false;
	default:
		redis_error(call,
		    "ERR too many subscriptions; max-subscriptions is %u",
		    settings->subscriptions_max);
		return false;
	}
}

static void
join_channel(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct broker *broker = client->redis->broker;
	struct topic_name name = redis_name(channel);
	uint32_t n_before = client->member->topics.n_subs;

	if (!redis_check(call,
		broker_subscribe(broker, client->member, TOPIC_EXACT, &name)))
		return;
	/* It has topics exactly or by prefix, which are two topics. */
	client->n_channels += client->member->topics.n_subs - n_before;
	redis_put_event(
	    call, "subscribe", channel, redis_n_subscriptions(client));
}

void
redis_subscribe(struct redis_call *call)
{
	redis_each_arg(call, 1, join_channel);
}

static void
leave_channel(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_name name = redis_name(channel);
	uint32_t n_before = client->member->topics.n_subs;

	if (name.len <= TOPIC_NAME_MAX)
		broker_unsubscribe(
		    client->redis->broker, client->member, TOPIC_EXACT, &name);
	client->n_channels -= n_before - client->member->topics.n_subs;
	redis_put_event(
	    call, "unsubscribe", channel, redis_n_subscriptions(client));
}

#define STEP_TOPICS 16

/* Leaves some of the owner's topics. */
static bool
step_leave(struct redis_long *work)
{
	struct redis_client *client = work->call.client;
	struct msg_writer *copy = &client->redis->scratch;
	const struct topic_owner *owner = work->owner;
	const struct topic *topic;

	for (int i = 0; i < STEP_TOPICS && work->next < owner->n_subs; i++) {
		topic = owner->topics[work->next];
		if (topic->is_prefix) {
			work->next++;
			continue;
		}
		/* To leave it may free it; another takes its place. */
		msg_put_raw(copy, topic->name, topic->len);
		if (copy->fault)
			log_fatal("out-of-memory", "bytes=%u", topic->len);
		work->each(
		    &work->call, &(struct resp_arg){ copy->data, copy->len });
		copy->len = 0;
		work->n_found++;
	}
	if (work->next < owner->n_subs)
		return true;
	if (work->n_found == 0)
		redis_put_event(&work->call, work->event, NULL,
		    owner == &client->shards ? 0
					     : redis_n_subscriptions(client));
	return false;
}

void
redis_leave_each(struct redis_call *call, const struct topic_owner *owner,
    const char *event,
    void (*leave)(struct redis_call *call, const struct resp_arg *name))
{
	struct redis_long *work;

	if (call->n > 1) {
		redis_each_arg(call, 1, leave);
		return;
	}
	work = redis_begin(call, step_leave);
	work->owner = owner;
	work->event = event;
	work->each = leave;
}

void
redis_unsubscribe(struct redis_call *call)
{
	redis_leave_each(
	    call, &call->client->member->topics, "unsubscribe", leave_channel);
}

struct topic_name
redis_hashed(const struct topic_registry *reg, const struct resp_arg *arg)
{
	struct topic_name name = redis_name(arg);

	/* Nothing that is longer is there. */
	if (name.len <= TOPIC_NAME_MAX)
		name.hash = topic_hash(reg, name.bytes, name.len);
	return name;
}

/* The broker's limits hold for what it doesn't know of: 0 or BROKER_E_*. */
static int
judge_shard(struct redis_client *client, const struct topic_name *name)
{
	const struct redis_settings *settings = &client->redis->settings;

	if (name->len > settings->topic_max_bytes)
		return BROKER_E_TOPIC_LONG;
	if (client->shards.n_subs >= settings->subscriptions_max &&
	    topic_find_subscribed(client->redis->shards, &client->shards,
		TOPIC_EXACT, name) == NULL)
		return BROKER_E_SUBSCRIPTIONS;
	return 0;
}

static void
join_shard(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;
	struct topic_name name = redis_hashed(shards, channel);

	if (!redis_check(call, judge_shard(client, &name)))
		return;
	if (topic_subscribe(shards, &client->shards, TOPIC_EXACT, &name,
		NULL) == TOPIC_E_LENGTHS)
		log_fatal("exact-topic", "refused=lengths");
	redis_watch_shards(client->redis);
	redis_put_event(call, "ssubscribe", channel, client->shards.n_subs);
}

void
redis_ssubscribe(struct redis_call *call)
{
	redis_each_arg(call, 1, join_shard);
}

static void
leave_shard(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;
	struct topic_name name = redis_hashed(shards, channel);
	int r = topic_unsubscribe(shards, &client->shards, TOPIC_EXACT, &name);

	(void)r; /* who isn't subscribed is answered all the same */
	redis_watch_shards(client->redis);
	redis_put_event(call, "sunsubscribe", channel, client->shards.n_subs);
}

void
redis_sunsubscribe(struct redis_call *call)
{
	redis_leave_each(
	    call, &call->client->shards, "sunsubscribe", leave_shard);
}

/* Ends some of the owner's topics. Returns whether there are more. */
static bool
leave_some(struct topic_registry *reg, struct topic_owner *owner)
{
	struct topic *topic;
	int i = 0;

	while (i < STEP_TOPICS && topic_owner_pop(reg, owner, &topic))
		i++;
	return owner->n_subs > 0;
}

bool
redis_unsubscribe_some(struct redis_client *client)
{
	struct redis *redis = client->redis;
	bool is_more;

	if (client->patterns.n_subs > 0)
		redis_drop_patterns(client);
	if (leave_some(broker_topics(redis->broker), &client->member->topics))
		return true;
	client->n_channels = 0;
	is_more = leave_some(redis->shards, &client->shards);
	redis_watch_shards(redis);
	return is_more;
}
