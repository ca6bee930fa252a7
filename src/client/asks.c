#include "client/asks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/connection.h"
#include "client/interest.h"
#include "client/limits.h"
#include "client/publish.h"
#include "client/result.h"
#include "wire/ask.h"
#include "wire/frame.h"

/*
 * Questions of ours wait for their RESULT under the ask id, and those that we
 * owe an answer under the daemon's number. Neither survives its connection.
 *
 * Every way in which a question of ours can end takes it out of the table
 * first and then calls its callback, so none can end twice, whatever the
 * callback does.
 */

#define TIMEOUT_DEFAULT_MS 5000
#define GRACE_MS 1000 /* that the daemon has to say that time is up */

struct ask {
	struct table_node node; /* the first, so that it is the ask too */
	struct instant deadline;
	int64_t timeout_ms;
	bool is_sent; /* or waits for a connection */
	void (*on_part)(
	    struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg);
	void (*on_result)(
	    struct pm2a *p, const struct pm2a_result *result, void *arg);
	void *arg;
};

struct question {
	struct table_node node; /* as above */
	enum pm2a_gather gather;
};

static const char *const gather_names[] = { "list", "union", "first",
	"stream" };

bool
asks_find_gather(const struct reply_text *name, enum pm2a_gather *out)
{
	for (size_t i = 0; i < sizeof(gather_names) / sizeof(*gather_names);
	     i++)
		if (name->len == strlen(gather_names[i]) &&
		    memcmp(name->data, gather_names[i], name->len) == 0) {
			*out = (enum pm2a_gather)i;
			return true;
		}
	return false;
}

static struct ask *
as_ask(struct table_node *node)
{
	return (struct ask *)(void *)node;
}

/* Of what is no longer in the table. */
static void
finish(struct pm2a *p, struct ask *ask, const struct pm2a_result *result)
{
	if (p->asks.n == 0)
		p->asks_deadline = INSTANT_NEVER;
	ask->on_result(p, result, ask->arg);
	free(ask);
}

static void
fail(struct pm2a *p, struct ask *ask, int error, const char *refusal)
{
	finish(p, ask,
	    &(struct pm2a_result){ .error = error, .refusal = refusal });
}

void
asks_end(struct pm2a *p, int sent, int unsent)
{
	struct table_node *node;
	struct ask *ask;

	p->asks_deadline = INSTANT_NEVER;
	while ((node = table_pop(&p->asks)) != NULL) {
		ask = as_ask(node);
		fail(p, ask, ask->is_sent ? sent : unsent, "");
	}
}

void
asks_refuse(struct pm2a *p, uint64_t id, int error, const char *refusal)
{
	struct table_node *node = table_find(&p->asks, id);

	if (node == NULL)
		return;
	table_remove(&p->asks, node);
	fail(p, as_ask(node), error, refusal);
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
	struct ask *ask = as_ask(node);

	if (!instant_reached(ask->deadline, expiry->now)) {
		p->asks_deadline =
		    instant_earlier(p->asks_deadline, ask->deadline);
		return;
	}
	table_remove(&p->asks, node);
	table_add(&expiry->expired, node, node->id);
}

void
asks_expire(struct pm2a *p, struct instant now)
{
	struct expiry expiry = { p, now, { .n = 0 } };
	struct table_node *node;
	struct ask *ask;

	if (!instant_reached(p->asks_deadline, now))
		return;
	p->asks_deadline = INSTANT_NEVER;
	table_each(&p->asks, look_at_deadline, &expiry);
	while ((node = table_pop(&expiry.expired)) != NULL) {
		ask = as_ask(node);
		if (!ask->is_sent)
			outbox_remove_ask(&p->waiting, node->id);
		fail(p, ask, ask->is_sent ? PM2A_E_TIMEOUT : PM2A_E_AWAY, "");
	}
}

static void
set_deadline(struct pm2a *p, struct ask *ask, struct instant now)
{
	ask->deadline =
	    instant_after(now, ask->timeout_ms + (ask->is_sent ? GRACE_MS : 0));
	p->asks_deadline = instant_earlier(p->asks_deadline, ask->deadline);
}

void
asks_on_sent(struct pm2a *p, uint64_t id, struct instant now)
{
	struct table_node *node = table_find(&p->asks, id);

	/* A daemon may have refused it unseen. */
	if (node == NULL)
		return;
	as_ask(node)->is_sent = true;
	set_deadline(p, as_ask(node), now);
}

int
asks_on_result(struct pm2a *p, struct reply_result *reply)
{
	struct table_node *node = table_find(&p->asks, reply->ask_id);
	struct result result;
	int r;

	if (node == NULL)
		return 0;
	r = result_init(&result, reply);
	if (r != 0)
		return r;
	table_remove(&p->asks, node);
	finish(p, as_ask(node), &result.public);
	result_fini(&result);
	return 0;
}

void
asks_on_part(struct pm2a *p, const struct reply_part *part)
{
	struct table_node *node = table_find(&p->asks, part->ask_id);
	struct ask *ask = node == NULL ? NULL : as_ask(node);

	if (ask != NULL && ask->on_part != NULL)
		ask->on_part(p, part->from,
		    pm2a_bytes(part->payload.data, part->payload.len),
		    ask->arg);
}

