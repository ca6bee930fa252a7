#include "edge/redis/redis.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/redis/auth.h"
#include "edge/redis/causes.h"
#include "edge/redis/commands.h"
#include "edge/redis/deliver.h"
#include "edge/redis/figures.h"
#include "edge/redis/input.h"
#include "edge/redis/long.h"
#include "edge/redis/patterns.h"
#include "edge/redis/reply.h"
#include "edge/redis/requests.h"
#include "edge/redis/sharded.h"

/*
 * The life of clients: accepted, read from, gone. Their requests are put in
 * order by requests.c and carried out by commands.c.
 *
 * A client that is not authenticated can do nothing that others see. Its limits
 * are small, and its requests are carried out at once, since requests after an
 * AUTH in the same packet already have the larger limits.
 *
 * A drain carries out the requests that have been read, in order, and then
 * closes each connection when its queue has been written. Redis's protocol has
 * no GOODBYE, so the drain waits only for clients that read, and for them until
 * its deadline.
 */

static const struct broker_sink sink = {
	.message = redis_on_message,
};

static void
on_eof(struct conn *conn)
{
	struct redis_client *client = conn_user(conn);

	if (redis_is_idle(client))
		conn_close(conn, &conn_eof);
	else
		client->has_eof = true;
}

static void
note_closed(const struct redis_client *client)
{
	struct closed *closed = hub_closed(client->redis->hub);

	if (client->is_hushed)
		closed_count(closed, client->conn);
	else
		closed_note(closed, &(struct closed_note){
					.event = "redis-closed",
					.conn = client->conn,
					.now = loop_now(client->redis->loop),
					.id = client->member->id,
					.name = client->name,
					.pid = client->peer.pid,
					.uid = client->peer.uid,
					.detail = client->detail,
				    });
}

static void
finish_drain(struct redis *redis)
{
	if (redis->drained == NULL || !TAILQ_EMPTY(&redis->clients))
		return;
	redis->drained(redis->drained_arg);
	redis->drained = NULL;
}

static bool
on_settle(struct conn *conn)
{
	return redis_settle(conn_user(conn));
}

static void
on_gone(struct conn *conn)
{
	struct redis_client *client = conn_user(conn);
	struct redis *redis = client->redis;

	redis_listings_forget(client);
	redis_auth_forget(client);
	note_closed(client);
	redis_drop_patterns(client);
	shards_end(&redis->shards, client->shards);
	leaving_end(&redis->leaving, client->member);
	TAILQ_REMOVE(&redis->clients, client, in_redis);
	redis->stats.n_open--;
	redis->n_unwelcome -= client->is_unwelcome;
	resp_parser_fini(&client->parser);
	free(client->name);
	free(client->lib_name);
	free(client->lib_ver);
	free(client);
	finish_drain(redis);
}

static const struct conn_ops conn_ops = {
	.input = redis_input,
	.eof = on_eof,
	.settle = on_settle,
	.gone = on_gone,
};

/* It has as much time for its first bytes as others have for AUTH, if there is
 * room. */
static void
be_unwelcome(
    struct redis_client *client, enum allowed_verdict verdict, bool is_full)
{
	struct redis *redis = client->redis;

	client->is_unwelcome = true;
	client->is_hushed = verdict == REFUSED_AGAIN;
	timeouts_enter(
	    &redis->strangers, &client->stranger, loop_now(redis->loop));
	if (++redis->n_unwelcome >
		allowed_refused_max(redis->settings.clients_max) ||
	    is_full)
		redis_turn_away(client);
}

/* Which limit does not allow one more client, or NULL. */
static const char *
find_full(const struct redis *redis)
{
	if (conn_set_n_open(redis->set) >= redis->settings.max_connections)
		return "max-connections are open";
	if (redis->stats.n_open >= redis->settings.clients_max)
		return "Redis clients already use half of max-connections";
	return NULL;
}

static void
refuse_full(struct redis_client *client, const char *full)
{
	resp_put_error(
	    &client->redis->out, "ERR max number of clients reached");
	redis_flush(client);
	client->detail = full;
	conn_close(client->conn, &conn_too_many);
}

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	struct redis *redis = user;
	struct redis_client *client = xcalloc(1, sizeof(*client));
	const char *full = find_full(redis);
	enum allowed_verdict verdict =
	    allowed_judge(redis->settings.allowed, fd, peer, "redis");

	client->redis = redis;
	client->peer = *peer;
	client->version = 2;
	client->quit_cause = &conn_eof;
	client->origin = guessers_origin(fd, peer);
	redis_become_stranger(client);
	client->command = "NULL";
	redis_requests_init_client(client);
	resp_parser_init(&client->parser);
	topic_owner_init(&client->patterns);
	client->shards = shards_new(client);
	client->member = broker_join(redis->broker, "redis", &sink, client);
	broker_silence(redis->broker, client->member);
	TAILQ_INSERT_TAIL(&redis->clients, client, in_redis);
	client->conn = conn_new(redis->set, fd, &conn_ops, client);
	redis->stats.n_connections++;
	redis->stats.n_open++;
	if (verdict != ALLOWED) {
		be_unwelcome(client, verdict, full != NULL);
	} else if (full != NULL) {
		refuse_full(client, full);
	} else {
		log_info("redis-opened",
		    "id=%" PRIu64 " pid=%" PRId64 " uid=%u", client->member->id,
		    (int64_t)peer->pid, (unsigned)peer->uid);
	}
}

