#include "edge/redis/client.h"

bool
redis_is_idle(const struct redis_client *client)
{
	return client->turns.n_staged == 0 && client->doing == NULL &&
	       client->held_at == client->held.len;
}

size_t
redis_n_subscriptions(const struct redis_client *client)
{
	return (size_t)client->n_channels + client->patterns.n_subs;
}

bool
redis_is_in_pubsub(const struct redis_client *client)
{
	return redis_n_subscriptions(client) + client->shards->owner.n_subs > 0;
}
