#include "daemon/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/place.h"
#include "base/xalloc.h"
#include "daemon/inherited.h"
#include "wire/handle_line.h"

/* Why a lock beside a socket is refused; the remedy is the same for all. */
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

/* The folder of the socket is missing, or this user can't write to it. */
static int
refuse_folder(const char *path, int error)
{
	int len = (int)(strrchr(path, '/') - path);

	fprintf(stderr,
	    error == ENOENT
		? "pm2adapterd: %s: there is no folder %.*s; create it, or set "
		  "PM2_HOME or the option socket\n"
		: "pm2adapterd: %s: no permission in the folder %.*s; let the "
		  "daemon's user write to it, or set PM2_HOME or the option "
		  "socket\n",
	    path, len == 0 ? 1 : len, path);
	return EX_CANTCREAT;
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
	case -ENOENT:
	case -EACCES:
		if (path[0] == '/')
			return refuse_folder(path, -r);
		/* fall through */
	default:
		fprintf(stderr, "pm2adapterd: %s: %s\n", path, strerror(-r));
		return EX_CANTCREAT;
	}
}

/* A role of sockets: all that differs between them. */
static const struct role {
	const char *name;   /* of inherited sockets */
	const char *option; /* that names the others */
	const char *key;    /* of theirs in the log */
	const struct listen_ops *ops;
	size_t max;
	bool takes_path, takes_address;
	bool needs_loopback;
	/* Needs resp-password, except at a path, and at a loopback address if
	 * every user may connect. */
	bool needs_password;
	bool stays; /* open while the daemon drains */
	const char *syntax;
	const char *too_many;
} roles[SOCKETS_N_ROLES] = {
	[SOCKETS_NATIVE] = { "native", "socket", "socket", &native_listen_ops,
	    1, .takes_path = true,
	    .too_many = "is too many; only one native socket is allowed" },
	[SOCKETS_HANDLES] = { "handles", "socket", "handles",
	    &handles_listen_ops, 1, .takes_path = true,
	    .too_many = "is too many; only one socket for handles is allowed" },
	[SOCKETS_RESP] = { "resp", "resp-listen", "resp", &redis_listen_ops,
	    SOCKETS_REDIS_MAX, .takes_path = true, .takes_address = true,
	    .needs_password = true,
	    .syntax = "is neither a path with a / nor an address and a port",
	    .too_many = "is too many; at most 16 sockets for resp are "
			"allowed" },
	[SOCKETS_METRICS] = { "metrics", "metrics-socket", "metrics",
	    &metrics_listen_ops, 1, .takes_path = true,
	    .too_many =
		"is too many; only one Unix socket for metrics is allowed" },
	[SOCKETS_HTTP] = { "metrics", "metrics-listen", "http",
	    &metrics_http_listen_ops, 1, .takes_address = true,
	    .needs_loopback = true, .stays = true,
	    .syntax = "is not an address and port such as 127.0.0.1:9099",
	    .too_many =
		"is too many; only one address for metrics is allowed" },
};

_Static_assert(SOCKETS_REDIS_MAX == 16, "as too_many says");

/* `subject` and `problem` make a sentence. */
static int
refuse(const char *subject, const char *problem)
{
	fprintf(stderr, "pm2adapterd: %s %s\n", subject, problem);
	return EX_CONFIG;
}

/* Returns why a socket of the role can't have this address; NULL if it can. */
static const char *
find_problem(const struct role *role, const struct config *config,
    const struct listen_address *address)
{
	bool is_tcp = address->bytes.ss_family != AF_UNIX;

	if (is_tcp && !role->takes_address)
		return "is not a Unix socket";
	if (role->needs_loopback && !address->is_loopback)
		return "is not a loopback address";
	if (!role->needs_password || *config->resp_password != '\0')
		return NULL;
	if (!address->is_loopback)
		return "is not a loopback address; set resp-password";
	if (is_tcp && config_is_exclusive(config))
		return "lets in every user of this host, whatever allow-users "
		       "and allow-groups say; set resp-password";
	return NULL;
}

