#include "daemon/sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "base/log.h"
#include "base/xalloc.h"

#define LISTEN_FDS_START 3

/* A fd that the supervisor listens on for us (sd_listen_fds(3)), or -1. */
static int
inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	bool is_ours = pid != NULL && n != NULL &&
		       strtonum(pid, 1, INT32_MAX, NULL) == getpid() &&
		       strtonum(n, 1, 1, NULL) == 1;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return is_ours ? LISTEN_FDS_START : -1;
}

static int
refuse_socket(const char *path, int r, pid_t holder)
{
	char who[64] = "another process";

	if (holder > 0)
		snprintf(who, sizeof(who), "the process with pid %d", holder);
	switch (r) {
	case LISTEN_E_HELD:
		fprintf(stderr, "pm2adapterd: %s: %s serves this socket\n",
		    path, who);
		return EX_UNAVAILABLE;
	case LISTEN_E_NOT_SOCKET:
		fprintf(stderr,
		    "pm2adapterd: %s: not a socket; it is left alone\n", path);
		return EX_CONFIG;
	case LISTEN_E_TOO_LONG:
		fprintf(stderr,
		    "pm2adapterd: %s: a path of %zu bytes; a socket's path "
		    "has at most %d\n",
		    path, strlen(path), LISTEN_PATH_MAX);
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
	int fd = inherited_socket(), r;
	pid_t holder = 0;

	if (fd >= 0)
		r = listen_adopt(sockets->loop, fd, &native_listen_ops,
		    sockets->native, &sockets->listener);
	else
		r = listen_open(sockets->loop, path,
		    (mode_t)config->socket_mode, &native_listen_ops,
		    sockets->native, &sockets->listener, &holder);
	if (r != 0)
		return refuse_socket(path, r, holder);
	native_set_listener(sockets->native, sockets->listener);
	log_info("listening", "socket=%s pid=%d version=%s inherited=%s", path,
	    getpid(), VERSION, fd >= 0 ? "yes" : "no");
	return 0;
}

/* A path, or an address and a port. */
static int
open_redis_listener(
    struct sockets *sockets, const struct config *config, const char *where)
{
	struct listener **out =
	    &sockets->redis_listeners[sockets->n_redis_listeners];
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
		    "pm2adapterd: resp-listen: %s can be reached by other "
		    "hosts, and there is no resp-password\n",
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
		sockets->n_redis_listeners++;
		log_info("listening", "resp=%s", where);
	}
	free(list);
	return code;
}

int
sockets_open(struct sockets *sockets, const struct config *config)
{
	int code = open_listener(sockets, config);

	return code == 0 ? open_redis_listeners(sockets, config) : code;
}

void
sockets_close(struct sockets *sockets)
{
	native_set_listener(sockets->native, NULL);
	listen_close(sockets->listener);
	sockets->listener = NULL;
	while (sockets->n_redis_listeners > 0)
		listen_close(
		    sockets->redis_listeners[--sockets->n_redis_listeners]);
}
