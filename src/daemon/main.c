#include <bsd/sys/queue.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "daemon/config.h"
#include "daemon/inspect.h"
#include "edge/native.h"

#define SERVER_NAME "pm2adapterd/" VERSION
#define CONFIG_FILE_MAX (1 << 20)
#define EXIT_INTERRUPTED (128 + SIGINT)
#define LISTEN_FDS_START 3

/* Long options that aren't in the table; those are numbered from 0. */
enum action {
	ACT_CONFIG = 1000,
	ACT_STATS,
	ACT_JSON,
	ACT_LIMIT,
	ACT_VERSION,
	ACT_HELP,
	ACT_DUMP_CONFIG,
	ACT_DUMP_MANUAL,
};

static const struct option actions[] = {
	{ "config", required_argument, NULL, ACT_CONFIG },
	{ "stats", no_argument, NULL, ACT_STATS },
	{ "json", no_argument, NULL, ACT_JSON },
	{ "limit", required_argument, NULL, ACT_LIMIT },
	{ "version", no_argument, NULL, ACT_VERSION },
	{ "help", no_argument, NULL, ACT_HELP },
	{ "dump-config", no_argument, NULL, ACT_DUMP_CONFIG },
	{ "dump-manual", no_argument, NULL, ACT_DUMP_MANUAL },
};

#define N_ACTIONS (sizeof(actions) / sizeof(*actions))

/* An option of the command line, to be set again at each reload. */
struct setting {
	STAILQ_ENTRY(setting) link;
	const char *name;
	const char *value;
};

struct command {
	STAILQ_HEAD(, setting) settings;
	const char *config_file; /* or NULL */
	int action;              /* 0: serve */
	bool as_json;
	struct control_stats stats;
};

struct daemon {
	const struct command *command;
	struct config config;
	struct loop *loop;
	struct conn_set *set;
	struct broker *broker;
	struct native *native;
	struct listener *listener;
	struct event on_int, on_term, on_hup;
	bool is_draining;
};

static int
usage_error(const char *what, const char *which)
{
	fprintf(stderr, "pm2adapterd: %s%s\nTry 'pm2adapterd --help'.\n", what,
	    which);
	return EX_USAGE;
}

