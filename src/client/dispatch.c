#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/asks.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/frames.h"
#include "client/interest.h"
#include "wire/ask.h"
#include "wire/frame.h"

/*
 * One turn: an attempt that is due, input, deadlines, output. It reads before
 * it looks at deadlines: when it was the caller who slept, what the daemon said
 * meanwhile is still unread. It writes last, so that what callbacks have said
 * leaves at once and in one piece.
 */

#define READ_SIZE_MIN 16384
#define READ_TURN_MAX ((size_t)1 << 20)
#define INPUT_KEPT_MAX ((size_t)256 << 10)

static uint32_t
input_max(const struct pm2a *p)
{
	return p->state == CLIENT_GREETING || !p->knows_limits
		   ? CLIENT_INPUT_UNTOLD
		   : p->max_frame;
}

/* Takes all whole frames out of the input. */
static int
take_frames(struct pm2a *p)
{
	enum frame_verdict verdict = FRAME_SHORT;
	struct frame f;
	size_t off = 0;
	int r = 0;

	while (r == 0 && p->fd >= 0) {
		verdict = frame_peek(
		    p->in.data + off, p->in.len - off, input_max(p), &f);
		if (verdict != FRAME_READY)
			break;
		off += f.size;
		r = frames_take(p, &f);
	}
	if (p->fd < 0 || r != 0)
		return r;
	p->in.len -= off;
	if (off > 0 && p->in.len > 0)
		memmove(p->in.data, p->in.data + off, p->in.len);
	if (verdict != FRAME_SHORT)
		connection_end_malformed(
		    p, "that is no pm2adapterd that answers");
	return 0;
}

/* Grows as bytes come, and never by a length that was only declared. */
static int
make_room(struct client_input *in)
{
	size_t size = in->size == 0 ? READ_SIZE_MIN : 2 * in->size;
	uint8_t *grown;

	if (in->size - in->len >= READ_SIZE_MIN / 4)
		return 0;
	grown = realloc(in->data, size);
	if (grown == NULL)
		return -ENOMEM;
	in->data = grown;
	in->size = size;
	return 0;
}

static void
trim(struct client_input *in)
{
	if (in->len > 0 || in->size <= INPUT_KEPT_MAX)
		return;
	free(in->data);
	*in = (struct client_input){ 0 };
}

static void
on_eof(struct pm2a *p)
{
	if (p->state == CLIENT_LEAVING && outbox_is_empty(&p->out))
		connection_end(
		    p, 0, p->is_closing ? "closed" : "the daemon said goodbye");
	else
		connection_end(
		    p, PM2A_E_LOST, "the daemon closed the connection");
}

static int
read_input(struct pm2a *p)
{
	size_t total = 0;
	ssize_t n = 1;
	int r = 0;

	while (r == 0 && n > 0 && p->fd >= 0 && total < READ_TURN_MAX) {
		r = make_room(&p->in);
		if (r != 0)
			break;
		n = recv(p->fd, p->in.data + p->in.len, p->in.size - p->in.len,
		    MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			connection_end_by_errno(p, errno);
		if (n == 0)
			on_eof(p);
		if (n <= 0)
			break;
		p->in.len += (size_t)n;
		total += (size_t)n;
		p->heard_at = clock_now();
		p->is_pinged = false;
		r = take_frames(p);
	}
	trim(&p->in);
	return r;
}

static void
write_output(struct pm2a *p)
{
	size_t n_messages = p->out.n_messages;
	int r = outbox_write(&p->out, p->fd);

	p->is_blocked = r == OUTBOX_E_BLOCKED;
	p->has_sent |= p->out.n_messages < n_messages;
	if (r < 0) {
		connection_end_by_errno(p, -r);
		return;
	}
	if (r == 0 && p->state == CLIENT_LEAVING && !p->is_shut) {
		shutdown(p->fd, SHUT_WR);
		p->is_shut = true;
	}
}

static void
mind_closing(struct pm2a *p)
{
	bool has_messages = p->waiting.n_messages > 0;

	asks_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	outbox_remove_asks(&p->waiting);
	switch (p->state) {
	case CLIENT_WAITING:
		if (!p->is_first || !has_messages)
			connection_end(p, 0, "closed");
		break;
	case CLIENT_GREETING:
		if (!has_messages)
			connection_end(p, 0, "closed");
		break;
	case CLIENT_JOINING:
	case CLIENT_OPEN:
		connection_leave(p, 0);
		break;
	case CLIENT_LEAVING:
	case CLIENT_CLOSED:
		break;
	}
}

static int
mind_ping(struct pm2a *p, struct instant now)
{
	struct msg_writer w = { 0 };

	if (!instant_reached(interest_ping_deadline(p), now))
		return 0;
	if (p->is_pinged) {
		connection_end(p, PM2A_E_TIMEOUT, "the daemon is silent");
		return 0;
	}
	p->is_pinged = true;
	p->pinged_at = now;
	ask_write_opaque(&w, FRAME_PING, 0, (struct ask_bytes){ 0 },
	    (struct ask_bytes){ 0 });
	return connection_send(p, &w);
}

static int
mind_deadlines(struct pm2a *p, struct instant now)
{
	if (instant_reached(p->closing_deadline, now)) {
		connection_end(p, PM2A_E_TIMEOUT, "closing took too long");
		return 0;
	}
	if (p->fd >= 0 && instant_reached(p->deadline, now)) {
		connection_end(p, PM2A_E_TIMEOUT,
		    p->state == CLIENT_LEAVING
			? "the daemon did not end the connection"
			: "the daemon did not answer in time");
		return 0;
	}
	asks_expire(p, now);
	return mind_ping(p, now);
}

static int
take_turn(struct pm2a *p, short revents)
{
	struct instant now = clock_now();
	bool is_late = instant_reached(interest_deadline(p), now);
	int r = 0;

	if (p->is_closing)
		mind_closing(p);
	if (p->state == CLIENT_WAITING && instant_reached(p->deadline, now))
		r = connection_start(p, now);
	if (r == 0 && p->fd >= 0 && ((revents & ~POLLOUT) != 0 || is_late))
		r = read_input(p);
	if (r == 0 && !p->is_doomed)
		r = mind_deadlines(p, now);
	if (r == 0 && p->is_closing && !p->is_doomed)
		mind_closing(p);
	if (r == 0 && p->fd >= 0 && (!p->is_blocked || revents & POLLOUT))
		write_output(p);
	return r;
}

int
pm2a_dispatch(struct pm2a *p, short revents)
{
	int r;

	if (p->is_dispatching)
		return PM2A_E_ARGUMENT;
	if (p->state == CLIENT_CLOSED)
		return PM2A_E_CLOSED;
	p->is_dispatching = true;
	p->is_due = false;
	r = take_turn(p, revents);
	if (r != 0 && !p->is_doomed)
		connection_end(p, r, strerror(-r));
	p->is_dispatching = false;
	if (p->is_doomed) {
		if (!p->is_finishing)
			client_destroy(p);
		return PM2A_E_CLOSED;
	}
	interest_tell(p);
	if (r == 0 && p->state == CLIENT_CLOSED)
		return PM2A_E_CLOSED;
	return r;
}
