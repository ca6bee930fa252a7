#include "edge/figures.h"
#include "edge/redis_client.h"

/* What redis adds to STATS: figures, and its clients as rows beside native
 * ones, with the same keys. */

static void
put_count(struct msg_writer *w, const char *key, uint64_t value)
{
	msg_put_str(w, key);
	msg_put_int(w, (int64_t)value);
}

static void
put_str(struct msg_writer *w, const char *key, const char *value)
{
	msg_put_str(w, key);
	msg_put_str(w, value == NULL ? "" : value);
}

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
	v[FIGURE_REDIS_PUBLISHED] = (int64_t)stats->n_published;
	v[FIGURE_REDIS_DELIVERED] = (int64_t)stats->n_delivered;
	v[FIGURE_REDIS_PATTERNS] = (int64_t)topic_n_exact(redis->patterns);
	TAILQ_FOREACH (client, &redis->clients, in_redis)
		v[FIGURE_QUEUE_BYTES] +=
		    (int64_t)conn_queue_bytes(client->conn);
}

static uint32_t
n_clients(void *arg)
{
	const struct redis *redis = arg;

	return (uint32_t)redis->stats.n_open;
}

static void
put_client(struct msg_writer *w, const struct redis_client *client)
{
	const struct conn_stats *stats = conn_stats(client->conn);
	const struct member *member = client->member;
	struct instant now = loop_now(client->redis->loop);

	msg_put_map(w, 23);
	put_count(w, "id", member->id);
	put_str(w, "name", client->name);
	put_count(w, "pid", (uint64_t)client->peer.pid);
	put_count(w, "uid", client->peer.uid);
	msg_put_str(w, "pm_id");
	msg_put_nil(w);
	put_str(w, "role", "redis");
	put_str(w, "client", client->version == 3 ? "RESP3" : "RESP2");
	put_str(w, "key", "");
	put_str(w, "script", "");
	put_count(
	    w, "age_ms", (uint64_t)(now.ms - conn_since(client->conn).ms));
	put_count(w, "messages_in", member->stats.n_published);
	put_count(w, "messages_out", client->n_delivered);
	put_count(w, "bytes_in", stats->bytes_in);
	put_count(w, "bytes_out", stats->bytes_out);
	put_count(w, "queue_bytes", conn_queue_bytes(client->conn));
	put_count(w, "queue_peak_bytes", stats->queue_peak);
	put_count(w, "subscriptions",
	    redis_n_subscriptions(client) + client->shards.n_subs);
	put_count(w, "asked", 0);
	put_count(w, "asked_open", 0);
	put_count(w, "questions", 0);
	put_count(w, "questions_owed", 0);
	put_count(w, "drops", member->stats.n_refused);
	put_count(w, "errors", client->n_errors);
}

static void
put_clients(struct msg_writer *w, uint32_t n, void *arg)
{
	const struct redis *redis = arg;
	const struct redis_client *client;

	TAILQ_FOREACH (client, &redis->clients, in_redis)
		if (n > 0) {
			put_client(w, client);
			n--;
		}
}

void
redis_report_to(struct redis *redis, struct native *native)
{
	const struct native_others others = {
		.arg = redis,
		.figures = figures,
		.n_clients = n_clients,
		.put_clients = put_clients,
	};

	redis->timing = native_timing(native);
	native_set_others(native, &others);
}
