#include "edge/redis/reset.h"

#include <stdlib.h>

#include "edge/redis/auth.h"
#include "edge/redis/long.h"
#include "edge/redis/patterns.h"
#include "edge/redis/sharded.h"

#define STEP_TOPICS 16

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

/* Ends some subscriptions of the client. Returns whether there are more. */
static bool
unsubscribe_some(struct redis_client *client)
{
	struct redis *redis = client->redis;
	bool is_more;

	if (client->patterns.n_subs > 0)
		redis_drop_patterns(client);
	if (leave_some(broker_topics(redis->broker), &client->member->topics))
		return true;
	client->n_channels = 0;
	is_more = leave_some(redis->shards.topics, &client->shards->owner);
	redis_watch_shards(redis);
	return is_more;
}

static bool
step_reset(struct redis_long *work)
{
	struct redis_client *client = work->call.client;

	if (unsubscribe_some(client))
		return true;
	free(client->name);
	client->name = NULL;
	client->version = 2;
	redis_become_stranger(client);
	resp_put_simple(work->call.out, "RESET");
	return false;
}

void
redis_reset(struct redis_call *call)
{
	struct redis_client *client = call->client;

	if (conn_is_closing(client->conn))
		redis_become_stranger(client);
	else
		redis_begin(call, step_reset);
}