static struct option *
long_options(void)
{
	size_t n = config_n_options();
	struct option *all = xcalloc(n + N_ACTIONS + 1, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		all[i] = (struct option){ config_name(i), required_argument,
			NULL, (int)i };
	memcpy(all + n, actions, sizeof(actions));
	return all;
}

static void
add_setting(struct command *command, const char *name, const char *value)
{
	struct setting *setting = xcalloc(1, sizeof(*setting));

	setting->name = name;
	setting->value = value;
	STAILQ_INSERT_TAIL(&command->settings, setting, link);
}

static int
set_limit(struct command *command, const char *text)
{
	const char *error;

	command->stats.n_rows =
	    (uint32_t)strtonum(text, 1, CONTROL_ROWS_MAX, &error);
	if (error == NULL)
		return 0;
	fprintf(stderr,
	    "pm2adapterd: limit: '%s' is %s; the range is 1 to %d\n", text,
	    error, CONTROL_ROWS_MAX);
	return EX_USAGE;
}

static int
take_option(struct command *command, int c)
{
	switch (c) {
	case '?':
	case ':':
		return usage_error("see above", "");
	case ACT_CONFIG:
		command->config_file = optarg;
		return 0;
	case ACT_JSON:
		command->as_json = true;
		return 0;
	case ACT_LIMIT:
		return set_limit(command, optarg);
	default:
		if (c >= ACT_CONFIG)
			command->action = c;
		else
			add_setting(command, config_name((size_t)c), optarg);
		return 0;
	}
}

static int
take_sections(struct command *command, char **words)
{
	size_t k = 0;

	if (*words == NULL) {
		for (int i = 0; i < CONTROL_CONFIG; i++)
			command->stats.wanted[i] = command->as_json ||
						   i == CONTROL_OVERVIEW ||
						   i == CONTROL_CLIENTS;
		return 0;
	}
	for (; *words != NULL; words++) {
		for (k = 0; k < CONTROL_N_SECTIONS; k++)
			if (strcmp(*words, control_section_name(
					       (enum control_section)k)) == 0)
				break;
		if (k == CONTROL_N_SECTIONS)
			return usage_error("--stats knows overview, clients, "
					   "topics, closed, config; not ",
			    *words);
		command->stats.wanted[k] = true;
	}
	return 0;
}

static int
parse_command(int argc, char **argv, struct command *command)
{
	struct option *all = long_options();
	int c, r = 0;

	*command = (struct command){ .stats.n_rows = CONTROL_ROWS_DEFAULT };
	STAILQ_INIT(&command->settings);
	while (r == 0 && (c = getopt_long(argc, argv, "", all, NULL)) != -1)
		r = take_option(command, c);
	free(all);
	if (r != 0)
		return r;
	if (command->action == ACT_STATS)
		return take_sections(command, argv + optind);
	if (optind < argc)
		return usage_error("what is meant by ", argv[optind]);
	return 0;
}

static void
free_command(struct command *command)
{
	struct setting *setting;

	while ((setting = STAILQ_FIRST(&command->settings)) != NULL) {
		STAILQ_REMOVE_HEAD(&command->settings, link);
		free(setting);
	}
}

static void
default_socket(char *out, size_t size)
{
	const char *path = getenv("PM2ADAPTERD_SOCKET");
	const char *pm2_home = getenv("PM2_HOME");
	const char *home = getenv("HOME");

	if (path != NULL && path[0] != '\0')
		snprintf(out, size, "%s", path);
	else if (pm2_home != NULL && pm2_home[0] != '\0')
		snprintf(out, size, "%s/pm2adapterd.sock", pm2_home);
	else
		snprintf(out, size, "%s/.pm2/pm2adapterd.sock",
		    home == NULL ? "" : home);
}

/* The file's text, or NULL with errno set. */
static char *
read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL)
		return NULL;
	text = xcalloc(1, CONFIG_FILE_MAX + 1);
	n = fread(text, 1, CONFIG_FILE_MAX, file);
	if (!ferror(file) && n < CONFIG_FILE_MAX) {
		fclose(file);
		return text;
	}
	errno = ferror(file) ? errno : EFBIG;
	fclose(file);
	free(text);
	return NULL;
}

static int
load_file(struct config *config, const char *path, struct config_why *why)
{
	char *text = read_file(path);
	int r;

	if (text == NULL) {
		snprintf(why->text, sizeof(why->text), "%s: %s", path,
		    strerror(errno));
		return EX_CONFIG;
	}
	r = config_read(config, path, text, why);
	free(text);
	return r == 0 ? 0 : EX_CONFIG;
}

/* Defaults, then the file, then the command line. */
static int
load_config(
    const struct command *command, struct config *out, struct config_why *why)
{
	const struct setting *setting;
	char path[4096];
	int r = 0;

	default_socket(path, sizeof(path));
	config_init(out, path);
	if (command->config_file != NULL)
		r = load_file(out, command->config_file, why);
	STAILQ_FOREACH (setting, &command->settings, link) {
		if (r != 0)
			break;
		r = config_set(out, setting->name, setting->value, why);
	}
	if (r == 0)
		r = config_check(out, why);
	if (r == 0)
		return 0;
	config_fini(out);
	return EX_CONFIG;
}

static void
print_help(void)
{
	puts(
	    "Usage: pm2adapterd [OPTION]...\n"
	    "       pm2adapterd --stats [SECTION]... [--json] [--limit N]\n"
	    "\n"
	    "Carries messages between Socket.IO workers over a Unix socket.\n"
	    "\n"
	    "  --config FILE\n"
	    "        Read options from FILE: `key value` lines.\n"
	    "  --stats [SECTION]...\n"
	    "        Ask the running daemon. SECTION is overview, clients,\n"
	    "        topics, closed or config; default: overview and clients,\n"
	    "        with --json all but config.\n"
	    "  --json\n"
	    "        With --stats: as JSON.\n"
	    "  --limit N\n"
	    "        With --stats: rows of a section, 1 to 1000; default 100.\n"
	    "  --dump-config\n"
	    "        Print the configuration in force as a file, and end.\n"
	    "  --dump-manual\n"
	    "        Print the options as a list in mdoc, and end.\n"
	    "  --version\n"
	    "        Print the versions of the daemon and its libraries.\n"
	    "  --help\n"
	    "        Print this.\n");
	config_print_help(stdout);
	puts(
	    "\n"
	    "Exit codes: 0 ended in order; 64 usage; 69 the socket is served\n"
	    "by another daemon, or --stats found none; 73 the socket can't be\n"
	    "made; 78 configuration.");
}

