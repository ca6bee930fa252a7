#include "client/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client.h"
#include "client/limits.h"
#include "client/missed.h"
#include "client/questions.h"
#include "client/requests.h"
#include "client/send.h"
#include "client/stats.h"
#include "wire/sent.h"

/*
 * state.c has the life of a connection; here is what is done in it.
 *
 * A connection, or an attempt, ends in connection_end() and nowhere else. That
 * can happen while input is being handled, so the loop over the input checks
 * after each frame whether the fd is still there. A lack of memory ends the
 * connection too: then everybody knows that something is lost, and there is one
 * way to go on.
 */

#define N_DOUBLINGS_MAX 30

static const char *const role_names[] = { "member", "emitter", "observer" };

/* xorshift64*, from Marsaglia's paper and Vigna's. */
static int64_t
random_below(struct pm2a *p, int64_t n)
{
	uint64_t x = p->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	p->random = x;
	return (int64_t)((x * 0x2545f4914f6cdd1d >> 33) % (uint64_t)n);
}

/* Full jitter, so that the processes of a host do not reconnect in step. */
static void
set_retry(struct pm2a *p)
{
	const struct options *o = &p->options;
	int64_t ceiling = o->reconnect_min_ms;

	for (unsigned i = 0; i < p->n_attempts && i < N_DOUBLINGS_MAX &&
			     ceiling < o->reconnect_max_ms;
	     i++)
		ceiling *= 2;
	if (ceiling > o->reconnect_max_ms)
		ceiling = o->reconnect_max_ms;
	p->n_attempts++;
	p->deadline = instant_after(
	    clock_now(), p->retry_after_ms + random_below(p, ceiling + 1));
	p->retry_after_ms = 0;
}

void
connection_close_socket(struct pm2a *p)
{
	int fd = p->fd;

	if (fd < 0)
		return;
	p->fd = -1;
	if (p->on_change != NULL) {
		p->told.fd = -1;
		p->on_change(p, p->change_arg);
	}
	close(fd);
}

/* Messages that were queued for the daemon wait for the next connection, unless
 * there will be none. */
static void
settle_outboxes(struct pm2a *p, int why)
{
	struct outbox_loss lost = { 0, 0 };

	outbox_rescue(&p->out, &p->waiting, clock_now(), &lost);
	outbox_remove_requests(&p->waiting);
	if (state_is_closing(p->state))
		outbox_drop(&p->waiting, &lost);
	limits_count_lost(p, &lost);
	if (why != 0)
		p->n_doubtful += p->n_sent;
	p->n_sent = 0;
}

static void
end_requests(struct pm2a *p)
{
	bool is_last = state_is_closing(p->state);
	int sent = is_last ? PM2A_E_CLOSED : PM2A_E_LOST;
	int unsent = is_last ? PM2A_E_CLOSED : PM2A_E_AWAY;

	requests_end(p, sent, unsent);
	stats_end(p, sent, unsent);
}

static void
tell_end(struct pm2a *p, bool was_announced, int why, const char *text)
{
	const struct pm2a_callbacks *cb = &p->options.callbacks;
	void (*tell)(struct pm2a *, int, const char *, void *) =
	    was_announced ? cb->on_disconnect : cb->on_connect_error;

	if (tell != NULL && p->state != STATE_FREED &&
	    (was_announced || why != 0))
		tell(p, why, text, p->options.user);
}

void
connection_end(struct pm2a *p, int why, const char *text)
{
	bool was_announced = state_is_announced(p->state);

	connection_close_socket(p);
	p->state = state_next(p->state, STATE_ON_END);
	settle_outboxes(p, why);
	questions_forget(p);
	p->in.len = 0;
	p->last_why = why;
	p->deadline = p->closing_deadline = p->pinged_at = INSTANT_NEVER;
	if (was_announced)
		missed_on_end(p, why);
	if (state_awaits_attempt(p->state))
		set_retry(p);
	end_requests(p);
	tell_end(p, was_announced, why, text);
}

void
connection_end_malformed(struct pm2a *p, const char *text)
{
	p->stats.malformed++;
	connection_end(p, PM2A_E_PROTOCOL, text);
}

/* A connection that breaks is lost, whatever errno reports it. */
void
connection_end_by_errno(struct pm2a *p, int error)
{
	if (error == ECONNRESET || error == EPIPE)
		connection_end(p, PM2A_E_LOST, "the connection broke");
	else
		connection_end(p, -error, strerror(error));
}