static size_t
count(const struct sockets *sockets, enum sockets_role role)
{
	size_t n = 0;

	for (size_t i = 0; i < sockets->n; i++)
		n += sockets->open[i].role == role;
	return n;
}

/* Adds an entry without a listener. Returns NULL if the role has no room. */
static struct sockets_entry *
add(struct sockets *sockets, enum sockets_role role)
{
	if (count(sockets, role) == roles[role].max)
		return NULL;
	sockets->open[sockets->n] = (struct sockets_entry){ .role = role };
	return &sockets->open[sockets->n++];
}

static void *
user_of(const struct sockets *sockets, enum sockets_role role)
{
	void *const users[SOCKETS_N_ROLES] = {
		[SOCKETS_NATIVE] = sockets->native,
		[SOCKETS_HANDLES] = sockets->handles,
		[SOCKETS_RESP] = sockets->redis,
		[SOCKETS_METRICS] = sockets->metrics,
		[SOCKETS_HTTP] = sockets->metrics,
	};

	return users[role];
}

static enum sockets_role
role_of(enum inherited_role role, const struct listen_address *address)
{
	if (role == INHERITED_NATIVE)
		return SOCKETS_NATIVE;
	if (role == INHERITED_RESP)
		return SOCKETS_RESP;
	if (role == INHERITED_HANDLES)
		return SOCKETS_HANDLES;
	return address->bytes.ss_family == AF_UNIX ? SOCKETS_METRICS
						   : SOCKETS_HTTP;
}

/* Writes the path that a Unix socket is bound to, or "". */
static void
read_path(int fd, char path[BOUND_PATH_MAX + 1])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);

	path[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&sun, &len) == 0 &&
	    len <= sizeof(sun))
		snprintf(path, BOUND_PATH_MAX + 1, "%.*s", BOUND_PATH_MAX,
		    sun.sun_path);
}

static int
adopt(struct sockets *sockets, const struct config *config, int fd,
    enum inherited_role inherited)
{
	struct listen_address address;
	struct sockets_entry *entry;
	enum sockets_role role;
	const char *problem;
	char subject[64];
	int r;

	snprintf(subject, sizeof(subject), "inherited socket %d", fd);
	if (listen_read_fd(fd, &address) != 0)
		return refuse(
		    subject, "is not a listening Unix or TCP stream socket");
	role = role_of(inherited, &address);
	problem = find_problem(&roles[role], config, &address);
	if (problem != NULL)
		return refuse(subject, problem);
	entry = add(sockets, role);
	if (entry == NULL)
		return refuse(subject, roles[role].too_many);
	r = listen_adopt(sockets->loop, fd, roles[role].ops,
	    user_of(sockets, role), &entry->listener);
	if (r != 0)
		return refuse_socket(subject, r, 0);
	if (role == SOCKETS_NATIVE)
		read_path(fd, sockets->native_path);
	log_info("listening", "%s=inherited fd=%d", roles[role].name, fd);
	return 0;
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
open_address(const struct sockets *sockets, const struct config *config,
    struct sockets_entry *entry, const char *subject, const char *where)
{
	const struct role *role = &roles[entry->role];
	struct listen_address address;
	const char *problem;
	int r;

	if (listen_read_address(where, &address) != 0)
		return refuse(subject, role->syntax);
	problem = find_problem(role, config, &address);
	if (problem != NULL)
		return refuse(subject, problem);
	r = listen_open_tcp(sockets->loop, &address, role->ops,
	    user_of(sockets, entry->role), &entry->listener);
	return r == 0 ? 0 : refuse_socket(where, r, 0);
}

static int
open_path(const struct sockets *sockets, const struct config *config,
    struct sockets_entry *entry, const char *path)
{
	pid_t holder = 0;
	int r = listen_open(sockets->loop, path, (mode_t)config->socket_mode,
	    roles[entry->role].ops, user_of(sockets, entry->role),
	    &entry->listener, &holder);

