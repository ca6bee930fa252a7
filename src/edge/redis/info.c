#include "edge/redis/info.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/redis/long.h"

/*
 * Reports of the server: INFO, CLIENT INFO and CLIENT LIST. INFO omits fields
 * that have no meaning here; CLIENT LIST has them with a plain value, since
 * programs parse its lines.
 */

#define CLIENT_LINE_MAX 2048

static void put_line(struct msg_writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_line(struct msg_writer *w, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	msg_put_raw(w, text, strlen(text));
	msg_put_raw(w, "\r\n", 2);
}

static void
put_server(const struct redis *redis, struct msg_writer *w)
{
	int64_t up_ms = loop_now(redis->loop).ms - redis->started.ms;

	put_line(w, "redis_version:%s", REDIS_VERSION);
	put_line(w, "redis_mode:standalone");
	put_line(w, "server_name:pm2adapterd");
	put_line(w, "pm2adapterd_version:%s", redis->settings.version);
	put_line(w, "process_id:%ld", (long)getpid());
	put_line(w, "uptime_in_seconds:%" PRId64, up_ms / 1000);
	put_line(w, "uptime_in_days:%" PRId64, up_ms / 86400000);
}

static void
put_clients(const struct redis *redis, struct msg_writer *w)
{
	put_line(w, "connected_clients:%" PRIu64, redis->stats.n_open);
	put_line(w, "maxclients:%u", redis->settings.clients_max);
	put_line(w, "blocked_clients:0");
}

static void
put_stats(const struct redis *redis, struct msg_writer *w)
{
	put_line(w, "total_connections_received:%" PRIu64,
	    redis->stats.n_connections);
	put_line(
	    w, "total_commands_processed:%" PRIu64, redis->stats.n_commands);
	put_line(w, "total_error_replies:%" PRIu64, redis->stats.n_errors);
	put_line(w, "pubsub_channels:%zu",
	    topic_n_exact(broker_topics(redis->broker)));
	put_line(w, "pubsub_patterns:%zu", topic_n_exact(redis->patterns));
	put_line(
	    w, "pubsubshard_channels:%zu", topic_n_exact(redis->shards.topics));
}

/* A program that waits until a dataset is loaded looks here. */
static void
put_persistence(const struct redis *redis, struct msg_writer *w)
{
	(void)redis;
	put_line(w, "loading:0");
}

static const struct section {
	const char *name, *title;
	void (*put)(const struct redis *redis, struct msg_writer *w);
} sections[] = {
	{ "server", "# Server", put_server },
	{ "clients", "# Clients", put_clients },
	{ "persistence", "# Persistence", put_persistence },
	{ "stats", "# Stats", put_stats },
};

static bool
is_wanted(const struct redis_call *call, const char *name)
{
	bool is_wanted = call->n == 1;

	for (size_t i = 1; i < call->n && !is_wanted; i++)
		is_wanted = redis_is(&call->args[i], name) ||
			    redis_is(&call->args[i], "all") ||
			    redis_is(&call->args[i], "everything") ||
			    redis_is(&call->args[i], "default");
	return is_wanted;
}

/* Puts what has been written to scratch as text for people. */
static void
put_scratch(struct redis_call *call)
{
	struct msg_writer *w = &call->client->redis->scratch;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	resp_put_verbatim(
	    call->out, call->client->version, (const char *)w->data, w->len);
	w->len = 0;
}

void
redis_info(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (!is_wanted(call, sections[i].name))
			continue;
		if (n++ > 0)
			msg_put_raw(&redis->scratch, "\r\n", 2);
		put_line(&redis->scratch, "%s", sections[i].title);
		sections[i].put(redis, &redis->scratch);
	}
	put_scratch(call);
}