const struct listen_ops redis_listen_ops = { .accepted = on_accepted };

static struct instant
next_deadline(struct loop_source *source)
{
	const struct redis *redis = container_of(source, struct redis, source);

	return instant_earlier(
	    instant_earlier(redis->trim_at, redis->drain_deadline),
	    redis_auth_deadline(redis));
}

/* Closes the clients that have not read their queue. */
static void
expire_drain(struct redis *redis)
{
	struct redis_client *client;

	redis->drain_deadline = INSTANT_NEVER;
	TAILQ_FOREACH (client, &redis->clients, in_redis)
		conn_close(client->conn, &conn_shutdown);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct redis *redis = container_of(source, struct redis, source);

	if (instant_reached(redis->trim_at, now))
		redis_requests_trim(redis);
	redis_auth_expire(redis, now);
	if (instant_reached(redis->drain_deadline, now))
		expire_drain(redis);
}

static void
on_shards_ended(struct shards_registry *shards)
{
	redis_watch_shards(container_of(shards, struct redis, shards));
}

/* For the hub. */
static void
drain_source(struct stats_source *source, void (*done)(void *arg), void *arg)
{
	redis_drain(
	    container_of(source, struct redis, stats_source), done, arg);
}

struct redis *
redis_new(struct loop *loop, struct conn_set *set, struct broker *broker,
    struct hub *hub, const struct redis_settings *settings)
{
	struct redis *redis = xcalloc(1, sizeof(*redis));
	struct hash_key key = hash_key_random();

	redis->loop = loop;
	redis->set = set;
	redis->broker = broker;
	redis->hub = hub;
	redis->turns.timing = hub_timing(hub);
	closed_register(hub_closed(hub), redis_causes);
	redis_figures_add(redis);
	redis->settings = *settings;
	redis->started = loop_now(loop);
	redis_requests_init(redis);
	forms_init(&redis->forms, loop);
	redis->verbs = redis_verbs;
	redis->n_verbs = redis_n_verbs;
	redis->patterns = topic_registry_new(key);
	shards_init(&redis->shards, loop, key, on_shards_ended);
	leaving_init(&redis->leaving, loop, broker);
	TAILQ_INIT(&redis->clients);
	TAILQ_INIT(&redis->waiting);
	timeouts_init(&redis->strangers);
	redis->drain_deadline = INSTANT_NEVER;
	redis->stats_source.drain = drain_source;
	redis->source.next_deadline = next_deadline;
	redis->source.expire = expire;
	loop_add_source(loop, &redis->source);
	return redis;
}

void
redis_free(struct redis *redis)
{
	if (redis == NULL)
		return;
	assert(TAILQ_EMPTY(&redis->clients));
	topic_registry_free(redis->patterns);
	shards_fini(&redis->shards);
	leaving_fini(&redis->leaving);
	loop_remove_source(redis->loop, &redis->source);
	hub_remove_source(redis->hub, &redis->stats_source);
	redis_requests_fini(redis);
	forms_drop(&redis->forms);
	parts_fini(&redis->parts);
	pending_joins_fini(&redis->joins);
	free(redis);
}

void
redis_configure(struct redis *redis, const struct redis_settings *settings)
{
	redis->settings = *settings;
}

void
redis_drain(struct redis *redis, void (*done)(void *arg), void *arg)
{
	struct redis_client *client;

	redis->drained = done;
	redis->drained_arg = arg;
	redis->drain_deadline = instant_after(
	    loop_now(redis->loop), redis->settings.drain_timeout_ms);
	turns_run_all(&redis->turns);
	TAILQ_FOREACH (client, &redis->clients, in_redis)
		if (client->is_busy)
			conn_stop_reading(client->conn);
		else
			conn_finish(client->conn, &conn_shutdown);
	finish_drain(redis);
}

const struct redis_stats *
redis_stats(const struct redis *redis)
{
	return &redis->stats;
}
