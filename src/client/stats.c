#include "client/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/interest.h"
#include "client/limits.h"
#include "wire/frame.h"
#include "wire/msg.h"
#include "wire/sent.h"

#define TIMEOUT_DEFAULT_MS 5000
#define FRAME_MAX 4096 /* the largest length field of a STATS */
#define SORT_MAX 32    /* bytes; the daemon takes more for a broken frame */
#define N_MAX 16       /* requests that are open */

struct stats_request {
	STAILQ_ENTRY(stats_request) link;
	struct outbox_item *frame; /* NULL: it was sent */
	struct instant deadline;
	void (*on_reply)(
	    struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg);
	void *arg;
};

void
stats_init(struct pm2a *p)
{
	STAILQ_INIT(&p->stats_requests.list);
	p->stats_requests.deadline = INSTANT_NEVER;
}

bool
stats_is_owed(const struct pm2a *p)
{
	return p->stats_requests.n_owed > 0;
}

/* Takes the request's frame; NULL if it was sent. */
static struct outbox_item *
take_frame(struct pm2a *p, struct stats_request *request)
{
	struct outbox_item *frame = request->frame;

	request->frame = NULL;
	if (frame != NULL)
		p->stats_requests.bytes -= frame->len;
	return frame;
}

static void
send_first(struct pm2a *p)
{
	struct stats_request *first = STAILQ_FIRST(&p->stats_requests.list);

	if (first == NULL || stats_is_owed(p) || !p->takes_stats ||
	    !state_can_send(p->state))
		return;
	outbox_add(&p->out, take_frame(p, first));
	p->stats_requests.n_owed = 1;
}

/* Removes the request and calls it back, as the last thing. */
static void
finish(struct pm2a *p, struct stats_request *request,
    const struct pm2a_stats_reply *reply)
{
	struct client_stats_queue *queue = &p->stats_requests;
	struct stats_request *each;

	STAILQ_REMOVE(&queue->list, request, stats_request, link);
	queue->n--;
	free(take_frame(p, request));
	queue->deadline = INSTANT_NEVER;
	STAILQ_FOREACH (each, &queue->list, link)
		queue->deadline =
		    instant_earlier(queue->deadline, each->deadline);
	send_first(p);
	request->on_reply(p, reply, request->arg);
	free(request);
}

static void
fail(struct pm2a *p, struct stats_request *request, int error,
    const char *refusal, const char *message)
{
	finish(p, request,
	    &(struct pm2a_stats_reply){
		.error = error, .refusal = refusal, .message = message });
}

/* The request that the daemon's next word is about; NULL if that one has timed
 * out. */
static struct stats_request *
settle(struct pm2a *p)
{
	struct stats_request *first = STAILQ_FIRST(&p->stats_requests.list);

	p->stats_requests.n_owed = 0;
	if (first != NULL && first->frame == NULL)
		return first;
	send_first(p);
	return NULL;
}

void
stats_on_welcome(struct pm2a *p)
{
	struct stats_request *request;

	p->stats_requests.n_owed = 0;
	send_first(p);
	while (!p->takes_stats &&
	       (request = STAILQ_FIRST(&p->stats_requests.list)) != NULL)
		fail(p, request, PM2A_E_REFUSED, "unsupported", "");
}

int
stats_on_reply(struct pm2a *p, const void *body, size_t len)
{
	struct bytes b = bytes_over(body, len);
	struct stats_request *request;
	struct msg_token t;

	if (msg_scan(body, len) != 0 || !msg_take(&b, &t) || t.type != MSG_MAP)
		return PM2A_E_PROTOCOL;
	if (!stats_is_owed(p) || (request = settle(p)) == NULL)
		return 0;
	finish(p, request,
	    &(struct pm2a_stats_reply){
		.refusal = "", .message = "", .body = pm2a_bytes(body, len) });
	return 0;
}

bool
stats_on_refusal(struct pm2a *p, const char *code, const char *message)
{
	struct stats_request *request;

	if (!stats_is_owed(p) ||
	    (strcmp(code, "bad-body") != 0 && strcmp(code, "busy") != 0 &&
		strcmp(code, "reply-too-big") != 0))
		return false;
	request = settle(p);
	if (request != NULL)
		fail(p, request, PM2A_E_REFUSED, code, message);
	return true;
}

void
stats_end(struct pm2a *p, int sent, int unsent)
{
	struct stats_request *request;

	while ((request = STAILQ_FIRST(&p->stats_requests.list)) != NULL)
		fail(
		    p, request, request->frame == NULL ? sent : unsent, "", "");
}

/* A callback may free the client, which leaves the queue as it is, or add
 * requests, which are due later. */
void
stats_expire(struct pm2a *p, struct instant now)
{
	struct stats_request *request;

	while (instant_reached(p->stats_requests.deadline, now)) {
		STAILQ_FOREACH (request, &p->stats_requests.list, link)
			if (instant_reached(request->deadline, now))
				break;
		fail(p, request, PM2A_E_TIMEOUT, "", "");
	}
}

static int
check(const struct pm2a *p, const struct pm2a_stats_request *options)
{
	if (options->limit > PM2A_STATS_LIMIT_MAX || options->timeout_ms < 0 ||
	    (options->sort != NULL && strlen(options->sort) > SORT_MAX) ||
	    options->timeout_ms > PM2A_TIMEOUT_MAX_MS ||
	    options->on_reply == NULL)
		return PM2A_E_ARGUMENT;
	if (state_is_closing(p->state))
		return PM2A_E_CLOSED;
	if (!state_can_send(p->state) && !state_is_trying(p->state))
		return PM2A_E_AWAY;
	if (state_can_send(p->state) && !p->takes_stats)
		return PM2A_E_REFUSED;
	return p->stats_requests.n < N_MAX ? 0 : PM2A_E_FULL;
}

static int
write_frame(const struct pm2a *p, const struct pm2a_stats_request *options,
    struct outbox_item **out)
{
	struct msg_writer w = { 0 };
	int r = 0;

	sent_write_stats(&w,
	    &(struct sent_stats){
		.sections = options->n_sections == 0 ? NULL : options->sections,
		.n_sections = options->n_sections,
		.limit = options->limit,
		.sort = options->sort,
	    });
	if (w.fault)
		r = -ENOMEM;
	else if (w.len - FRAME_LENGTH_SIZE > FRAME_MAX)
		r = PM2A_E_TOO_BIG;
	else
		r = limits_check_frame(p, w.len);
	if (r == 0) {
		*out = outbox_item_new(OUTBOX_CONTROL, 0, w.len);
		r = *out == NULL ? -ENOMEM : 0;
	}
	if (r == 0)
		memcpy((*out)->bytes, w.data, w.len);
	msg_writer_fini(&w);
	return r;
}

int
pm2a_stats(struct pm2a *p, const struct pm2a_stats_request *options)
{
	struct client_stats_queue *queue = &p->stats_requests;
	int timeout_ms = options->timeout_ms;
	struct stats_request *request;
	int r = check(p, options);

	if (r != 0)
		return r;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return -ENOMEM;
	r = write_frame(p, options, &request->frame);
	if (r != 0) {
		free(request);
		return r;
	}
	request->deadline = instant_after(
	    clock_now(), timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms);
	request->on_reply = options->on_reply;
	request->arg = options->arg;
	STAILQ_INSERT_TAIL(&queue->list, request, link);
	queue->n++;
	queue->bytes += request->frame->len;
	queue->deadline = instant_earlier(queue->deadline, request->deadline);
	send_first(p);
	interest_tell(p);
	return 0;
}
