#include "net/listen.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/util.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"

#define ACCEPTS_MAX 64 /* a turn */
#define PAUSE_MS 100
#define KEEPALIVE_S 300 /* of silence before a TCP peer is probed */

struct listener {
	struct loop *loop;
	struct loop_source source;
	int fd;
	bool is_tcp;
	struct loop_event readable;
	const struct listen_ops *ops;
	void *user;
	struct bound *bound; /* or NULL: `fd` belongs to the listener */
	bool is_adopted, is_started;
	struct instant resume;      /* INSTANT_NEVER while accepting */
	TAILQ_ENTRY(listener) link; /* while it pauses */
	bool has_complained; /* about descriptors, since the last pause ended */
	struct listen_stats stats;
};

static uint64_t n_paused;
static TAILQ_HEAD(listener_list, listener) paused = TAILQ_HEAD_INITIALIZER(
    paused);

static struct instant
next_deadline(struct loop_source *source)
{
	return container_of(source, struct listener, source)->resume;
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct listener *listener =
	    container_of(source, struct listener, source);

	if (loop_event_add(&listener->readable) != 0) {
		listener->resume = instant_after(now, PAUSE_MS);
		return;
	}
	listener->resume = INSTANT_NEVER;
	TAILQ_REMOVE(&paused, listener, link);
}

/* Other descriptors than those of connections may be free, too, so the pause
 * has an end of its own. */
void
listen_retry(void)
{
	struct listener *listener, *next;

	TAILQ_FOREACH_SAFE (listener, &paused, link, next)
		expire(&listener->source, loop_now(listener->loop));
}

static void
pause_for_now(struct listener *listener)
{
	if (listener->resume.ms == INSTANT_NEVER.ms)
		TAILQ_INSERT_TAIL(&paused, listener, link);
	listener->resume = instant_after(loop_now(listener->loop), PAUSE_MS);
	loop_event_del(&listener->readable);
}

/*
 * An accept that fails for lack of descriptors leaves the connection in the
 * backlog, so the socket stays readable and accepting again would spin.
 */
static void
pause_accepting(struct listener *listener)
{
	listener->stats.n_paused++;
	n_paused++;
	pause_for_now(listener);
	if (!listener->has_complained)
		log_warn("accept-paused", "error=\"%s\" retry_ms=%d",
		    strerror(errno), PAUSE_MS);
	listener->has_complained = true;
}

static struct peer
peer_of(int fd, bool is_tcp)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return (struct peer){ 0, (uid_t)-1, (gid_t)-1, is_tcp };
	return (struct peer){ cred.pid, cred.uid, cred.gid, is_tcp };
}

/* A turn's output leaves in one write, so Nagle's delay is of no use. Keepalive
 * finds hosts that have vanished, which a receiver would otherwise never
 * notice. */
static void
set_up_tcp(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S / 3 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (setsockopt(fd, options[i].level, options[i].name,
			&options[i].value, sizeof(options[i].value)) != 0)
			log_debug("tcp-option", "name=%d error=\"%s\"",
			    options[i].name, strerror(errno));
}

static bool
is_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* Returns whether more connections may wait. */
static bool
accept_some(struct listener *listener)
{
	struct peer peer;
	int accepted;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		accepted = accept4(
		    listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted < 0 && is_out_of_descriptors(errno)) {
			pause_accepting(listener);
			return false;
		}
		if (accepted < 0) {
			if (errno == EAGAIN)
				listener->has_complained = false;
			else if (errno != EINTR)
				listener->stats.n_failed++;
			return false;
		}
		listener->stats.n_accepted++;
		if (listener->is_tcp)
			set_up_tcp(accepted);
		peer = peer_of(accepted, listener->is_tcp);
		listener->ops->accepted(listener->user, accepted, &peer);
	}
	return true;
}

static void
on_acceptable(struct loop_event *event)
{
	accept_some(container_of(event, struct listener, readable));
}

static struct listener *
listener_new(struct loop *loop, const struct listen_ops *ops, void *user)
{
	struct listener *listener = xcalloc(1, sizeof(*listener));

	listener->loop = loop;
	listener->fd = -1;
	listener->ops = ops;
	listener->user = user;
	listener->resume = INSTANT_NEVER;
	return listener;
}

int
listen_start(struct listener *listener)
{
	int r;

	loop_event_init(&listener->readable, listener->loop, listener->fd,
	    LOOP_READABLE, on_acceptable);
	if (!listener->is_adopted && listen(listener->fd, LISTEN_BACKLOG) != 0)
		return err_trace(-errno);
	r = loop_event_add(&listener->readable);
	if (r != 0)
		return err_trace(r);
	listener->source.next_deadline = next_deadline;
	listener->source.expire = expire;
	loop_add_source(listener->loop, &listener->source);
	listener->is_started = true;
	return 0;
}

int
listen_open(struct loop *loop, const char *path, mode_t mode,
    const struct listen_ops *ops, void *user, struct listener **out,
    pid_t *holder)
{
	struct listener *listener = listener_new(loop, ops, user);
	int r = bound_open(path, mode, &listener->bound, holder);

	if (r != 0) {
		listen_close(listener);
		return r;
	}
	listener->fd = bound_fd(listener->bound);
	*out = listener;
	return 0;
}

