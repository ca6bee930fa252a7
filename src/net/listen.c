#include "net/listen.h"

#include <bsd/libutil.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"

#define BACKLOG \
	4096 /* with a short one, clients that come at once get EAGAIN */
#define ACCEPTS_MAX 64 /* a turn */
#define PAUSE_MS 100
#define KEEPALIVE_S 300 /* of silence, until a TCP peer is asked */
#define HOLDER_RETRIES 20
#define HOLDER_RETRY_MS 10

struct listener {
	struct loop *loop;
	struct loop_source source;
	int fd;
	bool is_tcp;
	struct event readable;
	const struct listen_ops *ops;
	void *user;
	struct pidfh *lock; /* NULL when the socket is the supervisor's */
	char *path;
	dev_t dev; /* of the socket that we made there */
	ino_t ino;
	struct instant resume; /* NEVER while it accepts */
	bool has_complained;   /* of descriptors, since all have been let in */
	struct listen_stats stats;
};

static struct listener *
listener_of(struct loop_source *source)
{
	return (struct listener *)((char *)source -
				   offsetof(struct listener, source));
}

static struct instant
next_deadline(struct loop_source *source)
{
	return listener_of(source)->resume;
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct listener *listener = listener_of(source);

	(void)now;
	listener->resume = INSTANT_NEVER;
	event_add(&listener->readable, NULL);
}

/*
 * An accept that fails for want of descriptors leaves the connection in the
 * backlog, so the socket stays readable: who goes on asking spins.
 */
static void
pause_accepting(struct listener *listener)
{
	listener->stats.n_paused++;
	listener->resume = instant_after(loop_now(listener->loop), PAUSE_MS);
	event_del(&listener->readable);
	if (!listener->has_complained)
		log_warn("accept-paused", "error=\"%s\" retry_ms=%d",
		    strerror(errno), PAUSE_MS);
	listener->has_complained = true;
}

static struct peer
peer_of(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return (struct peer){ 0, (uid_t)-1, (gid_t)-1 };
	return (struct peer){ cred.pid, cred.uid, cred.gid };
}

/* A turn's output leaves in one write, so there is nothing to wait for. A host
 * that has vanished says nothing, and who only listens would never find out. */
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

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;
	struct peer peer;
	int accepted;

	(void)what;
	loop_began_us(listener->loop);
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		accepted =
		    accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (accepted < 0 && is_out_of_descriptors(errno)) {
			pause_accepting(listener);
			return;
		}
		if (accepted < 0) {
			if (errno == EAGAIN)
				listener->has_complained = false;
			else if (errno != EINTR)
				listener->stats.n_failed++;
			return;
		}
		listener->stats.n_accepted++;
		if (listener->is_tcp)
			set_up_tcp(accepted);
		peer = peer_of(accepted);
		listener->ops->accepted(listener->user, accepted, &peer);
	}
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

static void
start(struct listener *listener, int fd)
{
	listener->fd = fd;
	listener->source.next_deadline = next_deadline;
	listener->source.expire = expire;
	loop_add_source(listener->loop, &listener->source);
	event_assign(&listener->readable, loop_base(listener->loop), fd,
	    EV_READ | EV_PERSIST, on_acceptable, listener);
	event_add(&listener->readable, NULL);
}

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	return sun;
}

/*
 * Whether somebody answers at path; *pid is who called listen() there, or 0.
 * Only a refusal says that nobody does: a full backlog (EAGAIN), a socket of
 * another kind (EPROTOTYPE) or one that we may not write to is in use.
 */
static bool
is_served(const char *path, pid_t *pid)
{
	struct sockaddr_un sun = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool served;

	if (fd < 0)
		return true; /* what can't be asked is left alone */
	served = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
		 (errno != ECONNREFUSED && errno != ENOENT);
	if (served)
		*pid = peer_of(fd).pid;
	close(fd);
	return served;
}

/*
 * Who holds the lock: whoever listens, or else the pid in the file. Just after
 * a start the file may still name the daemon that was there before, so a pid
 * that isn't alive is read again, for a while. 0 where it stays unknown.
 */
