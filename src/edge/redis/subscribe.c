#include "edge/redis/subscribe.h"

#include "base/log.h"
#include "edge/redis/long.h"
#include "edge/redis/reply.h"
#include "edge/redis/sharded.h"

/*
 * Channels are subscriptions of the broker. Shard channels are in a registry of
 * their own: the broker doesn't know of them. Patterns are in patterns.c.
 */

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
		/* Leaving may free it; another one takes its place. */
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
		    owner == &client->shards->owner
			? 0
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

/* Applies the broker's limits to shard channels, which it does not know.
 * Returns 0 or BROKER_E_*. */
static int
judge_shard(struct redis_client *client, const struct topic_name *name)
{
	const struct redis_settings *settings = &client->redis->settings;

	if (name->len > settings->topic_max_bytes)
		return BROKER_E_TOPIC_LONG;
	if (client->shards->owner.n_subs >= settings->subscriptions_max &&
	    topic_find_subscribed(client->redis->shards.topics,
		&client->shards->owner, TOPIC_EXACT, name) == NULL)
		return BROKER_E_SUBSCRIPTIONS;
	return 0;
}

static void
join_shard(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards.topics;
	struct topic_name name = redis_hashed(shards, channel);

	shards_make_room(&client->redis->shards);
	if (!redis_check(call, judge_shard(client, &name)))
		return;
	if (topic_subscribe(shards, &client->shards->owner, TOPIC_EXACT, &name,
		NULL) == TOPIC_E_LENGTHS)
		log_fatal("exact-topic", "refused=lengths");
	redis_watch_shards(client->redis);
	redis_put_event(
	    call, "ssubscribe", channel, client->shards->owner.n_subs);
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
	struct topic_registry *shards = client->redis->shards.topics;
	struct topic_name name = redis_hashed(shards, channel);
	int r = topic_unsubscribe(
	    shards, &client->shards->owner, TOPIC_EXACT, &name);

	(void)r; /* the reply is the same if it was not subscribed */
	redis_watch_shards(client->redis);
	redis_put_event(
	    call, "sunsubscribe", channel, client->shards->owner.n_subs);
}

void
redis_sunsubscribe(struct redis_call *call)
{
	redis_leave_each(
	    call, &call->client->shards->owner, "sunsubscribe", leave_shard);
}
