#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/piped.h"
#include "base/xalloc.h"
#include "daemon/command.h"
#include "daemon/config.h"
#include "daemon/inspect.h"
#include "daemon/json.h"
#include "daemon/shell.h"
#include "edge/native.h"
#include "edge/redis.h"

#define SERVER_NAME "pm2adapterd/" VERSION
#define EXIT_INTERRUPTED (128 + SIGINT)
#define LISTEN_FDS_START 3
#define REDIS_LISTENERS_MAX 16
#define FRAME_ROOM 64 /* for what stands around answers */

struct daemon {
	const struct command *command;
	struct config config;
	struct loop *loop;
	struct conn_set *set;
	struct broker *broker;
	struct native *native;
	struct redis *redis;
	struct listener *listener;
	struct listener *redis_listeners[REDIS_LISTENERS_MAX];
	size_t n_redis_listeners;
	unsigned n_drains; /* edges whose connections are not yet gone */
	struct event on_int, on_term, on_hup;
	bool is_draining;
	unsigned n_interrupts;
};

static void
print_version(void)
{
	printf("pm2adapterd %s\nlibevent %s\nmsgpack-c %s\nlibbsd %s\n"
	       "jansson %s\n",
	    VERSION, loop_library_version(), msg_library_version(),
	    LIBBSD_VERSION, json_library_version());
}

static void
put_config(struct msg_writer *w, void *arg)
{
	const struct daemon *daemon = arg;
	char text[4096];

	msg_put_map(w, config_n_options());
	for (size_t i = 0; i < config_n_options(); i++) {
		msg_put_str(w, config_name(i));
		msg_put_str(
		    w, config_value(&daemon->config, i, text, sizeof(text)));
	}
}

/* 0 where the kernel is not known to be good at it. */
static size_t
splice_above(const struct config *config)
{
	struct utsname name;

	if (config->splice_above_bytes == 0)
		return 0;
	if (uname(&name) == 0 && piped_is_known_good(name.release))
		return (size_t)config->splice_above_bytes;
	log_info("splice-off", "kernel=%s", name.release);
	return 0;
}

static struct conn_limits
conn_limits(const struct config *config)
{
	return (struct conn_limits){
		.hard_bytes = (size_t)config->queue_limit_bytes,
		.soft_bytes = (size_t)config->queue_soft_limit_bytes,
		.soft_ms = config->queue_soft_time_ms,
		.memory_bytes = (size_t)config->memory_limit_bytes,
	};
}

/* What goes on in a frame of ours must fit one. */
static size_t
fitting(const struct config *config, int64_t max)
{
	int64_t room = config->max_frame_bytes - FRAME_ROOM;

	return (size_t)(max < room ? max : room);
}

static struct broker_limits
broker_limits(const struct config *config)
{
	return (struct broker_limits){
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
		.questions_max = (uint32_t)config->max_questions,
		.questions_all_max = (uint32_t)config->max_questions_all,
		.answer_max_bytes = fitting(config, config->max_answer_bytes),
		.gather_max_bytes = fitting(config, config->max_gather_bytes),
		.gather_all_max_bytes = (size_t)config->max_gather_all_bytes,
	};
}

static struct native_settings
native_settings(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	return (struct native_settings){
		.server = SERVER_NAME,
		.socket = config->socket,
		.max_frame = (uint32_t)config->max_frame_bytes,
		.max_connections = (uint32_t)config->max_connections,
		.hello_timeout_ms = config->hello_timeout_ms,
		.ping_interval_ms = config->ping_interval_ms,
		.drain_timeout_ms = config->drain_timeout_ms,
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
		.questions_max = (uint32_t)config->max_questions,
		.questions_all_max = (uint32_t)config->max_questions_all,
		.answer_max_bytes = fitting(config, config->max_answer_bytes),
		.put_config = put_config,
		.put_config_arg = daemon,
	};
}

static struct redis_settings
redis_settings(const struct config *config)
{
	return (struct redis_settings){
		.version = VERSION,
		.socket = config->socket,
		.password = config->resp_password,
		.max_connections = (uint32_t)config->max_connections,
		.clients_max = (uint32_t)(config->max_connections + 1) / 2,
		.max_frame = (size_t)config->max_frame_bytes,
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
	};
}

static void
on_drained(void *arg)
{
	struct daemon *daemon = arg;

	if (--daemon->n_drains > 0)
		return;
	log_info("ended", "pid=%d", getpid());
	loop_stop(daemon->loop);
}

static void
close_listeners(struct daemon *daemon)
{
	native_set_listener(daemon->native, NULL);
	listen_close(daemon->listener);
	daemon->listener = NULL;
	while (daemon->n_redis_listeners > 0)
		listen_close(
		    daemon->redis_listeners[--daemon->n_redis_listeners]);
}

