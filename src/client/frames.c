#include "client/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/connection.h"
#include "client/limits.h"
#include "client/missed.h"
#include "client/questions.h"
#include "client/requests.h"
#include "client/send.h"
#include "client/stats.h"
#include "wire/msg.h"
#include "wire/reply.h"
#include "wire/sent.h"

#define NAME_SIZE 256

/* Copies a text of the wire as a string; a long one is cut. */
static void
copy_text(const struct reply_text *text, char *out, size_t size)
{
	size_t len = text->len < size ? text->len : size - 1;

	memcpy(out, text->data, len);
	out[len] = '\0';
}

static int
on_welcome(struct pm2a *p, const struct frame *f)
{
	struct reply_welcome welcome;

	if (!state_awaits_welcome(p->state) ||
	    reply_read_welcome(f->body, f->body_len, &welcome) != 0) {
		connection_end_malformed(
		    p, "a WELCOME out of place, or without limits");
		return 0;
	}
	copy_text(&welcome.server, p->server, sizeof(p->server));
	p->welcome_id = welcome.id;
	p->epoch_ms = welcome.epoch_ms;
	missed_on_welcome(p, &welcome);
	p->ping_interval_ms = welcome.ping_interval_ms;
	p->max_frame = welcome.max_frame;
	p->max_topic = welcome.max_topic;
	p->takes_requests = welcome.has_requests;
	p->takes_failures = welcome.has_failures;
	p->takes_stats = welcome.has_stats;
	return connection_join(p);
}

/* Makes room for `n` topics. */
static int
grow_scratch(struct pm2a *p, size_t n)
{
	struct pm2a_bytes *grown;

	if (n <= p->n_scratch)
		return 0;
	grown = reallocarray(p->scratch, n, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	p->scratch = grown;
	p->n_scratch = n;
	return 0;
}

/* Reads the topics of a frame into the scratch; *n is 0 if they are malformed.
 */
static int
read_topics(struct pm2a *p, const struct frame *f, size_t *n)
{
	struct msg_topics topics;
	const uint8_t *data;
	size_t len;
	int r;

	*n = 0;
	if ((f->flags & FRAME_SEVERAL) == 0) {
		r = grow_scratch(p, 1);
		if (r == 0)
			p->scratch[(*n)++] = pm2a_bytes(f->topic, f->topic_len);
		return r;
	}
	if (msg_topics_open(f->topic, f->topic_len, &topics) != 0)
		return 0;
	r = grow_scratch(p, topics.n_left);
	while (r == 0 && msg_topics_next(&topics, &data, &len))
		p->scratch[(*n)++] = pm2a_bytes(data, len);
	return r;
}

static int
on_publish(struct pm2a *p, const struct frame *f)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	size_t n;
	int r = read_topics(p, f, &n);

	if (r != 0)
		return r;
	if (n == 0) {
		connection_end_malformed(p, "a message without a topic");
		return 0;
	}
	p->stats.received++;
	if (callbacks->on_message != NULL && !state_is_closing(p->state))
		callbacks->on_message(p,
		    &(struct pm2a_message){
			.topics = p->scratch,
			.n_topics = n,
			.body = pm2a_bytes(f->body, f->body_len),
			.is_volatile = (f->flags & FRAME_VOLATILE) != 0,
		    },
		    p->options.user);
	return 0;
}

_Static_assert((int)PM2A_GATHER_LIST == GATHER_LIST &&
		   (int)PM2A_GATHER_UNION == GATHER_UNION &&
		   (int)PM2A_GATHER_FIRST == GATHER_FIRST &&
		   (int)PM2A_GATHER_STREAM == GATHER_STREAM,
    "enum pm2a_gather is enum gather, for programs");

static int
on_question(struct pm2a *p, const struct frame *f)
{
	struct reply_question question;
	enum gather gather;
	size_t n;
	int r = read_topics(p, f, &n);

	if (r != 0)
		return r;
	if (n == 0 ||
	    reply_read_question(f->body, f->body_len, &question) != 0 ||
	    !gather_find(question.gather.data, question.gather.len, &gather)) {
		connection_end_malformed(p, "a malformed QUESTION");
		return 0;
	}
	r = questions_on_question(p,
	    &(struct pm2a_question){
		.id = question.id,
		.topics = p->scratch,
		.n_topics = n,
		.body = pm2a_bytes(question.payload.data, question.payload.len),
		.gather = (enum pm2a_gather)gather,
		.to_subscribers = (f->flags & FRAME_TO_SUBSCRIBERS) != 0,
	    });
	if (r != PM2A_E_PROTOCOL)
		return r;
	connection_end_malformed(p, "a QUESTION that is already open");
	return 0;
}

