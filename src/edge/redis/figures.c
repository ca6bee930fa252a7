#include "edge/native/figures.h"
#include "edge/redis/client.h"
#include "edge/redis/redis.h"
#include "stats/clients.h"

/* What redis adds to STATS: figures, and its clients as rows beside native
 * ones. */

static void
figures(struct figures *out, void *arg)
{
	const struct redis *redis = arg;
	const struct redis_stats *stats = &redis->stats;
	const struct redis_client *client;
	int64_t *v = out->values;

	v[FIGURE_REDIS_CLIENTS] = (int64_t)stats->n_open;
	v[FIGURE_REDIS_CONNECTIONS] = (int64_t)stats->n_connections;
	v[FIGURE_REDIS_COMMANDS] = (int64_t)stats->n_commands;
	v[FIGURE_REDIS_ERRORS] = (int64_t)stats->n_errors;
	v[FIGURE_REDIS_AUTH_FAILURES] = (int64_t)stats->n_auth_failures;
	v[FIGURE_REDIS_PUBLISHED] = (int64_t)stats->n_published;
	v[FIGURE_REDIS_DELIVERED] = (int64_t)stats->n_delivered;
	v[FIGURE_REDIS_TRANSLATED] = (int64_t)stats->n_translated;
	v[FIGURE_REDIS_MALFORMED] = (int64_t)stats->n_malformed;
	v[FIGURE_REDIS_TOO_DEEP] = (int64_t)stats->n_too_deep;
	v[FIGURE_REDIS_TOO_COSTLY] = (int64_t)stats->n_too_costly;
	v[FIGURE_REDIS_PATTERNS] = (int64_t)topic_n_exact(redis->patterns);
	v[FIGURE_DROPS_VOLATILE] += (int64_t)redis->drops.n_volatile;
	v[FIGURE_DROPS_UNDELIVERED] += (int64_t)redis->drops.n_undelivered;
	TAILQ_FOREACH (client, &redis->clients, in_redis)
		v[FIGURE_QUEUE_BYTES] +=
		    (int64_t)conn_queue_bytes(client->conn);
}

static void
each_client(void (*each)(const struct client_row *row, void *each_arg),
    void *each_arg, void *arg)
{
	const struct redis *redis = arg;
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
		row.subscriptions =
		    redis_n_subscriptions(client) + client->shards.n_subs;
		row.errors = (int64_t)client->n_errors;
		each(&row, each_arg);
	}
}

void
redis_report_to(struct redis *redis, struct native *native)
{
	const struct native_others others = {
		.arg = redis,
		.figures = figures,
		.each_client = each_client,
	};

	redis->turns.timing = native_timing(native);
	native_add_others(native, &others);
}