static int
open_socket(struct pm2a *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return errno;
	memcpy(sun.sun_path, p->options.socket, strlen(p->options.socket));
	if (connect(p->fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return 0;
	return errno;
}

static int
send_hello(struct pm2a *p)
{
	struct msg_writer w = { 0 };

	sent_write_hello(&w, &(struct sent_hello){
				 .name = p->options.name,
				 .client = "libpm2a/" VERSION,
				 .role = role_names[p->options.role],
				 .key = p->options.key,
				 .pid = getpid(),
				 .pm_id = p->options.pm_id,
				 .previous_id = p->previous.id,
				 .previous_epoch_ms = p->previous.epoch_ms,
			     });
	return send_control(p, &w);
}

int
connection_start(struct pm2a *p, struct instant now)
{
	int error = open_socket(p);

	limits_drop_expired(p);
	if (error == ENOENT || error == ECONNREFUSED || error == EAGAIN) {
		connection_end(p, PM2A_E_AWAY, strerror(error));
		return 0;
	}
	if (error != 0) {
		connection_end(p, -error, strerror(error));
		return 0;
	}
	p->state = state_next(p->state, STATE_ON_ATTEMPT);
	p->deadline = instant_after(now, p->options.connect_timeout_ms);
	return send_hello(p);
}

/* Drops a frame that has waited and that this daemon does not accept. */
static void
refuse_waiting(struct pm2a *p, const struct outbox_item *item)
{
	if (item->kind != OUTBOX_REQUEST)
		limits_count_lost(p, &(struct outbox_loss){ 1, item->len });
	else if (p->takes_requests)
		requests_refuse(p, item->request_id, PM2A_E_TOO_BIG, "");
	else
		requests_refuse(
		    p, item->request_id, PM2A_E_REFUSED, "unsupported");
}

/* Callbacks, which may publish, come last: after everything is moved. */
static void
send_waiting(struct pm2a *p)
{
	struct outbox refused;
	struct outbox_item *item;
	struct instant now = clock_now();

	limits_drop_expired(p);
	outbox_init(&refused);
	while ((item = outbox_pop(&p->waiting)) != NULL) {
		if (limits_is_too_big(p, item->len) ||
		    (item->kind == OUTBOX_REQUEST && !p->takes_requests)) {
			outbox_add(&refused, item);
			continue;
		}
		if (item->kind == OUTBOX_REQUEST)
			requests_on_sent(p, item->request_id, now);
		outbox_add(&p->out, item);
	}
	while ((item = outbox_pop(&refused)) != NULL) {
		refuse_waiting(p, item);
		free(item);
	}
}

/* Sends all subscriptions, and a PING. Counts in *n_too_long the topics that
 * fit into no frame. */
static int
send_subscriptions(struct pm2a *p, size_t *n_too_long)
{
	struct msg_writer w = { 0 };
	int r;

	*n_too_long = topics_write(&p->topics, &w, p->max_frame);
	r = send_control(p, &w);
	return r == 0 ? send_ping(p) : r;
}

int
connection_join(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	size_t n_too_long = 0;
	int r = 0;

	p->state = state_next(p->state, STATE_ON_WELCOME);
	if (!state_is_closing(p->state))
		r = send_subscriptions(p, &n_too_long);
	if (r != 0)
		return r;
	send_waiting(p);
	stats_on_welcome(p);
	p->stats.refusals += n_too_long;
	if (n_too_long > 0 && callbacks->on_refusal != NULL &&
	    p->state != STATE_FREED)
		callbacks->on_refusal(p, "topic-too-long",
		    "a subscription is larger than the daemon's max-frame",
		    false, p->options.user);
	return 0;
}

void
connection_on_pong(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;

	if (p->state != STATE_JOINING)
		return;
	p->state = state_next(p->state, STATE_ON_PONG);
	p->deadline = INSTANT_NEVER;
	p->n_attempts = 0;
	p->stats.connects++;
	if (callbacks->on_connect != NULL)
		callbacks->on_connect(p,
		    &(struct pm2a_welcome){
			.server = p->server,
			.id = p->welcome_id,
			.epoch_ms = p->epoch_ms,
			.max_frame = p->max_frame,
			.max_topic = p->max_topic,
		    },
		    p->options.user);
	if (p->state == STATE_OPEN)
		missed_on_open(p);
}

void
connection_on_goodbye(struct pm2a *p, int64_t retry_after_ms)
{
	bool was_leaving = state_is_leaving(p->state);

	p->retry_after_ms = retry_after_ms;
	p->state = state_next(p->state, STATE_ON_GOODBYE);
	if (!was_leaving)
		p->deadline =
		    instant_after(clock_now(), p->options.connect_timeout_ms);
}
