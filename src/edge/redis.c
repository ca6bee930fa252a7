#include "edge/redis_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

/*
 * The life of clients, and the order of their requests.
 *
 * Requests are found as they are read and carried out one turn later, as the
 * native protocol does it and for its reason: a native worker's subscription
 * that was sent before a message was published here is in force for it. Replies
 * are in the order of requests, so all of them wait, not PUBLISH alone. A
 * request is kept as a reference to the bytes it came in, so it is neither
 * copied nor parsed twice.
 *
 * Who is not authenticated can do nothing that others see. It has small limits,
 * and its requests are carried out at once, since those behind an AUTH in the
 * same packet already have the others.
 */

#define TIGHT_ARGS_MAX 10
#define TIGHT_BULK_MAX 16384
#define TIGHT_OUTPUT_MAX 65536
#define ARGS_MAX (1 << 20)
#define REQUEST_EXTRA 65536 /* bytes, to what a message may have */
#define FLUSH_ABOVE 65536   /* bytes of replies */

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
redis_flush(struct redis_client *client)
{
	struct msg_writer *w = &client->redis->out;
	struct slice s = { .len = w->len };

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	if (w->len == 0)
		return;
	s.blob = blob_copy(w->data, w->len);
	w->len = 0;
	conn_send(client->conn, &s, false);
	blob_unref(s.blob);
	if (!client->is_authenticated &&
	    conn_queue_bytes(client->conn) > TIGHT_OUTPUT_MAX)
		conn_close(client->conn, CONN_SLOW_CONSUMER);
}

static void
add_request(struct redis_stage *stage, const struct redis_request *request)
{
	if (stage->n == stage->size) {
		stage->size = stage->size == 0 ? 64 : 2 * stage->size;
		stage->at =
		    xreallocarray(stage->at, stage->size, sizeof(*stage->at));
	}
	stage->at[stage->n++] = *request;
}

static void
add_spans(struct redis_stage *stage, const struct resp_span *spans, size_t n)
{
	while (stage->spans_size - stage->n_spans < n) {
		stage->spans_size =
		    stage->spans_size == 0 ? 256 : 2 * stage->spans_size;
		stage->spans = xreallocarray(
		    stage->spans, stage->spans_size, sizeof(*stage->spans));
	}
	if (n > 0)
		memcpy(
		    stage->spans + stage->n_spans, spans, n * sizeof(*spans));
	stage->n_spans += n;
}

/* Stages what the parser has found at the beginning of data. */
static void
stage(struct redis_client *client, const struct slice *data, bool is_over)
{
	struct redis *redis = client->redis;
	struct redis_stage *fresh = &redis->fresh;
	const struct resp_parser *parser = &client->parser;
	struct redis_request request = {
		.client = client,
		.span = fresh->n_spans,
		.n = parser->n,
		.is_over = is_over,
	};

	if (parser->words != NULL) {
		request.blob = blob_copy(parser->words, parser->words_len);
	} else {
		request.blob = blob_ref(data->blob);
		request.off = data->off;
	}
	if (fresh->n == 0)
		fresh->read_us = loop_began_us(redis->loop);
	add_spans(fresh, parser->spans, parser->n);
	add_request(fresh, &request);
	client->n_staged++;
	loop_work_later(redis->loop, &redis->staging);
}

static void
execute(const struct redis_stage *stage, const struct redis_request *request)
{
	struct redis_client *client = request->client;
	struct redis *redis = client->redis;
	struct redis_call call = { client, NULL, request->n, &redis->out };

	if (redis->args_size < request->n) {
		redis->args_size = request->n;
		redis->args = xreallocarray(
		    redis->args, request->n, sizeof(*redis->args));
	}
	for (size_t i = 0; i < request->n; i++) {
		const struct resp_span *span = &stage->spans[request->span + i];

		redis->args[i] = (struct resp_arg){
			request->blob->data + request->off + span->off,
			span->len,
		};
	}
	call.args = redis->args;
	if (request->is_over)
		redis_error(&call,
		    "ERR the request is too long; max-frame is %zu bytes",
		    redis->settings.max_frame);
	else
		redis_execute(&call);
	if (redis->out.len > FLUSH_ABOVE)
		redis_flush(client);
}

