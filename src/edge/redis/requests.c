#include "edge/redis/requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/redis/auth.h"
#include "edge/redis/causes.h"
#include "edge/redis/commands.h"
#include "edge/redis/long.h"
#include "edge/redis/reply.h"

/*
 * Requests are staged as they are read and carried out one turn later, for the
 * reason that edge/turns.h gives. Replies are in the order of requests, so all
 * of them wait, not PUBLISH alone. A request is kept as a reference to the
 * bytes it came in, so it is neither copied nor parsed twice.
 *
 * A turn has a limit. One read may bring ten thousand requests, and one request
 * may have a million arguments. Once a turn has worked for
 * TURN_MAX_US, and behind a request that takes steps (long.c), requests are
 * held for their client, which is not read from until they are done: a job does
 * them, in turns with those of others. Reading the clock for each would cost a
 * tenth of a PUBLISH, so there is a credit.
 *
 * Requests that are staged, their arguments and replies are in arrays that all
 * clients share and that are used again. One reply may have many megabytes, so
 * large arrays are freed.
 */

#define FLUSH_ABOVE 65536 /* bytes of replies */
#define TURN_MAX_US 4000  /* of a turn's work, before requests are held */
#define INLINE_US 300     /* of steps that are done at once */
#define CREDIT 32         /* requests that cost little */
#define CREDIT_BYTES 1024 /* of replies that cost as much as one more */

struct staged {
	struct turns_entry entry;
	struct redis_request request;
	struct resp_span spans[]; /* none if the request has its own */
};

static struct redis_client *
client_of(const struct staged *staged)
{
	return container_of(staged->entry.owner, struct redis_client, turns);
}

void
redis_stage_request(
    struct redis_client *client, const struct slice *data, bool is_over)
{
	const struct resp_parser *parser = &client->parser;
	struct redis_request request = { .n = parser->n, .is_over = is_over };
	size_t n_bytes = parser->n * sizeof(*parser->spans);
	struct staged *staged;

