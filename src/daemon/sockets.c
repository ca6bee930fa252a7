#include "daemon/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "daemon/inherited.h"

/* Why a lock beside a socket is not taken; the remedy is the same for all. */
static const char *const lock_problems[] = {
	[BOUND_E_LOCK_LINK] = "a link, not a lock file of its own",
	[BOUND_E_LOCK_OWNER] = "a file of another user",
	[BOUND_E_LOCK_ALIEN] = "not a lock file",
};

static int
refuse_lock(const char *path, int r)
{
	fprintf(stderr,
	    "pm2adapterd: %s" BOUND_LOCK_SUFFIX
	    ": %s; remove it, or put the socket into a folder that only the "
	    "daemon's user can write to\n",
	    path, lock_problems[r]);
	return EX_CONFIG;
}

static int
refuse_held(const char *path, pid_t holder)
{
	char who[64] = "another process";

	if (holder > 0)
		snprintf(who, sizeof(who), "the process with pid %d", holder);
	fprintf(stderr, "pm2adapterd: %s: %s serves this socket\n", path, who);
	return EX_UNAVAILABLE;
}

static int
refuse_socket(const char *path, int r, pid_t holder)
{
	switch (r) {
	case BOUND_E_HELD:
		return refuse_held(path, holder);
	case BOUND_E_LOCK_LINK:
	case BOUND_E_LOCK_OWNER:
	case BOUND_E_LOCK_ALIEN:
		return refuse_lock(path, r);
	case BOUND_E_NOT_SOCKET:
		fprintf(stderr,
		    "pm2adapterd: %s: not a socket; it is left alone\n", path);
		return EX_CONFIG;
	case BOUND_E_TOO_LONG:
		fprintf(stderr,
		    "pm2adapterd: %s: a path of %zu bytes; a socket's path "
		    "has at most %d\n",
		    path, strlen(path), BOUND_PATH_MAX);
		return EX_CONFIG;
	default:
		fprintf(stderr, "pm2adapterd: %s: %s\n", path, strerror(-r));
		return EX_CANTCREAT;
	}
}

static int
open_listener(struct sockets *sockets, const struct config *config)
{
	const char *path = config->socket;
	pid_t holder = 0;
	int r;

	if (sockets->listener != NULL) /* inherited */
		return 0;
	r = listen_open(sockets->loop, path, (mode_t)config->socket_mode,
	    &native_listen_ops, sockets->native, &sockets->listener, &holder);
	return r == 0 ? 0 : refuse_socket(path, r, holder);
}

/* A path, or an address and a port. */
static int
open_redis_listener(
    struct sockets *sockets, const struct config *config, const char *where)
{
	struct listener **out =
	    &sockets->redis_listeners[sockets->n_redis_listeners].listener;
	struct listen_address address;
	pid_t holder = 0;
	int r;

	if (strchr(where, '/') != NULL) {
		r = listen_open(sockets->loop, where,
		    (mode_t)config->socket_mode, &redis_listen_ops,
		    sockets->redis, out, &holder);
		return r == 0 ? 0 : refuse_socket(where, r, holder);
	}
	if (listen_read_address(where, &address) != 0) {
		fprintf(stderr,
		    "pm2adapterd: resp-listen: '%s' is neither a path with a / "
		    "nor an address and a port\n",
		    where);
		return EX_CONFIG;
	}
	if (!address.is_loopback && *config->resp_password == '\0') {
		fprintf(stderr,
		    "pm2adapterd: resp-listen: %s is not a loopback address; "
		    "set resp-password\n",
		    where);
		return EX_CONFIG;
	}
	r = listen_open_tcp(
	    sockets->loop, &address, &redis_listen_ops, sockets->redis, out);
	return r == 0 ? 0 : refuse_socket(where, r, 0);
}