static void
on_end(evutil_socket_t signo, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)what;
	daemon->n_interrupts += signo == SIGINT;
	if (daemon->n_interrupts > 1) {
		log_warn("interrupted", "signal=SIGINT times=2");
		_exit(EXIT_INTERRUPTED);
	}
	if (daemon->is_draining)
		return;
	daemon->is_draining = true;
	log_info("draining", "signal=%s connections=%zu timeout_ms=%" PRId64,
	    signo == SIGINT ? "SIGINT" : "SIGTERM",
	    conn_set_n_open(daemon->set), daemon->config.drain_timeout_ms);
	close_listeners(daemon);
	daemon->n_drains = 2;
	redis_drain(daemon->redis, on_drained, daemon);
	native_drain(daemon->native, on_drained, daemon);
}

/* Takes from fresh what can change now, and says what can't. */
static void
apply_config(struct daemon *daemon, struct config *fresh)
{
	struct config old = config_copy(&daemon->config);
	char before[4096], after[4096];
	struct conn_limits net;
	struct broker_limits core;
	struct native_settings settings;
	struct redis_settings redis;

	for (size_t i = 0; i < config_n_options(); i++)
		if (config_differs(&old, fresh, i)) {
			config_value(&old, i, before, sizeof(before));
			config_value(fresh, i, after, sizeof(after));
			log_info("config-changed", "key=%s from=%s to=%s%s",
			    config_name(i), before, after,
			    config_is_reloadable(i) ? "" : " needs=restart");
			if (config_is_reloadable(i))
				config_take(&daemon->config, fresh, i);
		}
	log_set_level((enum log_level)daemon->config.log_level);
	net = conn_limits(&daemon->config);
	conn_set_limit(daemon->set, &net);
	conn_set_splice_above(daemon->set, splice_above(&daemon->config));
	core = broker_limits(&daemon->config);
	broker_set_limits(daemon->broker, &core);
	settings = native_settings(daemon);
	native_configure(daemon->native, &settings);
	redis = redis_settings(&daemon->config);
	redis_configure(daemon->redis, &redis);
	config_fini(&old);
}

/* What can change now must go with what can't. */
static bool
goes_with_the_rest(const struct daemon *daemon, const struct config *fresh,
    struct config_why *why)
{
	struct config merged = config_copy(&daemon->config);
	int r;

	for (size_t i = 0; i < config_n_options(); i++)
		if (config_is_reloadable(i))
			config_take(&merged, fresh, i);
	r = config_check(&merged, why);
	config_fini(&merged);
	return r == 0;
}

static void
on_reload(evutil_socket_t signo, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct config_why why;
	struct config fresh;

	(void)signo;
	(void)what;
	if (command_config(daemon->command, &fresh, &why) != 0) {
		log_error("config-refused", "error=\"%s\"", why.text);
		return;
	}
	if (!goes_with_the_rest(daemon, &fresh, &why)) {
		log_error("config-refused", "error=\"%s\"", why.text);
		config_fini(&fresh);
		return;
	}
	apply_config(daemon, &fresh);
	config_fini(&fresh);
}

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
open_listener(struct daemon *daemon)
{
	const char *path = daemon->config.socket;
	int fd = inherited_socket(), r;
	pid_t holder = 0;

	if (fd >= 0)
		r = listen_adopt(daemon->loop, fd, &native_listen_ops,
		    daemon->native, &daemon->listener);
	else
		r = listen_open(daemon->loop, path,
		    (mode_t)daemon->config.socket_mode, &native_listen_ops,
		    daemon->native, &daemon->listener, &holder);
	if (r != 0)
		return refuse_socket(path, r, holder);
	native_set_listener(daemon->native, daemon->listener);
	log_info("listening", "socket=%s pid=%d version=%s inherited=%s", path,
	    getpid(), VERSION, fd >= 0 ? "yes" : "no");
	return 0;
}

/* A path, or an address and a port. */
static int
open_redis_listener(struct daemon *daemon, const char *where)
{
	struct listener **out =
	    &daemon->redis_listeners[daemon->n_redis_listeners];
	struct listen_address address;
	pid_t holder = 0;
	int r;

	if (strchr(where, '/') != NULL) {
		r = listen_open(daemon->loop, where,
		    (mode_t)daemon->config.socket_mode, &redis_listen_ops,
		    daemon->redis, out, &holder);
		return r == 0 ? 0 : refuse_socket(where, r, holder);
	}
	if (listen_read_address(where, &address) != 0) {
		fprintf(stderr,
		    "pm2adapterd: resp-listen: '%s' is neither a path with a / "
		    "nor an address and a port\n",
		    where);
		return EX_CONFIG;
	}
	if (!address.is_loopback && *daemon->config.resp_password == '\0') {
		fprintf(stderr,
		    "pm2adapterd: resp-listen: %s can be reached by other "
		    "hosts, and there is no resp-password\n",
		    where);
		return EX_CONFIG;
	}
	r = listen_open_tcp(
	    daemon->loop, &address, &redis_listen_ops, daemon->redis, out);
	return r == 0 ? 0 : refuse_socket(where, r, 0);
}

