#include "client/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/client.h"
#include "client/connection.h"
#include "client/frames.h"
#include "client/interest.h"
#include "client/life.h"
#include "client/requests.h"
#include "client/send.h"
#include "client/stats.h"
#include "wire/frame.h"

/*
 * One turn: an attempt that is due, input, deadlines, output. Input comes
 * before deadlines: if it was the caller that slept, the daemon's answer is
 * there and only unread. Output comes last, so that everything that callbacks
 * have queued leaves at once and in one piece.
 */

#define READ_SIZE_MIN 16384
#define READ_TURN_MAX ((size_t)1 << 20)
#define INPUT_KEPT_MAX ((size_t)256 << 10)

/* Looks for a frame. While the daemon owes a STATS_REPLY, that one may be
 * larger than its max_frame. */
static enum frame_verdict
peek(const struct pm2a *p, size_t off, struct frame *f)
{
	const uint8_t *at = p->in.data + off;
	size_t len = p->in.len - off;
	enum frame_verdict verdict;

	if (state_awaits_welcome(p->state))
		return frame_peek(at, len, CLIENT_GREETING_MAX, f);
	verdict = frame_peek(at, len, p->max_frame, f);
	if (verdict == FRAME_TOO_BIG && f->type == FRAME_STATS_REPLY &&
	    stats_is_owed(p))
		verdict = frame_peek(at, len, STATS_REPLY_MAX, f);
	return verdict;
}

/* Handles all complete frames of the input. */
static int
take_frames(struct pm2a *p)
{
	enum frame_verdict verdict = FRAME_SHORT;
	struct frame f;
	size_t off = 0;
	int r = 0;

	while (r == 0 && p->fd >= 0) {
		verdict = peek(p, off, &f);
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
		connection_end_malformed(p, pm2a_strerror(PM2A_E_PROTOCOL));
	return 0;
}

/* Grows with the bytes that come, never by a length that is only declared. */
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
	if (state_is_leaving(p->state) && outbox_is_empty(&p->out))
		connection_end(p, 0,
		    state_is_closing(p->state) ? "closed"
					       : "the daemon said goodbye");
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
		p->pinged_at = INSTANT_NEVER;
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

	p->n_sent += n_messages - p->out.n_messages;
	if (r < 0)
		connection_end_by_errno(p, -r);
	else if (r == 0 && state_is_leaving(p->state))
		outbox_shut(&p->out, p->fd);
}

/* Continues what pm2a_close() began, which calls no callbacks itself. */
static void
mind_closing(struct pm2a *p)
{
	if (!state_is_closing(p->state))
		return;
	requests_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	stats_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	outbox_remove_requests(&p->waiting);
	if (p->state == STATE_ENDING)
		connection_end(p, 0, "closed");
}

static int
mind_ping(struct pm2a *p, struct instant now)
{
	if (!instant_reached(interest_ping_deadline(p), now))
		return 0;
	if (p->pinged_at.ms != INSTANT_NEVER.ms) {
		connection_end(p, PM2A_E_TIMEOUT, "the daemon is silent");
		return 0;
	}
	p->pinged_at = now;
	return send_ping(p);
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
		    state_is_leaving(p->state)
			? "the daemon did not end the connection"
			: "the daemon did not answer in time");
		return 0;
	}
	requests_expire(p, now);
	stats_expire(p, now);
	return mind_ping(p, now);
}

static int
take_turn(struct pm2a *p, short revents)
{
	struct instant now = clock_now();
	bool is_late = instant_reached(interest_deadline(p), now);
	int r = 0;

	mind_closing(p);
	if (state_awaits_attempt(p->state) && instant_reached(p->deadline, now))
		r = connection_start(p, now);
	if (r == 0 && p->fd >= 0 && ((revents & ~POLLOUT) != 0 || is_late))
		r = read_input(p);
	if (r == 0 && p->state != STATE_FREED)
		r = mind_deadlines(p, now);
	if (r == 0)
		mind_closing(p);
	if (r == 0 && p->fd >= 0 &&
	    (!outbox_is_blocked(&p->out) || revents & POLLOUT))
		write_output(p);
	return r;
}

int
dispatch_turn(struct pm2a *p, short revents)
{
	int r;

	if (p->state == STATE_CLOSED)
		return PM2A_E_CLOSED;
	p->wake = INSTANT_NEVER;
	r = take_turn(p, revents);
	if (p->state == STATE_FREED)
		return PM2A_E_CLOSED;
	if (r != 0)
		connection_end(p, r, strerror(-r));
	if (r == 0 && p->state == STATE_CLOSED)
		return PM2A_E_CLOSED;
	return r;
}

int
pm2a_dispatch(struct pm2a *p, short revents)
{
	int r;

	if (p->n_entered > 0)
		return PM2A_E_ARGUMENT;
	life_enter(p);
	r = dispatch_turn(p, revents);
	if (!life_leave(p))
		return PM2A_E_CLOSED;
	interest_tell(p);
	return r;
}
