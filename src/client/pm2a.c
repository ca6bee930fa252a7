#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/asks.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/interest.h"
#include "client/limits.h"
#include "wire/ask.h"
#include "wire/frame.h"

static const char *const error_texts[] = {
	"done",
	"there is no connection to the daemon",
	"the connection to the daemon was lost",
	"closed",
	"the daemon refused",
	"timed out",
	"too much waits to be sent",
	"too big",
	"wrong argument",
	"no such question is open",
	"that is no pm2adapterd that answers",
};

const char *
pm2a_strerror(int result)
{
	if (result < 0)
		return strerror(-result);
	if ((size_t)result < sizeof(error_texts) / sizeof(*error_texts))
		return error_texts[result];
	return "unknown result";
}

const char *
pm2a_version(void)
{
	return VERSION;
}

/* For jitter alone: what the clock says will do where there is no better. */
static uint64_t
seed(const struct pm2a *p)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint64_t)clock_now().ms ^ (uintptr_t)p ^
			 (uint64_t)getpid() << 32;
	return random == 0 ? 1 : random;
}

int
pm2a_new(const struct pm2a_options *options, struct pm2a **out)
{
	struct options read;
	struct pm2a *p;
	int r = options_read(options, &read);

	if (r != 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->options = read;
	p->fd = -1;
	p->is_first = p->is_due = true;
	p->deadline = clock_now();
	p->closing_deadline = p->asks_deadline = INSTANT_NEVER;
	outbox_init(&p->out);
	outbox_init(&p->waiting);
	topics_init(&p->topics);
	p->random = seed(p);
	*out = p;
	return 0;
}

void
client_destroy(struct pm2a *p)
{
	p->is_closing = p->is_dispatching = true;
	connection_close_socket(p);
	p->state = CLIENT_CLOSED;
	asks_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	asks_forget_questions(p);
	outbox_fini(&p->out);
	outbox_fini(&p->waiting);
	topics_fini(&p->topics);
	free(p->in.data);
	free(p->scratch);
	free(p);
}

void
pm2a_free(struct pm2a *p)
{
	if (p == NULL || p->is_doomed)
		return;
	p->is_doomed = true;
	if (p->is_dispatching)
		connection_close_socket(p);
	else
		client_destroy(p);
}

void
pm2a_close(struct pm2a *p)
{
	if (p->is_closing)
		return;
	p->is_closing = true;
	p->closing_deadline =
	    instant_after(clock_now(), p->options.connect_timeout_ms);
	interest_set_due(p);
}

bool
pm2a_is_connected(const struct pm2a *p)
{
	return p->state == CLIENT_OPEN;
}

void
pm2a_get_stats(const struct pm2a *p, struct pm2a_stats *out)
{
	*out = p->stats;
	out->queued = p->out.n_messages + p->waiting.n_messages;
	out->queued_bytes = limits_queued_bytes(p);
	out->open = p->asks.n;
}

static const uint8_t kind_flags[] = {
	[PM2A_EXACT] = 0,
	[PM2A_PREFIX] = FRAME_BY_PREFIX,
	[PM2A_MEMBER] = FRAME_AS_MEMBER,
};

static int
check_topic(const struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	if ((unsigned)kind > PM2A_MEMBER ||
	    (topic.len == 0 && kind != PM2A_PREFIX) ||
	    (kind == PM2A_MEMBER && p->options.role != PM2A_ROLE_MEMBER))
		return PM2A_E_ARGUMENT;
	if (p->is_closing)
		return PM2A_E_CLOSED;
	return topic.len > CLIENT_TOPIC_MAX ? PM2A_E_TOO_BIG : 0;
}

/* Says it to the daemon, if there is one: all are said again behind WELCOME. */
static int
tell_topic(struct pm2a *p, enum frame_type type, enum pm2a_kind kind,
    struct pm2a_bytes topic)
{
	struct ask_bytes name = { topic.data, topic.len };
	struct msg_writer w = { 0 };
	int r;

	if (!connection_can_send(p))
		return 0;
	ask_write_topics(&w, type, kind_flags[kind], &name, 1);
	r = connection_send(p, &w);
	interest_tell(p);
	return r;
}

int
pm2a_subscribe(struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	bool is_new;
	int r = check_topic(p, kind, topic);

	if (r != 0)
		return r;
	if (connection_can_send(p) && !topics_fits(topic.len, p->max_frame))
		return PM2A_E_TOO_BIG;
	r = topics_add(
	    &p->topics, kind_flags[kind], topic.data, topic.len, &is_new);
	if (r != 0 || !is_new)
		return r;
	r = tell_topic(p, FRAME_SUBSCRIBE, kind, topic);
	if (r != 0)
		topics_remove(
		    &p->topics, kind_flags[kind], topic.data, topic.len);
	return r;
}

int
pm2a_unsubscribe(struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	int r = check_topic(p, kind, topic);

	if (r != 0 ||
	    !topics_has(&p->topics, kind_flags[kind], topic.data, topic.len))
		return r;
	r = tell_topic(p, FRAME_UNSUBSCRIBE, kind, topic);
	if (r == 0)
		topics_remove(
		    &p->topics, kind_flags[kind], topic.data, topic.len);
	return r;
}
