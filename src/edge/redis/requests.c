#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/redis/client.h"

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
 * A turn has a limit. What one read has brought may be ten thousand requests,
 * and one request may have a million arguments. Once a turn has worked for
 * TURN_MAX_US, and behind a request that takes steps (long.c), requests are
 * held for their client, which is not read from until they are done: a job does
 * them, beside those of others. To look at the clock for each would cost a
 * tenth of a PUBLISH, so there is a credit.
 *
 * What is staged, its arguments and replies stand in arrays that all clients
 * share and that are used again. One reply may have many megabytes; what they
 * leave behind is given back.
 */

#define TIGHT_OUTPUT_MAX 65536
#define FLUSH_ABOVE 65536   /* bytes of replies */
#define SCRATCH_KEPT 262144 /* bytes of one array */
#define TRIM_AFTER_MS 1000
#define TURN_MAX_US 4000  /* of a turn's work, before requests are held */
#define INLINE_US 300     /* of steps that are done at once */
#define CREDIT 32         /* requests that cost little */
#define CREDIT_BYTES 1024 /* of replies that cost as much as one more */

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
		conn_cut(client->conn, &conn_slow_consumer,
		    "64 KiB of replies before AUTH");
}

struct resp_arg
redis_arg(const struct redis_call *call, size_t i)
{
	const struct redis_request *request = call->request;
	const struct resp_span *span = &call->spans[i];

	return (struct resp_arg){
		request->blob->data + request->off + span->off,
		span->len,
	};
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
	if (parser->n > REDIS_ARGS_MAX)
		request.own = resp_parser_take_spans(&client->parser);
	else
		add_spans(fresh, parser->spans, parser->n);
	add_request(fresh, &request);
	client->n_staged++;
	loop_work_later(redis->loop, &redis->staging);
}

static bool
has_credit(struct redis *redis)
{
	if (redis->credit-- > 0)
		return true;
	redis->credit = CREDIT;
	return clock_us() < loop_began_us(redis->loop) + TURN_MAX_US;
}

static void
execute(const struct redis_stage *stage, struct redis_request *request)
{
	struct redis_client *client = request->client;
	struct redis *redis = client->redis;
	struct redis_call call = { client, redis->args, request->n, &redis->out,
		request, request->own };
	size_t before = redis->out.len;

	if (call.spans == NULL)
		call.spans = stage->spans + request->span;
	for (size_t i = 0; i < call.n && i < REDIS_ARGS_MAX; i++)
		redis->args[i] = redis_arg(&call, i);
	if (request->is_over)
		redis_error(&call,
		    "ERR the request is too long; max-frame is %zu bytes",
		    redis->settings.max_frame);
	else
		redis_execute(&call);
	redis->credit -= (int)((redis->out.len - before) / CREDIT_BYTES);
	if (redis->out.len > FLUSH_ABOVE)
		redis_flush(client);
}

static void
be_busy(struct redis_client *client)
{
	client->is_busy = true;
	conn_pause(client->conn);
	job_start(loop_jobs(client->redis->loop), &client->work);
}

/* The request is done later, behind those that are held already. */
static void
hold(struct redis_stage *stage, size_t i)
{
	struct redis_request *request = &stage->at[i], held = *request;
	struct redis_client *client = request->client;

	redis_flush(client);
	if (client->held.n == 0)
		client->held.read_us = stage->read_us;
	held.span = client->held.n_spans;
	if (request->own == NULL)
		add_spans(
		    &client->held, stage->spans + request->span, request->n);
	add_request(&client->held, &held);
	request->client = NULL;
	be_busy(client);
}

/* The client's last request so far has been answered. */
static void
settle(struct redis_client *client)
{
	if (client->is_quitting)
		conn_finish(client->conn, client->quit_cause);
	if (client->has_eof && client->n_staged == 0)
		conn_close(client->conn, &conn_eof);
}

/* Small ones are over before others notice. */
static void
step_at_once(struct redis_client *client)
{
	int64_t end_us = clock_us() + INLINE_US;

	while (client->doing != NULL && clock_us() < end_us)
		redis_step(client);
	client->redis->credit = 0;
}