static int
open_redis_listeners(struct daemon *daemon)
{
	char *list = xstrdup(daemon->config.resp_listen);
	char *rest = list, *where;
	int code = 0;

	while (code == 0 && (where = strsep(&rest, " ")) != NULL) {
		if (*where == '\0')
			continue;
		if (daemon->n_redis_listeners == REDIS_LISTENERS_MAX) {
			fprintf(stderr,
			    "pm2adapterd: resp-listen: more than %d\n",
			    REDIS_LISTENERS_MAX);
			code = EX_CONFIG;
			break;
		}
		code = open_redis_listener(daemon, where);
		if (code != 0)
			break;
		daemon->n_redis_listeners++;
		log_info("listening", "resp=%s", where);
	}
	free(list);
	return code;
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("descriptor-limit", "error=\"%s\"", strerror(errno));
}

static void
watch_signal(struct daemon *daemon, struct event *event, int signo,
    event_callback_fn callback)
{
	event_assign(event, loop_base(daemon->loop), signo,
	    EV_SIGNAL | EV_PERSIST, callback, daemon);
	event_add(event, NULL);
}

/* Without its event a signal has its default action again, and one that comes
 * in the last moment would spoil the exit code. */
static void
forget_signals(struct daemon *daemon)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	event_del(&daemon->on_int);
	event_del(&daemon->on_term);
	event_del(&daemon->on_hup);
}

static int
serve(struct daemon *daemon)
{
	struct conn_limits net = conn_limits(&daemon->config);
	struct broker_limits core = broker_limits(&daemon->config);
	struct native_settings settings = native_settings(daemon);
	struct redis_settings redis = redis_settings(&daemon->config);
	int code;

	/* Who reads the log may go: that costs lines, not workers. */
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	daemon->set = conn_set_new(daemon->loop, &net);
	conn_set_splice_above(daemon->set, splice_above(&daemon->config));
	daemon->broker = broker_new(&core, hash_key_random());
	daemon->native =
	    native_new(daemon->loop, daemon->set, daemon->broker, &settings);
	daemon->redis = redis_new(daemon->loop, daemon->set, daemon->broker,
	    &redis, native_closed(daemon->native));
	redis_report_to(daemon->redis, daemon->native);
	watch_signal(daemon, &daemon->on_int, SIGINT, on_end);
	watch_signal(daemon, &daemon->on_term, SIGTERM, on_end);
	watch_signal(daemon, &daemon->on_hup, SIGHUP, on_reload);
	code = open_listener(daemon);
	if (code == 0)
		code = open_redis_listeners(daemon);
	if (code != 0)
		close_listeners(daemon);
	if (code == 0 && loop_run(daemon->loop) != 0)
		code = EX_OSERR;
	forget_signals(daemon);
	redis_free(daemon->redis);
	native_free(daemon->native);
	broker_free(daemon->broker);
	conn_set_free(daemon->set);
	blob_trim();
	return code;
}

static int
run_daemon(const struct command *command, const struct config *config)
{
	struct daemon daemon = { .command = command };
	int code;

	xtune();
	if (loop_new(&daemon.loop) != 0) {
		fputs("pm2adapterd: no event loop can be made\n", stderr);
		return EX_OSERR;
	}
	daemon.config = config_copy(config);
	log_set_level((enum log_level)config->log_level);
	code = serve(&daemon);
	loop_free(daemon.loop);
	config_fini(&daemon.config);
	return code;
}

static int
act(const struct command *command, const struct config *config)
{
	struct shell shell = command_shell(command, config);

	switch (command->action) {
	case ACTION_STATS:
		return inspect_run(
		    config->socket, &command->stats, command->as_json);
	case ACTION_EMIT:
		return shell_emit(&shell);
	case ACTION_ASK:
		return shell_ask(&shell);
	case ACTION_TAIL:
		return shell_tail(&shell);
	default:
		return run_daemon(command, config);
	}
}

static int
run(const struct command *command)
{
	struct config_why why;
	struct config config;
	int code = 0;

	switch (command->action) {
	case ACTION_HELP:
		command_print_help(stdout);
		return 0;
	case ACTION_VERSION:
		print_version();
		return 0;
	case ACTION_DUMP_MANUAL:
		config_print_manual(stdout);
		return 0;
	default:
		break;
	}
	if (command_config(command, &config, &why) != 0) {
		fprintf(stderr, "pm2adapterd: %s\n", why.text);
		return EX_CONFIG;
	}
	if (command->action == ACTION_DUMP_CONFIG)
		config_print_file(&config, stdout);
	else
		code = act(command, &config);
	config_fini(&config);
	return code;
}

int
main(int argc, char **argv)
{
	struct command command;
	int code = command_parse(argc, argv, &command);

	if (code == 0)
		code = run(&command);
	command_fini(&command);
	return code;
}