static int
open_redis_listeners(struct sockets *sockets, const struct config *config)
{
	char *list = xstrdup(config->resp_listen);
	char *rest = list, *where;
	int code = 0;

	while (code == 0 && (where = strsep(&rest, " ")) != NULL) {
		if (*where == '\0')
			continue;
		if (sockets->n_redis_listeners == SOCKETS_REDIS_MAX) {
			fprintf(stderr,
			    "pm2adapterd: resp-listen: more than %d\n",
			    SOCKETS_REDIS_MAX);
			code = EX_CONFIG;
			break;
		}
		code = open_redis_listener(sockets, config, where);
		if (code != 0)
			break;
		sockets->redis_listeners[sockets->n_redis_listeners++].where =
		    xstrdup(where);
	}
	free(list);
	return code;
}

static int
open_metrics_socket(struct sockets *sockets, const struct config *config)
{
	const char *path = config->metrics_socket;
	pid_t holder = 0;
	int r;

	if (*path == '\0' || sockets->metrics_listener != NULL)
		return 0;
	r = listen_open(sockets->loop, path, (mode_t)config->socket_mode,
	    &metrics_listen_ops, sockets->metrics, &sockets->metrics_listener,
	    &holder);
	sockets->has_metrics_path = r == 0;
	return r == 0 ? 0 : refuse_socket(path, r, holder);
}

static int
refuse_metrics(const char *where, const char *why)
{
	fprintf(stderr, "pm2adapterd: metrics-listen: '%s' %s\n", where, why);
	return EX_CONFIG;
}

static int
open_metrics_http(struct sockets *sockets, const struct config *config)
{
	const char *where = config->metrics_listen;
	struct listen_address address;
	int r;

	if (*where == '\0' || sockets->http_listener != NULL)
		return 0;
	if (listen_read_address(where, &address) != 0)
		return refuse_metrics(
		    where, "is not an address and port such as 127.0.0.1:9099");
	if (!address.is_loopback)
		return refuse_metrics(where, "is not a loopback address");
	r = listen_open_tcp(sockets->loop, &address, &metrics_http_listen_ops,
	    sockets->metrics, &sockets->http_listener);
	sockets->has_http_address = r == 0;
	return r == 0 ? 0 : refuse_socket(where, r, 0);
}

static int
refuse_inherited(int fd, const char *why)
{
	fprintf(stderr, "pm2adapterd: inherited socket %d: %s\n", fd, why);
	return EX_CONFIG;
}

static int
adopt_resp(struct sockets *sockets, const struct config *config, int fd,
    const struct listen_address *address)
{
	size_t i = sockets->n_redis_listeners;
	int r;

	if (i == SOCKETS_REDIS_MAX)
		return refuse_inherited(fd, "too many sockets for resp");
	if (!address->is_loopback && *config->resp_password == '\0')
		return refuse_inherited(
		    fd, "not a loopback address; set resp-password");
	if (address->bytes.ss_family != AF_UNIX &&
	    config_is_exclusive(config) && *config->resp_password == '\0')
		return refuse_inherited(fd,
		    "every user of this host can connect, whatever allow-users "
		    "and allow-groups say; set resp-password");
	r = listen_adopt(sockets->loop, fd, &redis_listen_ops, sockets->redis,
	    &sockets->redis_listeners[i].listener);
	sockets->n_redis_listeners += r == 0;
	return r;
}

static int
adopt_metrics(
    struct sockets *sockets, int fd, const struct listen_address *address)
{
	if (address->bytes.ss_family == AF_UNIX) {
		if (sockets->metrics_listener != NULL)
			return refuse_inherited(
			    fd, "only one Unix socket for metrics is allowed");
		return listen_adopt(sockets->loop, fd, &metrics_listen_ops,
		    sockets->metrics, &sockets->metrics_listener);
	}
	if (sockets->http_listener != NULL)
		return refuse_inherited(
		    fd, "only one address for metrics is allowed");
	if (!address->is_loopback)
		return refuse_inherited(fd, "metrics need a loopback address");
	return listen_adopt(sockets->loop, fd, &metrics_http_listen_ops,
	    sockets->metrics, &sockets->http_listener);
}