/* Does request i of the stage; is_last: no other of its client follows. */
static void
handle(struct redis_stage *stage, size_t i, bool is_last)
{
	struct redis_request *request = &stage->at[i];
	struct redis_client *client = request->client;

	/* A guess must not be tried by closing the connection. */
	if (!client->is_quitting &&
	    (client->is_authenticated || !conn_is_closing(client->conn)))
		execute(stage, request);
	if (client->doing != NULL)
		step_at_once(client);
	request->client = NULL;
	blob_unref(request->blob);
	free(request->own);
	if (client->doing != NULL)
		be_busy(client);
	else
		client->n_staged--;
	if (is_last || client->is_quitting || client->is_busy)
		redis_flush(client);
	settle(client);
}

/* Whether what is next in the stage belongs to the same client. */
static bool
goes_on(const struct redis_stage *stage, size_t i)
{
	return i + 1 < stage->n &&
	       stage->at[i + 1].client == stage->at[i].client;
}

static void
handle_or_hold(struct redis_stage *stage, size_t i)
{
	struct redis_client *client = stage->at[i].client;

	if (!conn_is_closing(client->conn) &&
	    (client->is_busy || redis_must_wait(client) ||
		!has_credit(client->redis)))
		hold(stage, i);
	else
		handle(stage, i, !goes_on(stage, i));
}

static void
stage_fini(struct redis_stage *stage)
{
	free(stage->at);
	free(stage->spans);
	*stage = (struct redis_stage){ .n = 0 };
}

/* Does requests that are held, until the credit is used or one takes steps. */
static void
run_held(struct redis_client *client)
{
	struct redis *redis = client->redis;
	struct redis_stage *held = &client->held;
	uint64_t n_before = redis->stats.n_published;
	size_t i;

	redis->credit = CREDIT;
	while (client->n_handled < held->n && client->doing == NULL &&
	       !client->is_waiting && redis->credit-- > 0) {
		if (redis_must_wait(client) && !client->is_quitting) {
			redis_wait(client);
			continue;
		}
		i = client->n_handled++;
		handle(held, i, i + 1 == held->n || redis->credit <= 0);
	}
	redis_flush(client);
	if (redis->timing != NULL)
		timing_routed(redis->timing, held->read_us,
		    redis->stats.n_published - n_before);
	if (client->n_handled < held->n)
		return;
	client->n_handled = 0;
	stage_fini(held);
}

static void
step(struct redis_client *client)
{
	redis_step(client);
	if (client->doing == NULL)
		client->n_staged--;
}

static bool
on_work(struct job *job)
{
	struct redis_client *client =
	    (struct redis_client *)((char *)job -
				    offsetof(struct redis_client, work));
	struct redis *redis = client->redis;

	redis->is_handling = true;
	if (client->doing == NULL)
		run_held(client);
	else
		step(client);
	redis->is_handling = false;
	if (client->is_waiting)
		return false;
	if (client->doing != NULL || client->held.n > 0)
		return true;
	client->is_busy = false;
	redis_go_on(client);
	return false;
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
			handle_or_hold(stage, i);
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
			handle_or_hold(stage, i);
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

void
redis_run_last_staged(struct redis_client *client)
{
	struct redis *redis = client->redis;
	struct redis_stage *fresh = &redis->fresh;
	size_t i = fresh->n - 1;

	if (client->n_staged != 1 || fresh->n == 0 ||
	    fresh->at[i].client != client) {
		redis_run_staged(client);
		return;
	}
	/* It is taken off at once: there may be ten thousand in a row. */
	redis->is_handling = true;
	handle_or_hold(fresh, i);
	redis->is_handling = false;
	fresh->n_spans = fresh->at[i].span;
	fresh->n = i;
}

void
redis_run_last(struct redis_client *client)
{
	struct redis_stage *held = &client->held;

	job_stop(loop_jobs(client->redis->loop), &client->work);
	redis_abandon(client);
	for (size_t i = client->n_handled; i < held->n; i++)
		handle(held, i, true);
	stage_fini(held);
	redis_run_staged(client);
}

void
redis_requests_fini(struct redis *redis)
{
	stage_fini(&redis->fresh);
	stage_fini(&redis->ripe);
	msg_writer_fini(&redis->out);
	msg_writer_fini(&redis->scratch);
}

void
redis_client_init(struct redis_client *client)
{
	client->work.step = on_work;
}

void
redis_requests_init(struct redis *redis)
{
	redis->staging.run = on_staging;
	redis->args = xcalloc(REDIS_ARGS_MAX, sizeof(*redis->args));
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
