#include "edge/redis/long.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/redis/reply.h"

/*
 * Requests that would hold the loop up if they were done at once: with many
 * arguments, or about all channels or clients. A job (requests.c) does them in
 * steps; channels and clients may come and go between two steps.
 *
 * Messages to the client may be sent between two steps, so each step sends
 * complete replies: those about one channel each. A reply that is one value is
 * kept in parts until its end, where its length is known.
 */

#define AT_ONCE 64   /* arguments that take no steps */
#define STEP_ARGS 16 /* arguments that one step does */

struct redis_long *
redis_begin(struct redis_call *call, bool (*step)(struct redis_long *work))
{
	struct redis_long *work = xcalloc(1, sizeof(*work));
	struct redis_request *request = call->request;

	redis_flush(call->client);
	work->call = *call;
	work->call.args = NULL;
	work->call.request = &work->request;
	work->request = *request;
	work->request.blob = blob_ref(request->blob);
	if (request->own == NULL) {
		work->request.own = xcalloc(call->n, sizeof(*call->spans));
		memcpy(work->request.own, call->spans,
		    call->n * sizeof(*call->spans));
	}
	request->own = NULL;
	work->call.spans = work->request.own;
	work->step = step;
	call->client->doing = work;
	return work;
}

void
redis_abandon(struct redis_client *client)
{
	struct redis_long *work = client->doing;

	if (work == NULL)
		return;
	client->doing = NULL;
	for (size_t i = 0; i < work->n_parts; i++)
		blob_unref(work->parts[i].blob);
	free(work->parts);
	msg_writer_fini(&work->out);
	if (work->is_listing)
		LIST_REMOVE(work, in_listings);
	blob_unref(work->request.blob);
	free(work->request.own);
	free(work);
}

/* Keeps what the steps have put so far. */
static void
keep_part(struct redis_long *work)
{
	struct msg_writer *w = &work->out;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	if (work->n_parts == work->parts_size) {
		work->parts_size = 2 * work->parts_size + 4;
		work->parts = xreallocarray(
		    work->parts, work->parts_size, sizeof(*work->parts));
	}
	work->parts[work->n_parts++] =
	    (struct slice){ blob_copy(w->data, w->len), 0, w->len };
	work->n_bytes += w->len;
	w->len = 0;
}

static void
send_reply(struct redis_long *work)
{
	struct redis_client *client = work->call.client;

	if (work->out.len > 0)
		keep_part(work);
	work->call.out = &client->redis->out;
	work->finish(work);
	redis_flush(client);
	for (size_t i = 0; i < work->n_parts; i++)
		conn_send(client->conn, &work->parts[i], false);
}

/* Returns whether the reply is longer than a client's queue may be; then the
 * client has had an error. */
static bool
is_too_long(struct redis_long *work)
{
	struct redis_call *call = &work->call;
	struct redis *redis = call->client->redis;
	size_t max = conn_set_limits(redis->set)->hard_bytes;

	if (work->n_bytes + work->out.len <= max)
		return false;
	call->out = &redis->out;
	redis_error(
	    call, "ERR the reply is too long; queue-limit is %zu bytes", max);
	return true;
}

/* Freeing the memory of a large request is work for the kernel: each part of it
 * is a step. */
static bool
give_back(struct redis_long *work)
{
	if (work->request.own != NULL && work->call.n > REDIS_ARGS_MAX) {
		free(work->request.own);
		work->request.own = NULL;
		return true;
	}
	return false;
}

void
redis_step(struct redis_client *client)
{
	struct redis_long *work = client->doing;
	bool is_whole = work->finish != NULL, is_more;

	if (work->is_done) {
		if (!give_back(work))
			redis_abandon(client);
		return;
	}
	work->call.out = is_whole ? &work->out : &client->redis->out;
	is_more = work->step(work);
	if (is_whole && is_too_long(work))
		is_more = false;
	else if (is_whole && !is_more)
		send_reply(work);
	else if (work->out.len > BLOB_CHUNK)
		keep_part(work);
	redis_flush(client);
	work->is_done = !is_more;
}

static bool
step_args(struct redis_long *work)
{
	struct resp_arg arg;

	for (int i = 0; i < STEP_ARGS && work->next < work->call.n; i++) {
		arg = redis_arg(&work->call, work->next++);
		work->each(&work->call, &arg);
	}
	return work->next < work->call.n;
}

bool
redis_is_short(const struct redis_call *call)
{
	return call->n <= AT_ONCE;
}

struct redis_long *
redis_each_arg(struct redis_call *call, size_t first,
    void (*each)(struct redis_call *call, const struct resp_arg *arg))
{
	struct redis_long *work;

	if (redis_is_short(call)) {
		for (size_t i = first; i < call->n; i++)
			each(call, &call->args[i]);
		return NULL;
	}
	work = redis_begin(call, step_args);
	work->each = each;
	work->next = first;
	return work;
}

void
redis_list_clients(struct redis_long *work)
{
	struct redis *redis = work->call.client->redis;

	work->place = TAILQ_FIRST(&redis->clients);
	work->is_listing = true;
	LIST_INSERT_HEAD(&redis->listings, work, in_listings);
}

void
redis_listings_forget(const struct redis_client *client)
{
	struct redis_long *work;

	LIST_FOREACH (work, &client->redis->listings, in_listings)
		if (work->place == client)
			work->place = TAILQ_NEXT(client, in_redis);
}