static pid_t
find_holder(const char *path, const char *lock_path)
{
	struct timespec pause = { .tv_nsec = HOLDER_RETRY_MS * 1000000 };
	struct pidfh *lock;
	pid_t pid;

	for (int i = 0; i < HOLDER_RETRIES; i++) {
		pid = 0;
		if (is_served(path, &pid))
			return pid;
		lock = pidfile_open(lock_path, 0600, &pid);
		if (lock != NULL) {
			pidfile_close(lock);
			return 0;
		}
		if (errno == EEXIST && pid > 0 && kill(pid, 0) == 0)
			return pid;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
take_lock(struct listener *listener, pid_t *holder)
{
	char path[LISTEN_PATH_MAX + sizeof(".pid")];

	snprintf(path, sizeof(path), "%s.pid", listener->path);
	listener->lock = pidfile_open(path, 0600, NULL);
	if (listener->lock != NULL)
		return 0;
	if (errno != EEXIST && errno != EWOULDBLOCK)
		return err_trace(-errno);
	*holder = find_holder(listener->path, path);
	return LISTEN_E_HELD;
}

/*
 * With the lock held, a socket at path is either stale or served by somebody
 * who doesn't know our lock.
 */
static int
clear_path(const char *path, pid_t *holder)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_trace(-errno);
	if (!S_ISSOCK(st.st_mode))
		return LISTEN_E_NOT_SOCKET;
	if (is_served(path, holder))
		return LISTEN_E_HELD;
	log_info("socket-replaced", "path=%s reason=stale", path);
	return unlink(path) == 0 ? 0 : err_trace(-errno);
}

static int
bind_path(struct listener *listener, int fd, mode_t mode)
{
	struct sockaddr_un sun = address(listener->path);
	mode_t mask = umask(0777 & ~mode);
	int r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	int error = errno;
	struct stat st;

	umask(mask);
	if (r != 0)
		return err_trace(-error);
	if (lstat(listener->path, &st) != 0)
		return err_trace(-errno);
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	if (chmod(listener->path, mode) != 0 || listen(fd, BACKLOG) != 0)
		return err_trace(-errno);
	return 0;
}

static int
open_path(struct listener *listener, mode_t mode, pid_t *holder)
{
	int fd, r = take_lock(listener, holder);

	if (r == 0)
		r = clear_path(listener->path, holder);
	if (r != 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_trace(-errno);
	r = bind_path(listener, fd, mode);
	if (r != 0) {
		close(fd);
		return r;
	}
	pidfile_write(listener->lock);
	start(listener, fd);
	return 0;
}

int
listen_open(struct loop *loop, const char *path, mode_t mode,
    const struct listen_ops *ops, void *user, struct listener **out,
    pid_t *holder)
{
	struct listener *listener;
	int r;

	*holder = 0;
	if (strlen(path) > LISTEN_PATH_MAX)
		return LISTEN_E_TOO_LONG;
	listener = listener_new(loop, ops, user);
	listener->path = xstrdup(path);
	r = open_path(listener, mode, holder);
	if (r == 0)
		*out = listener;
	else
		listen_close(listener);
	return r;
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
	start(*out, fd);
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
	/* The port is at the same place in both families. */
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

int
listen_bind_tcp(const struct listen_address *address, int *out)
{
	int fd = socket(address->bytes.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	if (fd < 0)
		return err_trace(-errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&address->bytes, address->len) ==
		0 &&
	    listen(fd, BACKLOG) == 0) {
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
	int fd = -1, r = listen_bind_tcp(address, &fd);

	if (r != 0)
		return err_trace(r);
	*out = listener_new(loop, ops, user);
	(*out)->is_tcp = true;
	start(*out, fd);
	return 0;
}

static void
remove_path(const struct listener *listener)
{
	struct stat st;

	if (lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		unlink(listener->path);
}

void
listen_close(struct listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->fd >= 0) {
		loop_remove_source(listener->loop, &listener->source);
		event_del(&listener->readable);
		close(listener->fd);
	}
	if (listener->ino != 0)
		remove_path(listener);
	if (listener->lock != NULL)
		pidfile_remove(listener->lock);
	free(listener->path);
	free(listener);
}

const struct listen_stats *
listen_stats(const struct listener *listener)
{
	return &listener->stats;
}