int
listen_adopt(struct loop *loop, int fd, const struct listen_ops *ops,
    void *user, struct listener **out)
{
	struct listen_address address;
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return err_trace(-errno);
	if (!listening)
		return err_trace(-EINVAL);
	if (evutil_make_socket_nonblocking(fd) != 0 ||
	    evutil_make_socket_closeonexec(fd) != 0)
		return err_trace(-errno);
	*out = listener_new(loop, ops, user);
	(*out)->is_tcp = listen_read_fd(fd, &address) == 0 &&
			 address.bytes.ss_family != AF_UNIX;
	(*out)->is_adopted = true;
	(*out)->fd = fd;
	return 0;
}

static bool
is_loopback(const struct sockaddr_storage *bytes)
{
	if (bytes->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
		    &((const struct sockaddr_in6 *)bytes)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)bytes)->sin_addr.s_addr) >>
		   24 ==
	       IN_LOOPBACKNET;
}

int
listen_read_address(const char *text, struct listen_address *out)
{
	static const char local[] = "localhost:";
	char copy[64];
	int len = sizeof(out->bytes);

	*out = (struct listen_address){ .len = 0 };
	if (strncmp(text, local, sizeof(local) - 1) == 0)
		snprintf(copy, sizeof(copy), "127.0.0.1:%s",
		    text + sizeof(local) - 1);
	else if (strlen(text) < sizeof(copy))
		strcpy(copy, text);
	else
		return LISTEN_E_ADDRESS;
	if (evutil_parse_sockaddr_port(
		copy, (struct sockaddr *)&out->bytes, &len) != 0)
		return LISTEN_E_ADDRESS;
	out->len = (socklen_t)len;
	/* Both families have the port at the same place. */
	if (((struct sockaddr_in *)&out->bytes)->sin_port == 0)
		return LISTEN_E_ADDRESS;
	out->is_loopback = is_loopback(&out->bytes);
	return 0;
}

int
listen_read_fd(int fd, struct listen_address *out)
{
	int is_listening = 0, type = 0;
	socklen_t len = sizeof(type);

	*out = (struct listen_address){ .len = sizeof(out->bytes) };
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) !=
		0 ||
	    getsockname(fd, (struct sockaddr *)&out->bytes, &out->len) != 0)
		return err_trace(-errno);
	if (type != SOCK_STREAM || !is_listening)
		return err_trace(-EINVAL);
	if (out->bytes.ss_family == AF_UNIX)
		out->is_loopback = true;
	else if (out->bytes.ss_family == AF_INET ||
		 out->bytes.ss_family == AF_INET6)
		out->is_loopback = is_loopback(&out->bytes);
	else
		return err_trace(-EAFNOSUPPORT);
	return 0;
}

static int
bind_tcp(const struct listen_address *address, int *out)
{
	int fd = socket(address->bytes.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	if (fd < 0)
		return err_trace(-errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&address->bytes, address->len) ==
		0) {
		*out = fd;
		return 0;
	}
	error = errno;
	close(fd);
	return err_trace(-error);
}

int
listen_open_tcp(struct loop *loop, const struct listen_address *address,
    const struct listen_ops *ops, void *user, struct listener **out)
{
	int fd = -1, r = bind_tcp(address, &fd);

	if (r != 0)
		return err_trace(r);
	*out = listener_new(loop, ops, user);
	(*out)->is_tcp = true;
	(*out)->fd = fd;
	return 0;
}

const char *
listen_path(const struct listener *listener)
{
	return listener->bound == NULL ? NULL : bound_path(listener->bound);
}

bool
listen_is_in_place(const struct listener *listener)
{
	return bound_is_in_place(listener->bound);
}

void
listen_keep_lock(struct listener *listener)
{
	pid_t holder;

	if (bound_keep_lock(listener->bound, &holder) != 0)
		log_debug("lock-lost", "path=%s" BOUND_LOCK_SUFFIX,
		    listen_path(listener));
}

/* Clients that connected before the file was removed are let in. */
static void
accept_waiting(struct listener *listener)
{
	for (int i = 0; i < LISTEN_BACKLOG / ACCEPTS_MAX; i++)
		if (!accept_some(listener))
			return;
}

int
listen_restore(struct listener *listener, pid_t *holder)
{
	int old = -1,
	    r = bound_restore(listener->bound, LISTEN_BACKLOG, &old, holder);

	if (r != 0)
		return r;
	accept_waiting(listener);
	loop_event_del(&listener->readable);
	close(old);
	listener->fd = bound_fd(listener->bound);
	loop_event_init(&listener->readable, listener->loop, listener->fd,
	    LOOP_READABLE, on_acceptable);
	if (listener->resume.ms == INSTANT_NEVER.ms &&
	    loop_event_add(&listener->readable) != 0)
		pause_for_now(listener);
	return 0;
}

void
listen_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->is_started) {
		loop_remove_source(listener->loop, &listener->source);
		loop_event_del(&listener->readable);
	}
	if (listener->resume.ms != INSTANT_NEVER.ms)
		TAILQ_REMOVE(&paused, listener, link);
	if (listener->bound != NULL)
		bound_close(listener->bound);
	else if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

const struct listen_stats *
listen_stats(const struct listener *listener)
{
	return &listener->stats;
}

uint64_t
listen_n_paused(void)
{
	return n_paused;
}
