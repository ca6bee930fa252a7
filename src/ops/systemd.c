#include "ops/systemd.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "stats/figures.h"

#define STATUS_MS 5000
#define TEXT_SIZE 256

struct notify {
	struct loop *loop;
	struct loop_source source;
	struct hub *hub;
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* how often it is fed; 0: there is none */
	struct instant next_watchdog, next_status;
	char status[TEXT_SIZE]; /* last reported */
};

static struct notify *
notify_of(struct loop_source *source)
{
	return container_of(source, struct notify, source);
}

static void
send_text(struct notify *notify, const char *text)
{
	if (sendto(notify->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&notify->to, notify->to_len) < 0)
		log_debug("notify", "error=\"%s\"", strerror(errno));
}

/* A path, or with @ in front a name in the abstract namespace (unix(7)). */
static bool
read_address(struct notify *notify, const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof(notify->to.sun_path))
		return false;
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, name, len);
	notify->to_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		notify->to.sun_path[0] = '\0';
	return true;
}

/* Returns the interval of watchdog pings, half of the required one; 0 if the
 * watchdog is for another process. */
static int64_t
watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"),
		   *pid = getenv("WATCHDOG_PID");
	int64_t us;

	if (usec == NULL)
		return 0;
	if (pid != NULL && strtonum(pid, 1, INT32_MAX, NULL) != getpid())
		return 0;
	us = strtonum(usec, 0, INT64_MAX, NULL);
	return us > 0 && us < 2000 ? 1 : us / 2000;
}

static void
tell_status(struct notify *notify)
{
	char text[TEXT_SIZE];
	struct figures f;

	hub_figures(notify->hub, &f);
	snprintf(text, sizeof(text),
	    "STATUS=%" PRId64 " workers, %.0f deliveries/s",
	    f.values[FIGURE_MEMBERS], f.rates[RATES_DELIVERED]);
	if (strcmp(text, notify->status) == 0)
		return;
	memcpy(notify->status, text, sizeof(text));
	send_text(notify, text);
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct notify *notify = notify_of(source);

	return instant_earlier(notify->next_watchdog, notify->next_status);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct notify *notify = notify_of(source);

	if (instant_reached(notify->next_watchdog, now)) {
		send_text(notify, "WATCHDOG=1");
		notify->next_watchdog = instant_after(now, notify->watchdog_ms);
	}
	if (instant_reached(notify->next_status, now)) {
		tell_status(notify);
		notify->next_status = instant_after(now, STATUS_MS);
	}
}

struct notify *
notify_new(struct loop *loop, struct hub *hub)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify *notify = xcalloc(1, sizeof(*notify));

	notify->loop = loop;
	notify->hub = hub;
	notify->fd = -1;
	notify->next_status = notify->next_watchdog = INSTANT_NEVER;
	if (name != NULL && read_address(notify, name))
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	notify->watchdog_ms = watchdog_interval();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (notify->fd < 0) {
		free(notify);
		return NULL;
	}
	notify->source.next_deadline = next_deadline;
	notify->source.expire = expire;
	loop_add_source(loop, &notify->source);
	return notify;
}

void
notify_free(struct notify *notify)
{
	if (notify == NULL)
		return;
	loop_remove_source(notify->loop, &notify->source);
	close(notify->fd);
	free(notify);
}

void
notify_ready(struct notify *notify)
{
	struct instant now;

	if (notify == NULL)
		return;
	now = loop_now(notify->loop);
	send_text(notify, "READY=1");
	notify->next_status = now;
	if (notify->watchdog_ms > 0)
		notify->next_watchdog = now;
}

/* The time is for Type=notify-reload. */
void
notify_reloading(struct notify *notify)
{
	char text[TEXT_SIZE];

	if (notify == NULL)
		return;
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    clock_us());
	send_text(notify, text);
}

void
notify_stopping(struct notify *notify)
{
	if (notify == NULL)
		return;
	send_text(notify, "STOPPING=1\nSTATUS=draining");
	notify->next_status = INSTANT_NEVER;
}