/* Whether what is next in the stage belongs to the same client. */
static bool
goes_on(const struct redis_stage *stage, size_t i)
{
	return i + 1 < stage->n &&
	       stage->at[i + 1].client == stage->at[i].client;
}

static void
handle(struct redis_stage *stage, size_t i)
{
	struct redis_request *request = &stage->at[i];
	struct redis_client *client = request->client;
	bool is_last = !goes_on(stage, i);

	if (!client->is_quitting)
		execute(stage, request);
	request->client = NULL;
	blob_unref(request->blob);
	client->n_staged--;
	if (is_last || client->is_quitting)
		redis_flush(client);
	if (client->is_quitting)
		conn_finish(client->conn, CONN_EOF);
	if (client->has_eof && client->n_staged == 0)
		conn_close(client->conn, CONN_EOF);
}

static void
on_staging(struct loop_task *task)
{
	struct redis *redis =
	    (struct redis *)((char *)task - offsetof(struct redis, staging));
	uint64_t n_before = redis->stats.n_published;
	struct redis_stage done;

	redis->is_handling = true;
	for (size_t i = 0; i < redis->ripe.n; i++)
		if (redis->ripe.at[i].client != NULL)
			handle(&redis->ripe, i);
	redis->is_handling = false;
	if (redis->timing != NULL)
		timing_routed(redis->timing, redis->ripe.read_us,
		    redis->stats.n_published - n_before);
	done = redis->ripe;
	redis->ripe = redis->fresh;
	redis->fresh = done;
	redis->fresh.n = 0;
	redis->fresh.n_spans = 0;
	if (redis->ripe.n > 0)
		loop_work_later(redis->loop, &redis->staging);
}

static void
run_own(struct redis_stage *stage, const struct redis_client *client)
{
	for (size_t i = 0; i < stage->n; i++)
		if (stage->at[i].client == client)
			handle(stage, i);
}

/* Carries out all that is staged of the client, now. */
static void
run_staged(struct redis_client *client)
{
	struct redis *redis = client->redis;

	if (redis->is_handling || client->n_staged == 0)
		return;
	redis->is_handling = true;
	run_own(&redis->ripe, client);
	run_own(&redis->fresh, client);
	redis->is_handling = false;
}

/* As redis-server: the reply says what is wrong, and that is the end. What is
 * behind a QUIT is not looked at. */
static void
refuse(struct redis_client *client)
{
	struct redis *redis = client->redis;

	run_staged(client);
	if (client->is_quitting)
		return;
	client->n_errors++;
	redis->stats.n_errors++;
	resp_put_error(&redis->out, "ERR %s", client->parser.error);
	redis_flush(client);
	conn_finish(client->conn, CONN_BAD_FRAME);
}

/* One request at the beginning of data, which the parser has found. */
static void
take(struct redis_client *client, const struct slice *data, bool is_over)
{
	struct resp_parser *parser = &client->parser;

	if (parser->n > 0 || is_over)
		stage(client, data, is_over);
	if (!client->is_authenticated)
		run_staged(client);
	resp_parser_next(parser);
}

