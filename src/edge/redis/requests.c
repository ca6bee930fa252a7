#include "edge/redis/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

/*
 * Requests in order.
 *
 * They are found as they are read and carried out one turn later, as the native
 * protocol does it and for its reason: a native worker's subscription that was
 * sent before a message was published here is in force for it. Replies are in
 * the order of requests, so all of them wait, not PUBLISH alone. A request is
 * kept as a reference to the bytes it came in, so it is neither copied nor
 * parsed twice.
 *
 * What is staged, its arguments and replies stand in arrays that all clients
 * share and that are used again. One request may have a million arguments, and
 * one reply many megabytes; what they leave behind is given back.
 */

#define TIGHT_OUTPUT_MAX 65536
#define FLUSH_ABOVE 65536   /* bytes of replies */
#define SCRATCH_KEPT 262144 /* bytes of one array */
#define TRIM_AFTER_MS 1000

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

void
redis_stage_request(
    struct redis_client *client, const struct slice *data, bool is_over)
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

static bool
is_stage_bulky(const struct redis_stage *stage)
{
	return stage->size * sizeof(*stage->at) > SCRATCH_KEPT ||
	       stage->spans_size * sizeof(*stage->spans) > SCRATCH_KEPT;
}

static bool
is_bulky(const struct redis *redis)
{
	return is_stage_bulky(&redis->fresh) || is_stage_bulky(&redis->ripe) ||
	       redis->args_size * sizeof(*redis->args) > SCRATCH_KEPT ||
	       redis->out.size > SCRATCH_KEPT ||
	       redis->scratch.size > SCRATCH_KEPT;
}

void
redis_trim_later(struct redis *redis)
{
	if (is_bulky(redis) && redis->trim_at.ms == INSTANT_NEVER.ms)
		redis->trim_at =
		    instant_after(loop_now(redis->loop), TRIM_AFTER_MS);
}

static void
run_all(struct redis *redis, struct redis_stage *stage)
{
	uint64_t n_before = redis->stats.n_published;

	redis->is_handling = true;
	for (size_t i = 0; i < stage->n; i++)
		if (stage->at[i].client != NULL)
			handle(stage, i);
	redis->is_handling = false;
	if (redis->timing != NULL)
		timing_routed(redis->timing, stage->read_us,
		    redis->stats.n_published - n_before);
	stage->n = 0;
	stage->n_spans = 0;
}

static void
on_staging(struct loop_task *task)
{
	struct redis *redis =
	    (struct redis *)((char *)task - offsetof(struct redis, staging));
	struct redis_stage done;

	run_all(redis, &redis->ripe);
	done = redis->ripe;
	redis->ripe = redis->fresh;
	redis->fresh = done;
	if (redis->ripe.n > 0)
		loop_work_later(redis->loop, &redis->staging);
	redis_trim_later(redis);
}

void
redis_run_all(struct redis *redis)
{
	run_all(redis, &redis->ripe);
	run_all(redis, &redis->fresh);
}

static void
run_own(struct redis_stage *stage, const struct redis_client *client)
{
	for (size_t i = 0; i < stage->n; i++)
		if (stage->at[i].client == client)
			handle(stage, i);
}

void
redis_run_staged(struct redis_client *client)
{
	struct redis *redis = client->redis;

	if (redis->is_handling || client->n_staged == 0)
		return;
	redis->is_handling = true;
	run_own(&redis->ripe, client);
	run_own(&redis->fresh, client);
	redis->is_handling = false;
}

static void
stage_fini(struct redis_stage *stage)
{
	free(stage->at);
	free(stage->spans);
	*stage = (struct redis_stage){ .n = 0 };
}

void
redis_requests_fini(struct redis *redis)
{
	stage_fini(&redis->fresh);
	stage_fini(&redis->ripe);
	msg_writer_fini(&redis->out);
	msg_writer_fini(&redis->scratch);
	free(redis->args);
	redis->args = NULL;
	redis->args_size = 0;
}

void
redis_requests_init(struct redis *redis)
{
	redis->staging.run = on_staging;
	redis->trim_at = INSTANT_NEVER;
}

void
redis_requests_trim(struct redis *redis)
{
	redis->trim_at = INSTANT_NEVER;
	if (redis->fresh.n == 0 && redis->ripe.n == 0)
		redis_requests_fini(redis);
	else
		redis_trim_later(redis);
}
