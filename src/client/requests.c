#include "client/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/interest.h"
#include "client/limits.h"
#include "client/result.h"
#include "client/send.h"
#include "wire/frame.h"
#include "wire/sent.h"

/*
 * A request waits for its RESULT under its id, and does not survive its
 * connection. Everything that ends one takes it out of the table first and then
 * calls its callback, so none ends twice, whatever the callback does.
 */

#define TIMEOUT_DEFAULT_MS 5000
#define GRACE_MS 1000 /* in which the daemon can report the timeout itself */

struct request {
	struct table_node node; /* the first, so that it is the request too */
	struct instant deadline;
	int64_t timeout_ms;
	bool is_sent; /* or waits for a connection */
	void (*on_part)(
	    struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg);
	void (*on_result)(
	    struct pm2a *p, const struct pm2a_result *result, void *arg);
	void *arg;
};

static struct request *
as_request(struct table_node *node)
{
	return (struct request *)(void *)node;
}

/* Ends a request that is no longer in the table. */
static void
finish(
    struct pm2a *p, struct request *request, const struct pm2a_result *result)
{
	if (p->requests.n == 0)
		p->requests_deadline = INSTANT_NEVER;
	request->on_result(p, result, request->arg);
	free(request);
}

static void
fail(struct pm2a *p, struct request *request, int error, const char *refusal)
{
	finish(p, request,
	    &(struct pm2a_result){ .error = error, .refusal = refusal });
}

void
requests_end(struct pm2a *p, int sent, int unsent)
{
	struct table_node *node;
	struct request *request;

	p->requests_deadline = INSTANT_NEVER;
	while ((node = table_pop(&p->requests)) != NULL) {
		request = as_request(node);
		fail(p, request, request->is_sent ? sent : unsent, "");
	}
}

void
requests_refuse(struct pm2a *p, uint64_t id, int error, const char *refusal)
{
	struct table_node *node = table_find(&p->requests, id);

	if (node == NULL)
		return;
	table_remove(&p->requests, node);
	fail(p, as_request(node), error, refusal);
}

struct expiry {
	struct pm2a *p;
	struct instant now;
	struct table expired;
};

static void
look_at_deadline(struct table_node *node, void *arg)
{
	struct expiry *expiry = arg;
	struct pm2a *p = expiry->p;
	struct request *request = as_request(node);

	if (!instant_reached(request->deadline, expiry->now)) {
		p->requests_deadline =
		    instant_earlier(p->requests_deadline, request->deadline);
		return;
	}
	table_remove(&p->requests, node);
	table_add(&expiry->expired, node, node->id);
}

void
requests_expire(struct pm2a *p, struct instant now)
{
	struct expiry expiry = { p, now, { .n = 0 } };
	struct table_node *node;
	struct request *request;

	if (!instant_reached(p->requests_deadline, now))
		return;
	p->requests_deadline = INSTANT_NEVER;
	table_each(&p->requests, look_at_deadline, &expiry);
	while ((node = table_pop(&expiry.expired)) != NULL) {
		request = as_request(node);
		if (!request->is_sent)
			outbox_remove_request(&p->waiting, node->id);
		fail(p, request,
		    request->is_sent ? PM2A_E_TIMEOUT : PM2A_E_AWAY, "");
	}
}

static void
set_deadline(struct pm2a *p, struct request *request, struct instant now)
{
	request->deadline = instant_after(
	    now, request->timeout_ms + (request->is_sent ? GRACE_MS : 0));
	p->requests_deadline =
	    instant_earlier(p->requests_deadline, request->deadline);
}

void
requests_on_sent(struct pm2a *p, uint64_t id, struct instant now)
{
	struct table_node *node = table_find(&p->requests, id);

	/* The daemon may have refused it already, by its id. */
	if (node == NULL)
		return;
	as_request(node)->is_sent = true;
	set_deadline(p, as_request(node), now);
}

