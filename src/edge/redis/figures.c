#include "edge/redis/figures.h"

#include "base/container.h"
#include "edge/redis/client.h"
#include "stats/clients.h"

/* The Redis edge's part of the daemon's statistics. */

enum {
	CLIENTS,
	CONNECTIONS,
	COMMANDS,
	ERRORS,
	AUTH_FAILURES,
	PUBLISHED,
	DELIVERED,
	PATTERNS,
	TRANSLATED,
	MALFORMED,
	TOO_DEEP,
	TOO_COSTLY,
	N_OWN,
};

static const struct figure_info own[N_OWN] = {
	[CLIENTS] = { "redis", "clients", "pm2adapterd_redis_clients",
	    FIGURE_GAUGE, "Connected Redis clients" },
	[CONNECTIONS] = { "redis", "connections",
	    "pm2adapterd_redis_connections", FIGURE_COUNTER,
	    "Connections accepted on resp-listen" },
	[COMMANDS] = { "redis", "commands", "pm2adapterd_redis_commands",
	    FIGURE_COUNTER, "Commands of Redis clients" },
	[ERRORS] = { "redis", "errors", "pm2adapterd_redis_errors",
	    FIGURE_COUNTER,
	    "Commands of Redis clients answered with an error" },
	[AUTH_FAILURES] = { "redis", "auth_failures",
	    "pm2adapterd_redis_auth_failures", FIGURE_COUNTER,
	    "Wrong passwords sent by Redis clients" },
	[PUBLISHED] = { "redis", "published",
	    "pm2adapterd_redis_published_messages", FIGURE_COUNTER,
	    "Messages published by Redis clients" },
	[DELIVERED] = { "redis", "delivered",
	    "pm2adapterd_redis_delivered_messages", FIGURE_COUNTER,
	    "Messages queued to Redis clients" },
	[PATTERNS] = { "redis", "patterns", "pm2adapterd_redis_patterns",
	    FIGURE_GAUGE, "Patterns with a subscription" },
	[TRANSLATED] = { "redis", "translated",
	    "pm2adapterd_redis_translated_messages", FIGURE_COUNTER,
	    "Native messages translated for Redis clients" },
	[MALFORMED] = { "redis", "malformed",
	    "pm2adapterd_redis_malformed_messages", FIGURE_COUNTER,
	    "Messages not translated because they are malformed" },
	[TOO_DEEP] = { "redis", "too_deep",
	    "pm2adapterd_redis_too_deep_messages", FIGURE_COUNTER,
	    "Messages not translated because they nest deeper than 512" },
	[TOO_COSTLY] = { "redis", "too_costly",
	    "pm2adapterd_redis_too_costly_messages", FIGURE_COUNTER,
	    "Messages not translated because they would delay others" },
};

static void
set_figures(struct stats_source *source, int64_t *v)
{
	const struct redis *redis =
	    container_of(source, struct redis, stats_source);
	const struct redis_stats *stats = &redis->stats;

	v[CLIENTS] = (int64_t)stats->n_open;
	v[CONNECTIONS] = (int64_t)stats->n_connections;
	v[COMMANDS] = (int64_t)stats->n_commands;
	v[ERRORS] = (int64_t)stats->n_errors;
	v[AUTH_FAILURES] = (int64_t)stats->n_auth_failures;
	v[PUBLISHED] = (int64_t)stats->n_published;
	v[DELIVERED] = (int64_t)stats->n_delivered;
	v[TRANSLATED] = (int64_t)stats->n_translated;
	v[MALFORMED] = (int64_t)stats->n_malformed;
	v[TOO_DEEP] = (int64_t)stats->n_too_deep;
	v[TOO_COSTLY] = (int64_t)stats->n_too_costly;
	v[PATTERNS] = (int64_t)topic_n_exact(redis->patterns);
}

static void
add_figures(struct stats_source *source, struct figures *out)
{
	const struct redis *redis =
	    container_of(source, struct redis, stats_source);
	const struct redis_client *client;
	int64_t *v = out->values;

	v[FIGURE_DROPS_VOLATILE] += (int64_t)redis->drops.n_volatile;
	v[FIGURE_DROPS_UNDELIVERED] += (int64_t)redis->drops.n_undelivered;
	TAILQ_FOREACH (client, &redis->clients, in_redis)
		v[FIGURE_QUEUE_BYTES] +=
		    (int64_t)conn_queue_bytes(client->conn);
}

static void
each_client(struct stats_source *source,
    void (*each)(const struct client_row *row, void *arg), void *arg)
{
	const struct redis *redis =
	    container_of(source, struct redis, stats_source);
	const struct redis_client *client;
	struct client_row row;

	TAILQ_FOREACH (client, &redis->clients, in_redis) {
		row = rows_client(client->conn, client->member, &client->peer,
		    loop_now(redis->loop));
		row.name = client->name == NULL ? "" : client->name;
		row.role = "redis";
		row.client = client->version == 3 ? "RESP3" : "RESP2";
		row.messages_out = (int64_t)client->n_delivered;
		row.drops = (int64_t)client->n_dropped;
		row.subscriptions = redis_n_subscriptions(client) +
				    client->shards->owner.n_subs;
		row.errors = (int64_t)client->n_errors;
		each(&row, arg);
	}
}

void
redis_figures_add(struct redis *redis)
{
	redis->stats_source = (struct stats_source){
		.figures = own,
		.n_figures = N_OWN,
		.set_figures = set_figures,
		.add_figures = add_figures,
		.each_client = each_client,
	};
	hub_add_source(redis->hub, &redis->stats_source);
}