static void
put_client(struct msg_writer *w, const struct redis_client *client)
{
	struct redis *redis = client->redis;
	char text[CLIENT_LINE_MAX];
	int64_t age_s =
	    (loop_now(redis->loop).ms - conn_since(client->conn).ms) / 1000;
	size_t n_all =
	    redis_n_subscriptions(client) + client->shards->owner.n_subs;

	snprintf(text, sizeof(text),
	    "id=%" PRIu64 " addr=%s:0 laddr=%s:0 name=%s age=%" PRId64
	    " idle=0 flags=%s db=0 sub=%u psub=%u ssub=%u multi=-1 oll=0 "
	    "omem=%zu events=r cmd=%s user=default resp=%d lib-name=%s "
	    "lib-ver=%s\n",
	    client->member->id, redis->settings.socket, redis->settings.socket,
	    client->name == NULL ? "" : client->name, age_s,
	    n_all > 0 ? "P" : "N", client->n_channels, client->patterns.n_subs,
	    client->shards->owner.n_subs, conn_queue_bytes(client->conn),
	    client->command, client->version,
	    client->lib_name == NULL ? "" : client->lib_name,
	    client->lib_ver == NULL ? "" : client->lib_ver);
	msg_put_raw(w, text, strlen(text));
}

void
redis_client_info(struct redis_call *call)
{
	put_client(&call->client->redis->scratch, call->client);
	put_scratch(call);
}

#define STEP_CLIENTS 16

static bool
step_clients(struct redis_long *work)
{
	struct redis_client *client;

	for (int i = 0; i < STEP_CLIENTS && work->place != NULL; i++) {
		client = work->place;
		work->place = TAILQ_NEXT(client, in_redis);
		if (!work->is_typed ||
		    redis_is_in_pubsub(client) == work->is_pubsub)
			put_client(work->call.out, client);
	}
	if (work->place == NULL)
		msg_put_raw(work->call.out, "\r\n", 2);
	return work->place != NULL;
}

static void
finish_clients(struct redis_long *work)
{
	resp_put_verbatim_head(work->call.out, work->call.client->version,
	    work->n_bytes - strlen("\r\n"));
}

static struct redis_long *
list_clients(struct redis_call *call)
{
	struct redis_long *work = redis_begin(call, step_clients);

	work->finish = finish_clients;
	redis_list_clients(work);
	return work;
}

/* CLIENT LIST TYPE. Nobody is a replica here, and nobody a master. */
static void
list_type(struct redis_call *call, const struct resp_arg *type)
{
	struct redis_long *work;
	bool is_pubsub = redis_is(type, "pubsub");

	if (is_pubsub || redis_is(type, "normal")) {
		work = list_clients(call);
		work->is_typed = true;
		work->is_pubsub = is_pubsub;
	} else if (redis_is(type, "master") || redis_is(type, "replica") ||
		   redis_is(type, "slave")) {
		put_scratch(call);
	} else {
		redis_error(call, "ERR Unknown client type '%.*s'",
		    redis_shown(type), (const char *)type->data);
	}
}

#define IDS_MAX 64 /* of CLIENT LIST ID: each is looked for among all */

/* Finds the clients of n ids; found[i] is unchanged if there is none. */
static void
find_clients(const struct redis *redis, const int64_t *ids, size_t n,
    const struct redis_client **found)
{
	const struct redis_client *client;

	TAILQ_FOREACH (client, &redis->clients, in_redis)
		for (size_t i = 0; i < n; i++)
			if ((int64_t)client->member->id == ids[i])
				found[i] = client;
}

/* CLIENT LIST ID, with the ids from args[3] on. */
static void
list_ids(struct redis_call *call)
{
	struct redis *redis = call->client->redis;
	const struct redis_client *found[IDS_MAX] = { NULL };
	int64_t ids[IDS_MAX];
	size_t n = call->n - 3;

	if (n > IDS_MAX) {
		redis_error(call, "ERR at most %d ids at once", IDS_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!resp_read_number(call->args[3 + i], &ids[i]) ||
		    ids[i] <= 0) {
			redis_error(call, "ERR Invalid client ID");
			return;
		}
	find_clients(redis, ids, n, found);
	for (size_t i = 0; i < n; i++)
		if (found[i] != NULL)
			put_client(&redis->scratch, found[i]);
	put_scratch(call);
}

void
redis_client_list(struct redis_call *call)
{
	if (call->n == 2) {
		list_clients(call);
	} else if (call->n == 4 && redis_is(&call->args[2], "type")) {
		list_type(call, &call->args[3]);
	} else if (call->n > 3 && redis_is(&call->args[2], "id")) {
		list_ids(call);
	} else {
		redis_error(call, "ERR syntax error");
	}
}
