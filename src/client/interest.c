#include "client/interest.h"

#include <poll.h>

#include "client/client.h"

int
pm2a_fd(const struct pm2a *p)
{
	return p->fd;
}

short
pm2a_events(const struct pm2a *p)
{
	if (p->fd < 0)
		return 0;
	return outbox_is_empty(&p->out) ? POLLIN : POLLIN | POLLOUT;
}

struct instant
interest_ping_deadline(const struct pm2a *p)
{
	if (p->state != STATE_OPEN || p->ping_interval_ms == 0)
		return INSTANT_NEVER;
	if (p->pinged_at.ms != INSTANT_NEVER.ms)
		return instant_after(p->pinged_at, p->ping_interval_ms);
	return instant_after(p->heard_at, p->ping_interval_ms);
}

struct instant
interest_deadline(const struct pm2a *p)
{
	struct instant next = p->deadline;

	next = instant_earlier(next, interest_ping_deadline(p));
	next = instant_earlier(next, p->closing_deadline);
	next = instant_earlier(next, p->stats_requests.deadline);
	return instant_earlier(next, p->requests_deadline);
}

int64_t
pm2a_deadline_ms(const struct pm2a *p)
{
	struct instant next = instant_earlier(interest_deadline(p), p->wake);

	if (p->state == STATE_CLOSED)
		return 0;
	return next.ms == INSTANT_NEVER.ms ? -1 : next.ms;
}

int
pm2a_timeout_ms(const struct pm2a *p)
{
	int64_t deadline = pm2a_deadline_ms(p), left;

	if (deadline <= 0)
		return (int)deadline;
	left = deadline - clock_now().ms;
	if (left < 0)
		return 0;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

void
interest_tell(struct pm2a *p)
{
	struct client_interest now = { p->fd, pm2a_events(p),
		pm2a_deadline_ms(p) };

	if (p->on_change == NULL || p->n_entered > 0 ||
	    (now.fd == p->told.fd && now.events == p->told.events &&
		now.deadline_ms == p->told.deadline_ms))
		return;
	p->told = now;
	p->on_change(p, p->change_arg);
}

void
pm2a_watch(
    struct pm2a *p, void (*on_change)(struct pm2a *p, void *arg), void *arg)
{
	p->on_change = on_change;
	p->change_arg = arg;
	p->told = (struct client_interest){ p->fd, pm2a_events(p),
		pm2a_deadline_ms(p) };
}
