#include "client/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/asks.h"
#include "client/client.h"
#include "client/limits.h"
#include "wire/ask.h"
#include "wire/frame.h"

/*
 * The life of a connection, which is a state and a deadline:
 *
 *   WAITING → GREETING → JOINING → OPEN → LEAVING → WAITING
 *      HELLO      WELCOME    PONG    GOODBYE     end
 *
 * HELLO goes alone. Behind WELCOME, whose limits hold then, go all
 * subscriptions, a PING, and what has waited, in one write; the PONG says that
 * the subscriptions are in force. LEAVING is the end in order, whoever wants
 * it: what is in the outbox is written, our side is closed, and the daemon
 * closes the other one when it has read it all.
 *
 * Any state can end at any time, in connection_end() and nowhere else. It may
 * run in the middle of the input, so whoever walks that asks whether the fd is
 * still there after each frame. Memory that can't be had ends the connection
 * too: then everybody knows that something is lost, and there is one way to go
 * on.
 */

#define N_DOUBLINGS_MAX 30

static const char *const role_names[] = { "member", "emitter", "observer" };

bool
connection_can_send(const struct pm2a *p)
{
	return p->state == CLIENT_JOINING || p->state == CLIENT_OPEN;
}

bool
connection_is_trying(const struct pm2a *p)
{
	return p->state == CLIENT_GREETING || p->state == CLIENT_JOINING ||
	       (p->state == CLIENT_WAITING && p->is_first);
}

int
connection_send(struct pm2a *p, struct msg_writer *w)
{
	struct outbox_item *item = NULL;

	if (!w->fault)
		item = outbox_item_new(OUTBOX_CONTROL, 0, w->len);
	if (item != NULL) {
		memcpy(item->bytes, w->data, w->len);
		outbox_add(&p->out, item);
	}
	msg_writer_fini(w);
	return item == NULL ? -ENOMEM : 0;
}

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

/* Full jitter, so that the processes of a host don't come back in step. */
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

/* What was on its way to the daemon waits for the next connection, if any. */
static void
settle_outboxes(struct pm2a *p, int why)
{
	struct outbox_loss lost = { 0, 0 };

	outbox_rescue(&p->out, &p->waiting, &lost);
	outbox_remove_asks(&p->waiting);
	if (p->is_closing)
		outbox_drop(&p->waiting, &lost);
	limits_count_lost(p, &lost);
	p->is_doubtful |= p->has_sent && why != 0;
	p->has_sent = false;
}

static void
tell_end(struct pm2a *p, bool was_announced, int why, const char *text)
{
	const struct pm2a_callbacks *cb = &p->options.callbacks;
	void (*tell)(struct pm2a *, int, const char *, void *) =
	    was_announced ? cb->on_disconnect : cb->on_connect_error;

	if (tell != NULL && !p->is_doomed && (was_announced || why != 0))
		tell(p, why, text, p->options.user);
}

void
connection_end(struct pm2a *p, int why, const char *text)
{
	bool was_announced = p->is_announced;

	connection_close_socket(p);
	settle_outboxes(p, why);
	asks_forget_questions(p);
	p->in.len = 0;
	p->last_why = why;
	p->is_first = p->is_blocked = p->is_shut = p->is_pinged = false;
	p->is_announced = false;
	if (was_announced)
		missed_on_end(p, why);
	p->deadline = p->closing_deadline = INSTANT_NEVER;
	if (p->is_closing) {
		p->state = CLIENT_CLOSED;
		asks_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	} else {
		p->state = CLIENT_WAITING;
		set_retry(p);
		asks_end(p, PM2A_E_LOST, PM2A_E_AWAY);
	}
	tell_end(p, was_announced, why, text);
}

void
connection_end_malformed(struct pm2a *p, const char *text)
{
	p->stats.malformed++;
	connection_end(p, PM2A_E_PROTOCOL, text);
}

/* A connection that breaks is lost, whichever way the system calls it. */
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
say_hello(struct pm2a *p)
{
	struct msg_writer w = { 0 };

	ask_write_hello(&w, &(struct ask_hello){
				.name = p->options.name,
				.client = "libpm2a/" VERSION,
				.role = role_names[p->options.role],
				.key = p->options.key,
				.pid = getpid(),
				.pm_id = p->options.pm_id,
				.previous_id = p->missed.id,
				.previous_epoch_ms = p->missed.epoch_ms,
			    });
	return connection_send(p, &w);
}

int
connection_start(struct pm2a *p, struct instant now)
{
	int error = open_socket(p);

	p->is_first = false;
	if (error == ENOENT || error == ECONNREFUSED || error == EAGAIN) {
		connection_end(p, PM2A_E_AWAY, strerror(error));
		return 0;
	}
	if (error != 0) {
		connection_end(p, -error, strerror(error));
		return 0;
	}
	p->state = CLIENT_GREETING;
	p->deadline = instant_after(now, p->options.connect_timeout_ms);
	return say_hello(p);
}

/* Moves what has waited behind the subscriptions. What this daemon does not
 * take is told when all is moved: callbacks may publish, and must come last. */
static void
send_waiting(struct pm2a *p)
{
	struct outbox refused;
	struct outbox_loss lost = { 0, 0 };
	struct outbox_item *item;
	struct instant now = clock_now();

	outbox_init(&refused);
	while ((item = outbox_pop(&p->waiting)) != NULL) {
		if (limits_is_too_big(p, item->len) ||
		    (item->kind == OUTBOX_ASK && !p->can_ask)) {
			outbox_add(&refused, item);
			continue;
		}
		if (item->kind == OUTBOX_ASK)
			asks_on_sent(p, item->ask_id, now);
		outbox_add(&p->out, item);
	}
	while ((item = outbox_pop(&refused)) != NULL) {
		if (item->kind != OUTBOX_ASK)
			lost = (struct outbox_loss){ lost.n + 1,
				lost.bytes + item->len };
		else if (p->can_ask)
			asks_refuse(p, item->ask_id, PM2A_E_TOO_BIG, "");
		else
			asks_refuse(
			    p, item->ask_id, PM2A_E_REFUSED, "unsupported");
		free(item);
	}
	limits_count_lost(p, &lost);
}

int
connection_join(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct msg_writer w = { 0 };
	size_t n_too_long = 0;
	int r = 0;

	p->state = CLIENT_JOINING;
	if (!p->is_closing) {
		n_too_long = topics_write(&p->topics, &w, p->max_frame);
		ask_write_opaque(&w, FRAME_PING, 0, (struct ask_bytes){ 0 },
		    (struct ask_bytes){ 0 });
		r = connection_send(p, &w);
	}
	if (r != 0)
		return r;
	send_waiting(p);
	p->stats.refusals += n_too_long;
	if (n_too_long > 0 && callbacks->on_refusal != NULL && !p->is_doomed)
		callbacks->on_refusal(p, "topic-too-long",
		    "a subscription is larger than the daemon's max-frame",
		    false, p->options.user);
	return 0;
}

void
connection_on_joined(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;

	p->state = CLIENT_OPEN;
	p->deadline = INSTANT_NEVER;
	p->n_attempts = 0;
	p->is_announced = true;
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
	if (p->state == CLIENT_OPEN)
		missed_on_open(p);
}

void
connection_leave(struct pm2a *p, int64_t retry_after_ms)
{
	p->retry_after_ms = retry_after_ms;
	if (p->state == CLIENT_LEAVING)
		return;
	p->state = CLIENT_LEAVING;
	p->deadline = instant_after(clock_now(), p->options.connect_timeout_ms);
}