	if (parser->words != NULL) {
		request.blob = blob_copy(parser->words, parser->words_len);
	} else {
		request.blob = blob_ref(data->blob);
		request.off = data->off;
	}
	if (parser->n > REDIS_ARGS_MAX) {
		request.own = resp_parser_take_spans(&client->parser);
		n_bytes = 0;
	}
	staged = turns_stage(
	    &client->redis->turns, &client->turns, sizeof(*staged) + n_bytes);
	staged->request = request;
	if (n_bytes > 0)
		memcpy(staged->spans, parser->spans, n_bytes);
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
execute(struct redis_client *client, struct staged *staged)
{
	struct redis *redis = client->redis;
	struct redis_request *request = &staged->request;
	struct redis_call call = { client, redis->args, request->n, &redis->out,
		request, request->own == NULL ? staged->spans : request->own };
	size_t before = redis->out.len;

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
hold(struct redis_client *client, const struct turns_stage *stage,
    const struct staged *staged)
{
	struct staged *held;

	redis_flush(client);
	if (client->held.len == 0)
		client->held.read_us = stage->read_us;
	held =
	    (struct staged *)turns_stage_add(&client->held, staged->entry.size);
	memcpy(held, staged, staged->entry.size);
	be_busy(client);
}

/* Small ones are done before they delay others. */
static void
step_at_once(struct redis_client *client)
{
	int64_t end_us = clock_us() + INLINE_US;

	while (client->doing != NULL && clock_us() < end_us)
		redis_step(client);
	client->redis->credit = 0;
}

/* Does the request. `is_last`: no other one of its client follows. */
static void
handle(struct redis_client *client, struct staged *staged, bool is_last)
{
	/* A guess must not be tried by closing the connection. */
	if (!client->is_quitting &&
	    (client->is_authenticated || !conn_is_closing(client->conn)))
		execute(client, staged);
	if (client->doing != NULL)
		step_at_once(client);
	blob_unref(staged->request.blob);
	free(staged->request.own);
	if (client->doing != NULL)
		be_busy(client);
	if (is_last || client->is_quitting || client->is_busy)
		redis_flush(client);
	client->redis->unsent = client->redis->out.len > 0 ? client : NULL;
	if (client->is_quitting)
		conn_finish(client->conn, client->quit_cause);
	if (client->is_refused && !client->is_quitting && !client->is_busy &&
	    redis_is_idle(client))
		redis_tell_refusal(client);
	else if (client->has_eof && redis_is_idle(client))
		conn_close(client->conn, &conn_eof);
}

/* Whether the entry behind this one is of the same client. */
static bool
goes_on(const struct turns_stage *stage, struct turns_entry *entry)
{
	const struct turns_entry *next = turns_stage_next(stage, entry);

	return next != NULL && next->owner == entry->owner;
}

static void
on_handle(
    struct turns *turns, struct turns_stage *stage, struct turns_entry *entry)
{
	struct staged *staged = container_of(entry, struct staged, entry);
	struct redis_client *client = client_of(staged);

	(void)turns;
	if (client->is_busy ||
	    (redis_must_wait(client) && !conn_is_closing(client->conn)) ||
	    !has_credit(client->redis))
		hold(client, stage, staged);
	else
		handle(client, staged, !goes_on(stage, entry));
}

/* The turn may have ended between two requests of one client. */
static void
on_turn_done(struct turns *turns)
{
	struct redis *redis = container_of(turns, struct redis, turns);

	if (redis->unsent != NULL)
		redis_flush(redis->unsent);
	redis->unsent = NULL;
	redis_trim_later(redis);
}

static const struct turns_ops turns_ops = { on_handle, on_turn_done };

/* The next request that is held, which counts as handled. */
static struct staged *
next_held(struct redis_client *client)
{
	struct staged *staged =
	    (struct staged *)(void *)(client->held.at + client->held_at);

	client->held_at += staged->entry.size;
	return staged;
}

static void
drop_held(struct redis_client *client)
{
	turns_stage_fini(&client->held);
	client->held_at = 0;
}

/* Does requests that are held, until the credit is used or one takes steps. */
static void
run_held(struct redis_client *client)
{
	struct redis *redis = client->redis;
	const struct turns_stage *held = &client->held;
	uint64_t n_before = redis->stats.n_published;
	struct staged *staged;

	redis->credit = CREDIT;
	while (client->held_at < held->len && client->doing == NULL &&
	       !client->is_waiting && redis->credit-- > 0) {
		if (redis_must_wait(client) && !client->is_quitting &&
		    !conn_is_closing(client->conn)) {
			redis_wait(client);
			continue;
		}
		staged = next_held(client);
		handle(client, staged,
		    client->held_at == held->len || redis->credit <= 0);
	}
	redis_flush(client);
	if (redis->turns.timing != NULL)
		timing_routed(redis->turns.timing, held->read_us,
		    redis->stats.n_published - n_before);
	if (client->held_at == held->len)
		drop_held(client);
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

/* The client is no longer busy. */
static void
go_on(struct redis_client *client)
{
	if (client->is_refused && !client->is_quitting)
		redis_tell_refusal(client);
	else if (client->redis->drained != NULL)
		conn_finish(client->conn, &conn_shutdown);
	else if (client->has_eof && redis_is_idle(client))
		conn_close(client->conn, &conn_eof);
	else
		conn_resume(client->conn);
}

static bool
on_work(struct job *job)
{
	struct redis_client *client =
	    container_of(job, struct redis_client, work);

	if (client->doing == NULL)
		run_held(client);
	else
		redis_step(client);
	if (client->is_waiting)
		return false;
	if (client->doing != NULL || client->held.len > 0)
		return true;
	client->is_busy = false;
	go_on(client);
	return false;
}

bool
redis_settle(struct redis_client *client)
{
	struct job_list *jobs = loop_jobs(client->redis->loop);

	redis_abandon(client);
	if (client->is_waiting) {
		redis_auth_forget(client);
		job_start(jobs, &client->work);
	}
	if (!redis_is_idle(client))
		return false;
	job_stop(jobs, &client->work);
	drop_held(client);
	return true;
}

void
redis_requests_fini(struct redis *redis)
{
	turns_fini(&redis->turns);
	msg_writer_fini(&redis->out);
	msg_writer_fini(&redis->scratch);
	free(redis->args);
}

void
redis_requests_init_client(struct redis_client *client)
{
	client->work.step = on_work;
}

void
redis_requests_init(struct redis *redis)
{
	turns_init(&redis->turns, redis->loop, redis->broker, &turns_ops);
	turns_hold(&redis->turns, redis->set);
	redis->args = xcalloc(REDIS_ARGS_MAX, sizeof(*redis->args));
	redis->trim_at = INSTANT_NEVER;
}

void
redis_requests_trim(struct redis *redis)
{
	redis->trim_at = INSTANT_NEVER;
	turns_trim(&redis->turns, REDIS_SCRATCH_KEPT);
	if (redis->out.size > REDIS_SCRATCH_KEPT)
		msg_writer_fini(&redis->out);
	if (redis->scratch.size > REDIS_SCRATCH_KEPT)
		msg_writer_fini(&redis->scratch);
	redis_trim_later(redis);
}