	return r == 0 ? 0 : refuse_socket(path, r, holder);
}

/* Opens a socket of the role at a path, or an address and a port. */
static int
open_at(struct sockets *sockets, const struct config *config,
    enum sockets_role role, const char *where)
{
	bool is_path = strchr(where, '/') != NULL || !roles[role].takes_address;
	struct sockets_entry *entry = add(sockets, role);
	char subject[256];

	snprintf(subject, sizeof(subject), "%s: %s", roles[role].option, where);
	if (entry == NULL)
		return refuse(subject, roles[role].too_many);
	entry->where = xstrdup(where);
	return is_path && roles[role].takes_path
		   ? open_path(sockets, config, entry, where)
		   : open_address(sockets, config, entry, subject, where);
}

/* Creates pm2's folder, as pm2 would, or the folder of the short path. Returns
 * whether there is one. */
static bool
settle_default(struct place *place, char path[PLACE_SOCKET_MAX + 1])
{
	if (place_settle(place, path) != 0 || place->folder[0] == '\0')
		return false;
	if (mkdir(place->folder, 0700) == 0)
		log_info("folder-created", "path=%s", place->folder);
	return true;
}

static void
create_default(void)
{
	char path[PLACE_SOCKET_MAX + 1];
	struct place place;

	(void)settle_default(&place, path);
}

/* Creates the folder of the default socket, and says so if the socket is
 * elsewhere because its path is too long. */
static void
prepare_default(void)
{
	char path[PLACE_SOCKET_MAX + 1];
	struct place place;

	if (settle_default(&place, path) && place.n_shorter > 0)
		log_warn("socket-elsewhere", "path=%s bytes=%zu max=%d used=%s",
		    place.path, strlen(place.path), PLACE_SOCKET_MAX, path);
}

static int
open_native(struct sockets *sockets, const struct config *config)
{
	if (count(sockets, SOCKETS_NATIVE) > 0)
		return 0;
	if (config->socket[0] == '\0')
		return refuse("socket:", place_problem_here());
	if (config->socket_is_default)
		prepare_default();
	snprintf(sockets->native_path, sizeof(sockets->native_path), "%s",
	    config->socket);
	return open_at(sockets, config, SOCKETS_NATIVE, config->socket);
}

static const char *const handles_problems[] = {
	[BOUND_E_HELD] = "another process serves it",
	[BOUND_E_NOT_SOCKET] = "not a socket; it is left alone",
	[BOUND_E_TOO_LONG] = "longer than 107 bytes",
	[BOUND_E_LOCK_LINK] = "its lock is a link",
	[BOUND_E_LOCK_OWNER] = "its lock is a file of another user",
	[BOUND_E_LOCK_ALIEN] = "its lock is another file",
};

_Static_assert(BOUND_PATH_MAX == 107, "as handles_problems says");

/* Opens the socket beside the native one. Workers do without it, so the daemon
 * does too. */
static void
open_handles(struct sockets *sockets)
{
	const char *native = sockets->native_path;
	struct sockets_entry *entry;
	char path[BOUND_PATH_MAX + sizeof(HANDLE_SOCKET_SUFFIX)];
	pid_t holder;
	int r;

	snprintf(path, sizeof(path), "%s" HANDLE_SOCKET_SUFFIX, native);
	if (native[0] == '\0')
		return;
	entry = add(sockets, SOCKETS_HANDLES);
	if (entry == NULL)
		return;
	entry->where = xstrdup(path);
	r = listen_open(sockets->loop, path, S_IRUSR | S_IWUSR,
	    &handles_listen_ops, sockets->handles, &entry->listener, &holder);
	if (r == 0)
		return;
	log_warn("handles-off", "path=%s error=\"%s\"", path,
	    r < 0 ? strerror(-r) : handles_problems[r]);
	free(entry->where);
	sockets->n--;
}

/* Opens the sockets in the option's `value`: a list if the role may have
 * several. An inherited socket replaces a single one. */
static int
open_role(struct sockets *sockets, const struct config *config,
    enum sockets_role role, const char *value)
{
	char *list, *rest, *where;
	int code = 0;