static size_t
on_input(struct conn *conn, const struct slice *data, size_t *want)
{
	struct redis_client *client = conn_user(conn);
	struct resp_parser *parser = &client->parser;
	struct slice rest = *data;

	while (rest.len > 0 && !conn_is_closing(conn) && !client->is_quitting) {
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
		conn_close(conn, CONN_EOF);
}

static void
remember(const struct redis_client *client)
{
	const struct conn_stats *stats = conn_stats(client->conn);
	struct closed_entry *e = closed_add(client->redis->closed);

	*e = (struct closed_entry){
		.id = client->member->id,
		.wall_ms = clock_wall_ms(),
		.age_ms = loop_now(client->redis->loop).ms -
			  conn_since(client->conn).ms,
		.pid = client->peer.pid,
		.uid = client->peer.uid,
		.bytes_in = stats->bytes_in,
		.bytes_out = stats->bytes_out,
		.queue_bytes = conn_queue_bytes(client->conn),
		.queue_peak_bytes = stats->queue_peak,
		.reason = conn_cause_name(conn_cause(client->conn)),
	};
	snprintf(e->name, sizeof(e->name), "%s",
	    client->name == NULL ? "" : client->name);
	snprintf(e->detail, sizeof(e->detail), "%s", client->parser.error);
	log_line(conn_cause(client->conn) == CONN_EOF ? LOG_INFO : LOG_WARN,
	    "redis-closed",
	    "id=%" PRIu64 " pid=%" PRId64 " reason=%s age_ms=%" PRId64
	    " bytes_in=%" PRIu64 " bytes_out=%" PRIu64 " queue_bytes=%" PRIu64,
	    e->id, e->pid, e->reason, e->age_ms, e->bytes_in, e->bytes_out,
	    e->queue_bytes);
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

	run_staged(client);
	remember(client);
	topic_owner_fini(redis->patterns, &client->patterns);
	topic_owner_fini(redis->shards, &client->shards);
	broker_leave(redis->broker, client->member);
	TAILQ_REMOVE(&redis->clients, client, in_redis);
	redis->stats.n_open--;
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

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	struct redis *redis = user;
	struct redis_client *client = xcalloc(1, sizeof(*client));
	bool is_full =
	    conn_set_n_open(redis->set) >= redis->settings.max_connections ||
	    redis->stats.n_open >= redis->settings.clients_max;

	client->redis = redis;
	client->peer = *peer;
	client->version = 2;
	client->is_authenticated = redis->settings.password == NULL ||
				   *redis->settings.password == '\0';
	client->command = "NULL";
	resp_parser_init(&client->parser);
	topic_owner_init(&client->patterns);
	topic_owner_init(&client->shards);
	client->member = broker_join(redis->broker, "redis", &sink, client);
	broker_silence(redis->broker, client->member);
	TAILQ_INSERT_TAIL(&redis->clients, client, in_redis);
	client->conn = conn_new(redis->set, fd, &conn_ops, client);
	redis->stats.n_connections++;
	redis->stats.n_open++;
	log_info("redis-opened", "id=%" PRIu64 " pid=%" PRId64 " uid=%u",
	    client->member->id, (int64_t)peer->pid, (unsigned)peer->uid);
	if (is_full) {
		resp_put_error(
		    &redis->out, "ERR max number of clients reached");
		redis_flush(client);
		conn_close(client->conn, CONN_TOO_MANY);
	}
}

const struct listen_ops redis_listen_ops = { .accepted = on_accepted };

static void
on_forgetting(struct loop_task *task)
{
	redis_drop_forms((
	    struct redis *)((char *)task - offsetof(struct redis, forgetting)));
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
	redis->settings = *settings;
	redis->started = loop_now(loop);
	redis->staging.run = on_staging;
	redis->forgetting.run = on_forgetting;
	redis->patterns = topic_registry_new(key);
	redis->shards = topic_registry_new(key);
	TAILQ_INIT(&redis->clients);
	return redis;
}

static void
stage_fini(struct redis_stage *stage)
{
	free(stage->at);
	free(stage->spans);
}

void
redis_free(struct redis *redis)
{
	if (redis == NULL)
		return;
	assert(TAILQ_EMPTY(&redis->clients));
	topic_registry_free(redis->patterns);
	topic_registry_free(redis->shards);
	stage_fini(&redis->fresh);
	stage_fini(&redis->ripe);
	redis_drop_forms(redis);
	redis_asked_fini(redis);
	msg_writer_fini(&redis->out);
	msg_writer_fini(&redis->scratch);
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

	redis->is_draining = true;
	redis->drained = done;
	redis->drained_arg = arg;
	TAILQ_FOREACH (client, &redis->clients, in_redis) {
		run_staged(client);
		conn_finish(client->conn, CONN_SHUTDOWN);
	}
	finish_drain(redis);
}

const struct redis_stats *
redis_stats(const struct redis *redis)
{
	return &redis->stats;
}
