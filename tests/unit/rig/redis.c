#include "unit/rig/redis.h"

struct redis *redis;

void
begin_redis(const char *password)
{
	const struct redis_settings resp = {
		.version = "0.1.0",
		.socket = "/run/s",
		.password = password,
		.max_connections = N_PEERS_MAX,
		.clients_max = CLIENTS_MAX,
		.auth_timeout_ms = 3600000,
		.drain_timeout_ms = 3600000,
		.max_frame = 4096,
		.topic_max_bytes = 64,
		.subscriptions_max = 1000,
	};

	begin();
	redis = redis_new(loop, set, broker, hub, &resp);
}

void
end_redis(void)
{
	for (size_t i = 0; i < n_clients; i++)
		if (clients[i].fd >= 0)
			hang_up(&clients[i]);
	settle();
	redis_free(redis);
	end();
}

struct client *
dial_redis(void)
{
	return dial_edge(&redis_listen_ops, redis);
}