	if (role == SOCKETS_NATIVE)
		return open_native(sockets, config);
	if (role == SOCKETS_HANDLES) {
		open_handles(sockets);
		return 0;
	}
	if (roles[role].max == 1)
		return *value == '\0' || count(sockets, role) > 0
			   ? 0
			   : open_at(sockets, config, role, value);
	list = rest = xstrdup(value);
	while (code == 0 && (where = strsep(&rest, " ")) != NULL)
		if (*where != '\0')
			code = open_at(sockets, config, role, where);
	free(list);
	return code;
}

static int
open_all(struct sockets *sockets, const struct config *config)
{
	const char *const values[SOCKETS_N_ROLES] = {
		[SOCKETS_NATIVE] = config->socket,
		[SOCKETS_HANDLES] = "",
		[SOCKETS_RESP] = config->resp_listen,
		[SOCKETS_METRICS] = config->metrics_socket,
		[SOCKETS_HTTP] = config->metrics_listen,
	};
	int code = 0;

	for (int role = 0; code == 0 && role < SOCKETS_N_ROLES; role++)
		code = open_role(
		    sockets, config, (enum sockets_role)role, values[role]);
	return code;
}

static int
start(const struct sockets *sockets, const struct sockets_entry *entry,
    const struct config *config)
{
	bool is_default =
	    config->socket_is_default &&
	    (entry->role == SOCKETS_NATIVE || entry->role == SOCKETS_HANDLES);
	const struct role *role = &roles[entry->role];
	const char *where = entry->where == NULL ? role->name : entry->where;
	int r = listen_start(entry->listener);

	if (r != 0)
		return refuse_socket(where, r, 0);
	keeper_add(sockets->keeper, entry->listener,
	    is_default ? create_default : NULL);
	if (entry->where != NULL && entry->role == SOCKETS_NATIVE)
		log_info("listening", "%s=%s pid=%d version=%s", role->key,
		    where, getpid(), VERSION);
	else if (entry->where != NULL)
		log_info("listening", "%s=%s", role->key, where);
	return 0;
}

int
sockets_open(struct sockets *sockets, const struct config *config)
{
	int code;

	sockets->keeper = keeper_new(sockets->loop);
	code = adopt_all(sockets, config);
	if (code == 0)
		code = open_all(sockets, config);
	/* The native one last: a client that reaches it can use the others. */
	for (size_t i = sockets->n; code == 0 && i > 0; i--)
		code = start(sockets, &sockets->open[i - 1], config);
	for (size_t i = 0; code == 0 && i < sockets->n; i++)
		if (sockets->open[i].role == SOCKETS_NATIVE)
			hub_set_listener(
			    sockets->hub, sockets->open[i].listener);
	return code;
}

bool
sockets_has_handles(const struct sockets *sockets)
{
	return count(sockets, SOCKETS_HANDLES) > 0;
}

static void
close_entry(struct sockets *sockets, struct sockets_entry *entry)
{
	keeper_remove(sockets->keeper, entry->listener);
	listen_close(entry->listener);
	free(entry->where);
	entry->listener = NULL;
	entry->where = NULL;
}

void
sockets_close(struct sockets *sockets)
{
	hub_set_listener(sockets->hub, NULL);
	for (size_t i = 0; i < sockets->n; i++)
		if (!roles[sockets->open[i].role].stays)
			close_entry(sockets, &sockets->open[i]);
}

void
sockets_fini(struct sockets *sockets)
{
	sockets_close(sockets);
	while (sockets->n > 0)
		close_entry(sockets, &sockets->open[--sockets->n]);
	keeper_free(sockets->keeper);
	sockets->keeper = NULL;
}
