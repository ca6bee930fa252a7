#include "pm2a_libevent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <event2/event.h>

/*
 * One event for the descriptor and one timer, armed again whenever the client's
 * interest changes. The client tells before it closes a descriptor, so the loop
 * never watches one that belongs to something else by then.
 */
struct pm2a_libevent {
	struct pm2a *p;
	struct event_base *base;
	struct event *io, *timer;
	int fd;
	short what;
	void (*on_end)(struct pm2a *p, void *arg);
	void *arg;
};

static void
arm_timer(struct pm2a_libevent *binding)
{
	int left_ms = pm2a_timeout_ms(binding->p);
	struct timeval tv = { left_ms / 1000, left_ms % 1000 * 1000 };

	if (left_ms < 0)
		event_del(binding->timer);
	else
		event_add(binding->timer, &tv);
}

static void
arm_io(struct pm2a_libevent *binding)
{
	short events = pm2a_events(binding->p);
	short what = (short)(EV_PERSIST | (events & POLLIN ? EV_READ : 0) |
			     (events & POLLOUT ? EV_WRITE : 0));
	int fd = pm2a_fd(binding->p);

	if (fd == binding->fd && what == binding->what)
		return;
	event_del(binding->io);
	binding->fd = fd;
	binding->what = what;
	if (fd >= 0 && event_assign(binding->io, binding->base, fd, what,
			   event_get_callback(binding->timer), binding) == 0)
		event_add(binding->io, NULL);
}

static void
on_change(struct pm2a *p, void *arg)
{
	struct pm2a_libevent *binding = arg;

	(void)p;
	arm_io(binding);
	arm_timer(binding);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct pm2a_libevent *binding = arg;
	short revents = (short)((what & EV_READ ? POLLIN : 0) |
				(what & EV_WRITE ? POLLOUT : 0));

	(void)fd;
	if (pm2a_dispatch(binding->p, revents) != PM2A_E_CLOSED) {
		on_change(binding->p, binding);
		return;
	}
	pm2a_watch(binding->p, NULL, NULL);
	event_del(binding->io);
	event_del(binding->timer);
	if (binding->on_end != NULL)
		binding->on_end(binding->p, binding->arg);
}

int
pm2a_libevent_new(struct pm2a *p, struct event_base *base,
    void (*on_end)(struct pm2a *p, void *arg), void *arg,
    struct pm2a_libevent **out)
{
	struct pm2a_libevent *binding = calloc(1, sizeof(*binding));

	if (binding == NULL)
		return -ENOMEM;
	*binding = (struct pm2a_libevent){ .p = p,
		.base = base,
		.io = event_new(base, -1, 0, on_event, binding),
		.timer = event_new(base, -1, 0, on_event, binding),
		.fd = -1,
		.on_end = on_end,
		.arg = arg };
	if (binding->io == NULL || binding->timer == NULL) {
		pm2a_libevent_free(binding);
		return -ENOMEM;
	}
	pm2a_watch(p, on_change, binding);
	on_change(p, binding);
	*out = binding;
	return 0;
}

void
pm2a_libevent_free(struct pm2a_libevent *binding)
{
	if (binding == NULL)
		return;
	pm2a_watch(binding->p, NULL, NULL);
	if (binding->io != NULL)
		event_free(binding->io);
	if (binding->timer != NULL)
		event_free(binding->timer);
	free(binding);
}
