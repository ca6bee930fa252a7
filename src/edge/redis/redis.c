#include "edge/redis/client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

/*
 * The life of clients: accepted, read from, gone. What they ask for is put in
 * order by requests.c and done by the commands.
 *
 * Who is not authenticated can do nothing that others see. It has small limits,
 * and its requests are carried out at once, since those behind an AUTH in the
 * same packet already have the others.
 *
 * A drain answers what has come, in the order in which it came, and then ends
 * each connection when its queue has been written. Redis's protocol has no word
 * for "send what you have begun", so nobody is waited for but who reads, and
 * for them until the drain's deadline.
 */

#define TIGHT_ARGS_MAX 10
#define TIGHT_BULK_MAX 16384
#define ARGS_MAX (1 << 20)
#define REQUEST_EXTRA 65536 /* bytes, to what a message may have */

static const struct broker_sink sink = {
	.message = redis_on_message,
};

static struct resp_limits
limits_of(const struct redis_client *client)
{
	const struct redis_settings *settings = &client->redis->settings;

	if (!client->is_authenticated)
		return (struct resp_limits){ TIGHT_ARGS_MAX, TIGHT_BULK_MAX,
			SIZE_MAX, true };
	return (struct resp_limits){ ARGS_MAX, settings->max_frame,
		settings->max_frame + REQUEST_EXTRA, false };
}

void
redis_tell_refusal(struct redis_client *client)
{
	struct redis *redis = client->redis;

	client->n_errors++;
	redis->stats.n_errors++;
	resp_put_error(&redis->out, "ERR %s", client->detail);
	redis_flush(client);
	conn_finish(client->conn, &redis_bad_request);
}

/* As redis-server: the reply says what is wrong, and that is the end. What is
 * behind a QUIT is not looked at. */
static void
refuse(struct redis_client *client)
{
	redis_run_staged(client);
	if (client->is_quitting)
		return;
	client->detail = client->parser.error;
	client->is_refused = client->is_busy;
	if (client->is_busy)
		conn_stop_reading(client->conn);
	else
		redis_tell_refusal(client);
}

void
redis_go_on(struct redis_client *client)
{
	if (client->is_refused && !client->is_quitting)
		redis_tell_refusal(client);
	else if (client->redis->drained != NULL)
		conn_finish(client->conn, &conn_shutdown);
	else if (client->has_eof && client->n_staged == 0)
		conn_close(client->conn, &conn_eof);
	else
		conn_resume(client->conn);
}

void
redis_turn_away(struct redis_client *client)
{
	resp_put_error(&client->redis->out, "NOPERM " ALLOWED_REFUSAL,
	    (unsigned)client->peer.uid);
	redis_flush(client);
	client->detail = "its uid is in neither allow-users nor allow-groups";
	conn_close(client->conn, &conn_not_allowed);
}

/* One request at the beginning of data, which the parser has found. */
static void
take(struct redis_client *client, const struct slice *data, bool is_over)
{
	struct resp_parser *parser = &client->parser;

	if (parser->n > 0 || is_over)
		redis_stage_request(client, data, is_over);
	if (!client->is_authenticated)
		redis_run_last_staged(client);
	resp_parser_next(parser);
}

static size_t
on_input(struct conn *conn, const struct slice *data, size_t *want)
{
	struct redis_client *client = conn_user(conn);
	struct resp_parser *parser = &client->parser;
	struct slice rest = *data;

	if (client->is_unwelcome) {
		redis_turn_away(client);
		return data->len;
	}
	while (rest.len > 0 && !conn_is_closing(conn) && !client->is_quitting) {
		/* What may follow depends on what is held. */
		if (client->is_busy)
			return rest.off - data->off;
		struct resp_limits limits = limits_of(client);
		enum resp_verdict verdict =
		    resp_parse(parser, &limits, slice_data(&rest), rest.len);
		size_t used = parser->at;

		switch (verdict) {
		case RESP_READY:
		case RESP_OVER:
			take(client, &rest, verdict == RESP_OVER);
			rest.off += used;
			rest.len -= used;
			continue;
		case RESP_SHORT:
			*want = resp_parser_want(parser);
			return rest.off - data->off + resp_parser_pass(parser);
		case RESP_BAD:
			refuse(client);
			return data->len;
		default:
			log_fatal("out-of-memory", "reading=request");
		}
	}
	return data->len;
}