static int
check_ask(const struct pm2a *p, const struct pm2a_ask *ask)
{
	if (ask->n_topics == 0 || (ask->n_topics > 1 && !ask->to_subscribers) ||
	    (unsigned)ask->gather > PM2A_GATHER_STREAM || ask->timeout_ms < 0 ||
	    ask->timeout_ms > PM2A_TIMEOUT_MAX_MS || ask->on_result == NULL)
		return PM2A_E_ARGUMENT;
	for (size_t i = 0; i < ask->n_topics; i++)
		if (ask->topics[i].len == 0)
			return PM2A_E_ARGUMENT;
	if (p->is_closing)
		return PM2A_E_CLOSED;
	if (!connection_can_send(p) && !connection_is_trying(p))
		return PM2A_E_AWAY;
	if (connection_can_send(p) && !p->can_ask)
		return PM2A_E_REFUSED;
	return limits_check_topics(p, ask->topics, ask->n_topics);
}

/* Puts the frame into the box that is its. */
static int
queue_ask(
    struct pm2a *p, const struct pm2a_ask *ask, uint64_t id, int64_t timeout_ms)
{
	struct publish_topic topic;
	struct msg_writer w = { 0 };
	struct outbox_item *item = NULL;
	int r = publish_topic_init(&topic, ask->topics, ask->n_topics);

	if (r != 0)
		return r;
	ask_write_question(&w,
	    &(struct ask_question){
		.flags =
		    (uint8_t)(topic.flags |
			      (ask->to_subscribers ? FRAME_TO_SUBSCRIBERS : 0)),
		.topic = topic.field,
		.id = id,
		.gather = gather_names[ask->gather],
		.timeout_ms = timeout_ms,
		.payload = { ask->body.data, ask->body.len },
	    });
	publish_topic_fini(&topic);
	if (w.fault)
		r = -ENOMEM;
	else if (limits_is_too_big(p, w.len))
		r = PM2A_E_TOO_BIG;
	else if (limits_is_full(p, w.len))
		r = PM2A_E_FULL;
	else if ((item = outbox_item_new(OUTBOX_ASK, id, w.len)) == NULL)
		r = -ENOMEM;
	if (item != NULL) {
		memcpy(item->bytes, w.data, w.len);
		outbox_add(
		    connection_can_send(p) ? &p->out : &p->waiting, item);
	}
	msg_writer_fini(&w);
	return r;
}

int
pm2a_ask(struct pm2a *p, const struct pm2a_ask *options)
{
	struct ask *ask;
	int r = check_ask(p, options);

	if (r != 0)
		return r;
	ask = calloc(1, sizeof(*ask));
	if (ask == NULL)
		return -ENOMEM;
	ask->timeout_ms =
	    options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms;
	ask->on_part = options->on_part;
	ask->on_result = options->on_result;
	ask->arg = options->arg;
	ask->is_sent = connection_can_send(p);
	r = queue_ask(p, options, p->last_ask_id + 1, ask->timeout_ms);
	if (r != 0) {
		free(ask);
		return r;
	}
	table_add(&p->asks, &ask->node, ++p->last_ask_id);
	p->stats.asked++;
	set_deadline(p, ask, clock_now());
	interest_tell(p);
	return 0;
}

void
asks_forget_questions(struct pm2a *p)
{
	struct table_node *node;

	while ((node = table_pop(&p->questions)) != NULL)
		free(node);
}

static int
send_answer(struct pm2a *p, uint64_t id, enum ask_verdict verdict,
    struct pm2a_bytes body)
{
	struct msg_writer w = { 0 };
	int r = 0;

	ask_write_answer(
	    &w, id, verdict, (struct ask_bytes){ body.data, body.len });
	if (!w.fault && verdict != ASK_NO && limits_is_too_big(p, w.len))
		r = PM2A_E_TOO_BIG;
	else if (!w.fault && verdict != ASK_NO && limits_is_full(p, w.len))
		r = PM2A_E_FULL;
	else
		return connection_send(p, &w);
	msg_writer_fini(&w);
	return r;
}

static int
answer(struct pm2a *p, uint64_t id, enum ask_verdict verdict,
    struct pm2a_bytes body)
{
	struct table_node *node = table_find(&p->questions, id);
	struct question *question = (struct question *)(void *)node;
	int r;

	if (node == NULL || p->is_shut)
		return PM2A_E_GONE;
	if (verdict == ASK_MORE && question->gather != PM2A_GATHER_STREAM)
		return PM2A_E_ARGUMENT;
	r = send_answer(p, id, verdict, body);
	if (r == 0 && verdict != ASK_MORE) {
		table_remove(&p->questions, node);
		free(question);
	}
	interest_tell(p);
	return r;
}

int
pm2a_answer(struct pm2a *p, uint64_t question, struct pm2a_bytes body)
{
	return answer(p, question, ASK_YES, body);
}

int
pm2a_answer_more(struct pm2a *p, uint64_t question, struct pm2a_bytes body)
{
	return answer(p, question, ASK_MORE, body);
}

int
pm2a_decline(struct pm2a *p, uint64_t question)
{
	return answer(p, question, ASK_NO, pm2a_bytes(NULL, 0));
}

int
asks_on_question(struct pm2a *p, const struct pm2a_question *public)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct question *question;

	p->stats.questions++;
	if (callbacks->on_question == NULL || p->is_closing)
		return p->is_shut ? 0
				  : send_answer(p, public->id, ASK_NO,
					pm2a_bytes(NULL, 0));
	if (table_find(&p->questions, public->id) != NULL) {
		connection_end_malformed(p, "a question that is open");
		return 0;
	}
	question = calloc(1, sizeof(*question));
	if (question == NULL)
		return -ENOMEM;
	question->gather = public->gather;
	table_add(&p->questions, &question->node, public->id);
	callbacks->on_question(p, public, p->options.user);
	return 0;
}