int
requests_on_result(struct pm2a *p, struct reply_result *reply)
{
	struct table_node *node = table_find(&p->requests, reply->ask_id);
	struct result result;
	int r;

	if (node == NULL)
		return 0;
	r = result_init(&result, reply);
	if (r != 0)
		return r;
	table_remove(&p->requests, node);
	finish(p, as_request(node), &result.public);
	result_fini(&result);
	return 0;
}

void
requests_on_part(struct pm2a *p, const struct reply_part *part)
{
	struct table_node *node = table_find(&p->requests, part->ask_id);
	struct request *request = node == NULL ? NULL : as_request(node);

	if (request != NULL && request->on_part != NULL)
		request->on_part(p, part->from,
		    pm2a_bytes(part->payload.data, part->payload.len),
		    request->arg);
}

static int
check(const struct pm2a *p, const struct pm2a_ask *options)
{
	if (options->n_topics == 0 ||
	    (options->n_topics > 1 && !options->to_subscribers) ||
	    (unsigned)options->gather > PM2A_GATHER_STREAM ||
	    options->timeout_ms < 0 ||
	    options->timeout_ms > PM2A_TIMEOUT_MAX_MS ||
	    options->on_result == NULL)
		return PM2A_E_ARGUMENT;
	for (size_t i = 0; i < options->n_topics; i++)
		if (options->topics[i].len == 0)
			return PM2A_E_ARGUMENT;
	if (state_is_closing(p->state))
		return PM2A_E_CLOSED;
	if (!state_can_send(p->state) && !state_is_trying(p->state))
		return PM2A_E_AWAY;
	if (state_can_send(p->state) && !p->takes_requests)
		return PM2A_E_REFUSED;
	return limits_check_topics(p, options->topics, options->n_topics);
}

/* Returns 0, PM2A_E_TOO_BIG or -ENOMEM. */
static int
write_frame(struct msg_writer *w, const struct pm2a_ask *options, uint64_t id,
    int64_t timeout_ms)
{
	struct topic_field topic;
	uint8_t flags = options->to_subscribers ? FRAME_TO_SUBSCRIBERS : 0;
	int r = send_topics(&topic, options->topics, options->n_topics);

	if (r != 0)
		return r;
	sent_write_request(
	    w, &(struct sent_request){
		   .flags = (uint8_t)(topic.flags | flags),
		   .topic = { topic.data, topic.len },
		   .id = id,
		   .gather = gather_name((enum gather)options->gather),
		   .timeout_ms = timeout_ms,
		   .payload = { options->body.data, options->body.len },
	       });
	topic_field_fini(&topic);
	return w->fault ? -ENOMEM : 0;
}

static int
queue(struct pm2a *p, const struct pm2a_ask *options, uint64_t id,
    int64_t timeout_ms)
{
	struct msg_writer w = { 0 };
	struct outbox_item *item = NULL;
	int r = write_frame(&w, options, id, timeout_ms);

	if (r == 0)
		r = limits_check_frame(p, w.len);
	if (r == 0 &&
	    (item = outbox_item_new(OUTBOX_REQUEST, id, w.len)) == NULL)
		r = -ENOMEM;
	if (item != NULL) {
		memcpy(item->bytes, w.data, w.len);
		send_item(p, item);
	}
	msg_writer_fini(&w);
	return r;
}

int
pm2a_ask(struct pm2a *p, const struct pm2a_ask *options)
{
	struct request *request;
	int r = check(p, options);

	if (r != 0)
		return r;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return -ENOMEM;
	request->timeout_ms =
	    options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms;
	request->on_part = options->on_part;
	request->on_result = options->on_result;
	request->arg = options->arg;
	request->is_sent = state_can_send(p->state);
	r = queue(p, options, p->last_request_id + 1, request->timeout_ms);
	if (r != 0) {
		free(request);
		return r;
	}
	table_add(&p->requests, &request->node, ++p->last_request_id);
	p->stats.asked++;
	set_deadline(p, request, clock_now());
	interest_tell(p);
	return 0;
}
