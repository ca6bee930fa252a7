#include <errno.h>
#include <poll.h>

#include "client/client.h"
#include "client/dispatch.h"
#include "client/interest.h"
#include "client/life.h"

void
pm2a_stop(struct pm2a *p)
{
	p->n_stops++;
}

/* Waits for events, the client's deadline or `timeout_ms` (-1: for ever).
 * Returns 0 and *revents, or a negative errno. */
static int
wait_for_events(const struct pm2a *p, int timeout_ms, short *revents)
{
	struct pollfd pfd = { .fd = pm2a_fd(p), .events = pm2a_events(p) };
	int due_ms = pm2a_timeout_ms(p);

	if (due_ms >= 0 && (timeout_ms < 0 || due_ms < timeout_ms))
		timeout_ms = due_ms;
	if (poll(&pfd, 1, timeout_ms) < 0)
		return -errno;
	*revents = pfd.revents;
	return 0;
}

int
pm2a_run(struct pm2a *p, int timeout_ms)
{
	struct instant end = instant_after(clock_now(), timeout_ms);
	unsigned n_stops = p->n_stops;
	int64_t left = timeout_ms;
	short revents;
	int r;

	if (p->n_entered > 0)
		return PM2A_E_ARGUMENT;
	do {
		r = wait_for_events(p, (int)left, &revents);
		if (r == 0)
			r = pm2a_dispatch(p, revents);
		if (r != 0 || p->n_stops != n_stops)
			return r;
		if (timeout_ms >= 0)
			left = end.ms - clock_now().ms;
	} while (timeout_ms < 0 || left > 0);
	return 0;
}

/* Like pm2a_run(), but ignores pm2a_stop(): a callback that learns that its
 * request has ended can't know that pm2a_finish() is running. */
static int
run_to_the_end(struct pm2a *p, int timeout_ms)
{
	struct instant end = instant_after(clock_now(), timeout_ms);
	int64_t left = timeout_ms;
	short revents;
	int r = 0;

	while (r == 0 && left > 0) {
		r = wait_for_events(p, (int)left, &revents);
		if (r == 0)
			r = dispatch_turn(p, revents);
		left = end.ms - clock_now().ms;
	}
	return r == 0 ? PM2A_E_TIMEOUT : r;
}

/* The result of pm2a_finish(): whether all messages were sent. */
static int
verdict(const struct pm2a *p)
{
	if (p->stats.dropped > 0 && p->last_why == PM2A_E_AWAY)
		return PM2A_E_AWAY;
	if (p->stats.refusals > 0)
		return PM2A_E_REFUSED;
	if (p->last_why == PM2A_E_TIMEOUT)
		return PM2A_E_TIMEOUT;
	return p->stats.dropped > 0 || p->n_doubtful > 0 ? PM2A_E_LOST : 0;
}

int
pm2a_finish(struct pm2a *p, int timeout_ms)
{
	int r;

	if (timeout_ms < 1 || p->n_entered > 0)
		return PM2A_E_ARGUMENT;
	pm2a_close(p);
	life_enter(p);
	r = run_to_the_end(p, timeout_ms);
	if (r == PM2A_E_CLOSED && p->state == STATE_CLOSED)
		r = verdict(p);
	if (!life_leave(p))
		return PM2A_E_CLOSED;
	interest_tell(p);
	return r;
}