static int
adopt(struct sockets *sockets, const struct config *config, int fd,
    enum inherited_role role)
{
	static const char *const names[] = { "native", "resp", "metrics" };
	struct listen_address address;
	int r = listen_read_fd(fd, &address);

	if (r != 0)
		return refuse_inherited(
		    fd, "not a listening Unix or TCP stream socket");
	if (role == INHERITED_NATIVE && address.bytes.ss_family != AF_UNIX)
		return refuse_inherited(fd, "native needs a Unix socket");
	sockets->is_native_inherited |= role == INHERITED_NATIVE;
	if (role == INHERITED_NATIVE)
		r = listen_adopt(sockets->loop, fd, &native_listen_ops,
		    sockets->native, &sockets->listener);
	else if (role == INHERITED_RESP)
		r = adopt_resp(sockets, config, fd, &address);
	else
		r = adopt_metrics(sockets, fd, &address);
	if (r < 0)
		return refuse_inherited(fd, strerror(-r));
	if (r == 0)
		log_info("listening", "%s=inherited fd=%d", names[role], fd);
	return r;
}

static int
adopt_all(struct sockets *sockets, const struct config *config)
{
	struct inherited inherited;
	int code = inherited_read(&inherited);

	for (size_t i = 0; code == 0 && i < inherited.n; i++)
		code = adopt(
		    sockets, config, inherited.fds[i], inherited.roles[i]);
	return code;
}

static int
start(struct listener *listener, const char *where)
{
	int r = listener == NULL ? 0 : listen_start(listener);

	return r == 0 ? 0 : refuse_socket(where, r, 0);
}

static int
start_redis(struct sockets *sockets)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < sockets->n_redis_listeners; i++) {
		const struct sockets_redis *redis =
		    &sockets->redis_listeners[i];

		code = start(redis->listener,
		    redis->where == NULL ? "resp" : redis->where);
		if (code == 0 && redis->where != NULL)
			log_info("listening", "resp=%s", redis->where);
	}
	return code;
}

/* Once all that the configuration names is there, and nothing has been let in
 * by a daemon that has to end. */
static int
start_all(struct sockets *sockets, const struct config *config)
{
	int code = start(sockets->listener, config->socket);

	if (code == 0 && !sockets->is_native_inherited)
		log_info("listening", "socket=%s pid=%d version=%s",
		    config->socket, getpid(), VERSION);
	if (code == 0)
		code = start_redis(sockets);
	if (code == 0)
		code = start(sockets->metrics_listener, config->metrics_socket);
	if (code == 0 && sockets->has_metrics_path)
		log_info("listening", "metrics=%s", config->metrics_socket);
	if (code == 0)
		code = start(sockets->http_listener, config->metrics_listen);
	if (code == 0 && sockets->has_http_address)
		log_info("listening", "http=%s", config->metrics_listen);
	return code;
}

int
sockets_open(struct sockets *sockets, const struct config *config)
{
	static int (*const steps[])(
	    struct sockets * sockets, const struct config *config) = {
		adopt_all,
		open_listener,
		open_redis_listeners,
		open_metrics_socket,
		open_metrics_http,
		start_all,
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(*steps); i++)
		code = steps[i](sockets, config);
	if (code == 0)
		native_set_listener(sockets->native, sockets->listener);
	return code;
}

void
sockets_close(struct sockets *sockets)
{
	native_set_listener(sockets->native, NULL);
	listen_close(sockets->listener);
	sockets->listener = NULL;
	listen_close(sockets->metrics_listener);
	sockets->metrics_listener = NULL;
	while (sockets->n_redis_listeners > 0) {
		struct sockets_redis *redis =
		    &sockets->redis_listeners[--sockets->n_redis_listeners];

		listen_close(redis->listener);
		free(redis->where);
		*redis = (struct sockets_redis){ NULL, NULL };
	}
}

void
sockets_fini(struct sockets *sockets)
{
	sockets_close(sockets);
	listen_close(sockets->http_listener);
	sockets->http_listener = NULL;
}
