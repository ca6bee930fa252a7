#include <errno.h>
#include <poll.h>

#include "client/client.h"

void
pm2a_stop(struct pm2a *p)
{
	p->is_stopped = true;
}

/* One wait and one dispatch. */
static int
run_once(struct pm2a *p, int timeout_ms)
{
	struct pollfd pfd = { .fd = pm2a_fd(p), .events = pm2a_events(p) };
	int due_ms = pm2a_timeout_ms(p);

	if (due_ms >= 0 && (timeout_ms < 0 || due_ms < timeout_ms))
		timeout_ms = due_ms;
	if (poll(&pfd, 1, timeout_ms) < 0)
		return -errno;
	return pm2a_dispatch(p, pfd.revents);
}

int
pm2a_run(struct pm2a *p, int timeout_ms)
{
	struct instant end = timeout_ms < 0
				 ? INSTANT_NEVER
				 : instant_after(clock_now(), timeout_ms);
	int64_t left = timeout_ms;
	int r;

	p->is_stopped = false;
	do {
		r = run_once(p, (int)left);
		if (r != 0 || p->is_stopped)
			return r;
		if (timeout_ms >= 0)
			left = end.ms - clock_now().ms;
	} while (timeout_ms < 0 || left > 0);
	return 0;
}

/* As pm2a_run(), whatever pm2a_stop() says: a callback that is told that its
 * question has ended can't know that we are to finish. */
static int
run_to_the_end(struct pm2a *p, int timeout_ms)
{
	struct instant end = instant_after(clock_now(), timeout_ms);
	int64_t left = timeout_ms;
	int r = 0;

	while (r == 0 && left > 0) {
		r = run_once(p, (int)left);
		left = end.ms - clock_now().ms;
	}
	return r == 0 ? PM2A_E_TIMEOUT : r;
}

int
pm2a_finish(struct pm2a *p, int timeout_ms)
{
	int r;

	if (timeout_ms < 1)
		return PM2A_E_ARGUMENT;
	p->is_finishing = true;
	pm2a_close(p);
	r = run_to_the_end(p, timeout_ms);
	p->is_finishing = false;
	if (p->is_doomed) {
		client_destroy(p);
		return PM2A_E_CLOSED;
	}
	if (r != PM2A_E_CLOSED)
		return r;
	if (p->stats.dropped > 0 && p->last_why == PM2A_E_AWAY)
		return PM2A_E_AWAY;
	if (p->stats.refusals > 0)
		return PM2A_E_REFUSED;
	if (p->last_why == PM2A_E_TIMEOUT)
		return PM2A_E_TIMEOUT;
	return p->stats.dropped > 0 || p->is_doubtful ? PM2A_E_LOST : 0;
}