static void
print_version(void)
{
	printf("pm2adapterd %s\nlibevent %s\nmsgpack-c %s\nlibbsd %s\n",
	    VERSION, loop_library_version(), msg_library_version(),
	    LIBBSD_VERSION);
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

static struct conn_limits
conn_limits(const struct config *config)
{
	return (struct conn_limits){
		.hard_bytes = (size_t)config->queue_limit_bytes,
		.soft_bytes = (size_t)config->queue_soft_limit_bytes,
		.soft_ms = config->queue_soft_time_ms,
	};
}

static struct broker_limits
broker_limits(const struct config *config)
{
	return (struct broker_limits){
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
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
		.put_config = put_config,
		.put_config_arg = daemon,
	};
}

static void
on_drained(void *arg)
{
	struct daemon *daemon = arg;

	log_info("ended", "pid=%d", getpid());
	loop_stop(daemon->loop);
}

static void
on_end(evutil_socket_t signo, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)what;
	if (daemon->is_draining && signo == SIGINT) {
		log_warn("interrupted", "signal=SIGINT times=2");
		_exit(EXIT_INTERRUPTED);
	}
	if (daemon->is_draining)
		return;
	daemon->is_draining = true;
	log_info("draining", "signal=%s connections=%zu timeout_ms=%" PRId64,
	    signo == SIGINT ? "SIGINT" : "SIGTERM",
	    conn_set_n_open(daemon->set), daemon->config.drain_timeout_ms);
	native_set_listener(daemon->native, NULL);
	listen_close(daemon->listener);
	daemon->listener = NULL;
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
	core = broker_limits(&daemon->config);
	broker_set_limits(daemon->broker, &core);
	settings = native_settings(daemon);
	native_configure(daemon->native, &settings);
	config_fini(&old);
}

static void
on_reload(evutil_socket_t signo, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct config_why why;
	struct config fresh;

	(void)signo;
	(void)what;
	if (load_config(daemon->command, &fresh, &why) != 0) {
		log_error("config-refused", "error=\"%s\"", why.text);
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

static int
serve(struct daemon *daemon)
{
	struct conn_limits net = conn_limits(&daemon->config);
	struct broker_limits core = broker_limits(&daemon->config);
	struct native_settings settings = native_settings(daemon);
	int code;

	raise_descriptor_limit();
	daemon->set = conn_set_new(daemon->loop, &net);
	daemon->broker = broker_new(&core, hash_key_random());
	daemon->native =
	    native_new(daemon->loop, daemon->set, daemon->broker, &settings);
	watch_signal(daemon, &daemon->on_int, SIGINT, on_end);
	watch_signal(daemon, &daemon->on_term, SIGTERM, on_end);
	watch_signal(daemon, &daemon->on_hup, SIGHUP, on_reload);
	code = open_listener(daemon);
	if (code == 0 && loop_run(daemon->loop) != 0)
		code = EX_OSERR;
	event_del(&daemon->on_int);
	event_del(&daemon->on_term);
	event_del(&daemon->on_hup);
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
run(const struct command *command)
{
	struct config_why why;
	struct config config;
	int code = 0;

	switch (command->action) {
	case ACT_HELP:
		print_help();
		return 0;
	case ACT_VERSION:
		print_version();
		return 0;
	case ACT_DUMP_MANUAL:
		config_print_manual(stdout);
		return 0;
	}
	if (load_config(command, &config, &why) != 0) {
		fprintf(stderr, "pm2adapterd: %s\n", why.text);
		return EX_CONFIG;
	}
	if (command->action == ACT_DUMP_CONFIG)
		config_print_file(&config, stdout);
	else if (command->action == ACT_STATS)
		code = inspect_run(
		    config.socket, &command->stats, command->as_json);
	else
		code = run_daemon(command, &config);
	config_fini(&config);
	return code;
}

int
main(int argc, char **argv)
{
	struct command command;
	int code = parse_command(argc, argv, &command);

	if (code == 0)
		code = run(&command);
	free_command(&command);
	return code;
}