static void
on_eof(struct conn *conn)
{
	struct redis_client *client = conn_user(conn);

	if (client->n_staged > 0)
		client->has_eof = true;
	else
		conn_close(conn, &conn_eof);
}

static void
note_closed(const struct redis_client *client)
{
	struct closed *closed = client->redis->closed;

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

static void
on_gone(struct conn *conn)
{
	struct redis_client *client = conn_user(conn);
	struct redis *redis = client->redis;

	redis_run_last(client);
	redis_listings_forget(client);
	redis_auth_forget(client);
	note_closed(client);
	redis_drop_patterns(client);
	topic_owner_fini(redis->shards, &client->shards);
	redis_watch_shards(redis);
	broker_leave(redis->broker, client->member);
	TAILQ_REMOVE(&redis->clients, client, in_redis);
	redis->stats.n_open--;
	redis->n_unwelcome -= client->is_unwelcome;
	resp_parser_fini(&client->parser);
	free(client->name);
	free(client);
	finish_drain(redis);
}

static const struct conn_ops conn_ops = {
	.input = on_input,
	.eof = on_eof,
	.gone = on_gone,
};

/* It has as long for its first bytes as others have for AUTH, if there is room.
 */
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
		return "there are max-connections connections";
	if (redis->stats.n_open >= redis->settings.clients_max)
		return "Redis clients have their half of max-connections";
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
	redis_find_origin(client, fd);
	redis_become_stranger(client);
	client->command = "NULL";
	redis_client_init(client);
	resp_parser_init(&client->parser);
	topic_owner_init(&client->patterns);
	topic_owner_init(&client->shards);
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

static void
on_forgetting(struct loop_task *task)
{
	redis_drop_forms((
	    struct redis *)((char *)task - offsetof(struct redis, forgetting)));
}

static struct redis *
redis_of(struct loop_source *source)
{
	return (
	    struct redis *)((char *)source - offsetof(struct redis, source));
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct redis *redis = redis_of(source);

	return instant_earlier(
	    instant_earlier(redis->trim_at, redis->drain_deadline),
	    redis_auth_deadline(redis));
}

/* Who has not read what waits for it until now is not waited for. */
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
	struct redis *redis = redis_of(source);

	if (instant_reached(redis->trim_at, now))
		redis_requests_trim(redis);
	redis_auth_expire(redis, now);
	if (instant_reached(redis->drain_deadline, now))
		expire_drain(redis);
}

struct redis *
redis_new(struct loop *loop, struct conn_set *set, struct broker *broker,
    const struct redis_settings *settings, struct closed *closed)
{
	struct redis *redis = xcalloc(1, sizeof(*redis));
	struct hash_key key = hash_key_random();

	redis->loop = loop;
	redis->set = set;
	redis->broker = broker;
	redis->closed = closed;
	closed_register(closed, redis_causes);
	redis->settings = *settings;
	redis->started = loop_now(loop);
	redis_requests_init(redis);
	redis->forgetting.run = on_forgetting;
	redis->patterns = topic_registry_new(key);
	redis->shards = topic_registry_new(key);
	TAILQ_INIT(&redis->clients);
	TAILQ_INIT(&redis->waiting);
	timeouts_init(&redis->strangers);
	redis->drain_deadline = INSTANT_NEVER;
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
	topic_registry_free(redis->shards);
	loop_remove_source(redis->loop, &redis->source);
	redis_requests_fini(redis);
	redis_drop_forms(redis);
	redis_asked_fini(redis);
	free(redis->args);
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
	redis_run_all(redis);
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