static int
on_result(struct pm2a *p, const struct frame *f)
{
	struct reply_result result;

	if (reply_read_result(f->body, f->body_len, &result) == 0)
		return requests_on_result(p, &result);
	connection_end_malformed(p, "a malformed RESULT");
	return 0;
}

static int
on_part(struct pm2a *p, const struct frame *f)
{
	struct reply_part part;

	if (reply_read_part(f->body, f->body_len, &part) == 0)
		requests_on_part(p, &part);
	else
		connection_end_malformed(p, "a malformed PART");
	return 0;
}

static int
on_presence(struct pm2a *p, const struct frame *f)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct reply_presence presence;
	char name[NAME_SIZE];

	if (reply_read_presence(f->body, f->body_len, &presence) != 0) {
		connection_end_malformed(p, "a malformed PRESENCE");
		return 0;
	}
	copy_text(&presence.name, name, sizeof(name));
	if (callbacks->on_presence != NULL && !state_is_closing(p->state))
		callbacks->on_presence(p,
		    &(struct pm2a_presence){
			.topic = pm2a_bytes(f->topic, f->topic_len),
			.joined = presence.joined,
			.id = presence.id,
			.name = name,
			.count = presence.count,
		    },
		    p->options.user);
	return 0;
}

static int
on_ping(struct pm2a *p, const struct frame *f)
{
	struct msg_writer w = { 0 };

	if (outbox_is_shut(&p->out))
		return 0;
	if (limits_is_full(p, f->size)) {
		connection_end(
		    p, PM2A_E_LOST, "the daemon sends PING and does not read");
		return 0;
	}
	sent_write_opaque(&w, FRAME_PONG, 0, (struct sent_bytes){ 0 },
	    (struct sent_bytes){ f->body, f->body_len });
	return send_control(p, &w);
}

static int
on_pong(struct pm2a *p, const struct frame *f)
{
	(void)f;
	connection_on_pong(p);
	return 0;
}

static int
on_stats_reply(struct pm2a *p, const struct frame *f)
{
	if (stats_on_reply(p, f->body, f->body_len) != 0)
		connection_end_malformed(p, "a malformed STATS_REPLY");
	return 0;
}

static int
on_error(struct pm2a *p, const struct frame *f)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct reply_refusal refusal;
	char code[NAME_SIZE], message[4 * NAME_SIZE];

	if (reply_read_refusal(f->body, f->body_len, &refusal) != 0) {
		connection_end_malformed(p, "a malformed ERROR");
		return 0;
	}
	p->stats.refusals++;
	copy_text(&refusal.code, code, sizeof(code));
	copy_text(&refusal.message, message, sizeof(message));
	if (refusal.has_ask_id) {
		requests_refuse(p, refusal.ask_id, PM2A_E_REFUSED, code);
		return 0;
	}
	if (!refusal.fatal && stats_on_refusal(p, code, message))
		return 0;
	if (callbacks->on_refusal != NULL)
		callbacks->on_refusal(
		    p, code, message, refusal.fatal, p->options.user);
	if (refusal.fatal && p->fd >= 0)
		connection_end(p, PM2A_E_REFUSED, message);
	return 0;
}

static int
on_goodbye(struct pm2a *p, const struct frame *f)
{
	struct reply_goodbye goodbye;

	if (reply_read_goodbye(f->body, f->body_len, &goodbye) == 0)
		connection_on_goodbye(p, goodbye.retry_after_ms);
	else
		connection_end_malformed(p, "a malformed GOODBYE");
	return 0;
}

/* The function that handles a frame; is_early: it may come before WELCOME. */
static const struct handler {
	uint8_t type;
	bool is_early;
	int (*handle)(struct pm2a *p, const struct frame *f);
} handlers[] = {
	{ FRAME_PUBLISH, false, on_publish },
	{ FRAME_WELCOME, true, on_welcome },
	{ FRAME_QUESTION, false, on_question },
	{ FRAME_RESULT, false, on_result },
	{ FRAME_PART, false, on_part },
	{ FRAME_PRESENCE, false, on_presence },
	{ FRAME_PING, false, on_ping },
	{ FRAME_PONG, false, on_pong },
	{ FRAME_STATS_REPLY, false, on_stats_reply },
	{ FRAME_ERROR, true, on_error },
	{ FRAME_GOODBYE, true, on_goodbye },
};

int
frames_take(struct pm2a *p, const struct frame *f)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		if (handlers[i].type != f->type)
			continue;
		if (!state_awaits_welcome(p->state) || handlers[i].is_early)
			return handlers[i].handle(p, f);
		connection_end_malformed(p, "something came before WELCOME");
		return 0;
	}
	/* A later daemon may send types that are unknown here. */
	return 0;
}
