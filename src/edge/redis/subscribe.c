#include "edge/redis/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

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
		    "ERR the patterns of all clients begin with texts of too "
		    "many different lengths");
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
		struct topic_name name = redis_name(&call->args[i]);
		bool is_new = !broker_is_subscribed(
		    broker, client->member, TOPIC_EXACT, &name);

		if (!redis_check(call, broker_subscribe(broker, client->member,
					   TOPIC_EXACT, &name)))
			continue;
		client->n_channels += is_new;
		redis_put_event(call, "subscribe", &call->args[i],
		    redis_n_subscriptions(client));
	}
}

static void
leave_channel(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct broker *broker = client->redis->broker;
	struct topic_name name = redis_name(channel);

	client->n_channels -=
	    broker_is_subscribed(broker, client->member, TOPIC_EXACT, &name);
	broker_unsubscribe(broker, client->member, TOPIC_EXACT, &name);
	redis_put_event(
	    call, "unsubscribe", channel, redis_n_subscriptions(client));
}

/* The names of one owner's topics, in a copy: leaving them frees them. */
struct names {
	uint8_t *bytes;
	struct resp_arg *at;
	size_t n;
};

static struct names
names_of(const struct topic_owner *owner, bool is_prefix)
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

		if (topic->is_prefix != is_prefix)
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

void
redis_leave_each(struct redis_call *call, const struct topic_owner *owner,
    const char *event,
    void (*leave)(struct redis_call *call, const struct resp_arg *name))
{
	struct redis_client *client = call->client;
	struct names names;

	for (size_t i = 1; i < call->n; i++)
		leave(call, &call->args[i]);
	if (call->n > 1)
		return;
	names = names_of(owner, false);
	for (size_t i = 0; i < names.n; i++)
		leave(call, &names.at[i]);
	if (names.n == 0)
		redis_put_event(call, event, NULL,
		    owner == &client->shards ? 0
					     : redis_n_subscriptions(client));
	names_fini(&names);
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

void
redis_ssubscribe(struct redis_call *call)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;

	for (size_t i = 1; i < call->n; i++) {
		struct topic_name name = redis_hashed(shards, &call->args[i]);

		if (!redis_check(call, judge_shard(client, &name)))
			continue;
		if (topic_subscribe(shards, &client->shards, TOPIC_EXACT, &name,
			NULL) == TOPIC_E_LENGTHS)
			log_fatal("exact-topic", "refused=lengths");
		redis_put_event(
		    call, "ssubscribe", &call->args[i], client->shards.n_subs);
	}
}

static void
leave_shard(struct redis_call *call, const struct resp_arg *channel)
{
	struct redis_client *client = call->client;
	struct topic_registry *shards = client->redis->shards;
	struct topic_name name = redis_hashed(shards, channel);
	int r = topic_unsubscribe(shards, &client->shards, TOPIC_EXACT, &name);

	(void)r; /* who isn't subscribed is answered all the same */
	redis_put_event(call, "sunsubscribe", channel, client->shards.n_subs);
}

void
redis_sunsubscribe(struct redis_call *call)
{
	redis_leave_each(
	    call, &call->client->shards, "sunsubscribe", leave_shard);
}

static void
leave_kind(struct redis_client *client, enum topic_kind kind)
{
	struct names names =
	    names_of(&client->member->topics, kind == TOPIC_PREFIX);

	for (size_t i = 0; i < names.n; i++) {
		struct topic_name name = redis_name(&names.at[i]);

		broker_unsubscribe(
		    client->redis->broker, client->member, kind, &name);
	}
	names_fini(&names);
}

void
redis_unsubscribe_all(struct redis_client *client)
{
	leave_kind(client, TOPIC_EXACT);
	client->n_channels = 0;
	leave_kind(client, TOPIC_PREFIX);
	redis_drop_patterns(client);
	topic_owner_fini(client->redis->shards, &client->shards);
}
