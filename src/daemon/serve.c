#include "daemon/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/print.h"
#include "daemon/settings.h"
#include "daemon/sockets.h"
#include "ops/metrics.h"
#include "ops/pm2.h"
#include "ops/systemd.h"

#define EXIT_INTERRUPTED (128 + SIGINT)

struct daemon {
	const struct command *command;
	struct config config;
	struct allowed *allowed;
	struct loop *loop;
	struct conn_set *set;
	struct broker *broker;
	struct hub *hub;
	struct native *native;
	struct redis *redis;
	struct handles *handles;
	struct metrics *metrics;
	struct pm2 *pm2;       /* NULL: not there */
	struct notify *notify; /* likewise */
	struct sockets sockets;
	struct loop_event on_int, on_term, on_hup, on_usr1;
	bool is_draining;
	unsigned n_interrupts;
};

static void
on_drained(void *arg)
{
	struct daemon *daemon = arg;

	log_info("ended", "pid=%d", getpid());
	loop_stop(daemon->loop);
}

/* Stops accepting and lets clients finish. `why` is for the log. */
static void
drain(struct daemon *daemon, const char *why)
{
	if (daemon->is_draining)
		return;
	daemon->is_draining = true;
	log_info("draining", "signal=%s connections=%zu timeout_ms=%" PRId64,
	    why, conn_set_n_open(daemon->set), daemon->config.drain_timeout_ms);
	notify_stopping(daemon->notify);
	sockets_close(&daemon->sockets);
	metrics_drain(daemon->metrics);
	hub_drain(daemon->hub, on_drained, daemon);
}

static void
on_interrupt(struct loop_event *event)
{
	struct daemon *daemon = container_of(event, struct daemon, on_int);

	if (++daemon->n_interrupts > 1) {
		log_warn("interrupted", "signal=SIGINT times=2");
		_exit(EXIT_INTERRUPTED);
	}
	drain(daemon, "SIGINT");
}

static void
on_terminate(struct loop_event *event)
{
	drain(container_of(event, struct daemon, on_term), "SIGTERM");
}

/* Each module is told what has changed for it. */
static void
configure_all(struct daemon *daemon)
{
	struct conn_limits net = settings_conn(&daemon->config);
	struct broker_limits core = settings_broker(&daemon->config);
	struct hub_settings hub = settings_hub(&daemon->config);
	struct native_settings native = settings_native(&daemon->config);
	struct redis_settings redis = settings_redis(&daemon->config);
	struct handles_settings handles = settings_handles(&daemon->config);

	native.has_handles = sockets_has_handles(&daemon->sockets);
	native.allowed = redis.allowed = daemon->allowed;
	log_set_level((enum log_level)daemon->config.log_level);
	log_set_format((enum log_format)daemon->config.log_format);
	conn_set_limit(daemon->set, &net);
	conn_set_splice_above(
	    daemon->set, settings_splice_above(&daemon->config));
	broker_set_limits(daemon->broker, &core);
	hub_configure(daemon->hub, &hub);
	native_configure(daemon->native, &native);
	redis_configure(daemon->redis, &redis);
	handles_configure(daemon->handles, &handles);
}

/* The outcome of a reload, for its requester. */
struct reloaded {
	size_t n_changed, n_need_restart;
};

/* Takes the reloadable values from fresh, and logs the others. */
static struct reloaded
apply_config(struct daemon *daemon, struct config *fresh)
{
	struct config old = config_copy(&daemon->config);
	struct reloaded reloaded = { 0 };
	char before[4096], after[4096];

	for (size_t i = 0; i < config_n_options(); i++) {
		if (!config_differs(&old, fresh, i))
			continue;
		config_value(&old, i, before, sizeof(before));
		config_value(fresh, i, after, sizeof(after));
		log_info("config-changed", "key=%s from=%s to=%s%s",
		    config_name(i), before, after,
		    config_is_reloadable(i) ? "" : " needs=restart");
		if (config_is_reloadable(i)) {
			config_take(&daemon->config, fresh, i);
			reloaded.n_changed++;
		} else {
			reloaded.n_need_restart++;
		}
	}
	configure_all(daemon);
	config_fini(&old);
	return reloaded;
}

/* Checks the new reloadable values against the old values of the others. */
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

/* Nothing has changed. */
static bool
refuse_config(const struct config_why *why, char *said, size_t size)
{
	char quoted[sizeof(why->text) + 64];

	log_quote(quoted, sizeof(quoted), why->text, strlen(why->text));
	log_error("config-refused", "error=%s", quoted);
	snprintf(said, size, "%s", why->text);
	return false;
}

/* All or nothing. Writes the outcome to said. */
static bool
read_again(struct daemon *daemon, char *said, size_t size)
{
	struct allowed *allowed = NULL;
	struct reloaded reloaded;
	struct config_why why;
	struct config fresh;
	bool is_good;

	if (command_config(daemon->command, &fresh, &why) != 0)
		return refuse_config(&why, said, size);
	is_good = goes_with_the_rest(daemon, &fresh, &why) &&
		  settings_allowed(&fresh, &allowed, &why) == 0;
	if (is_good) {
		allowed_free(daemon->allowed);
		daemon->allowed = allowed;
		reloaded = apply_config(daemon, &fresh);
		snprintf(said, size, "%zu changed, %zu need a restart",
		    reloaded.n_changed, reloaded.n_need_restart);
		log_info("config-reloaded", "changed=%zu need_restart=%zu",
		    reloaded.n_changed, reloaded.n_need_restart);
	} else {
		refuse_config(&why, said, size);
	}
	config_fini(&fresh);
	return is_good;
}

static bool
reload(char *said, size_t size, void *arg)
{
	struct daemon *daemon = arg;
	bool is_done;

	if (!daemon->is_draining)
		notify_reloading(daemon->notify);
	is_done = read_again(daemon, said, size);
	hub_note_reload(daemon->hub, is_done, said);
	if (!daemon->is_draining)
		notify_ready(daemon->notify);
	return is_done;
}

static void
on_hangup(struct loop_event *event)
{
	struct daemon *daemon = container_of(event, struct daemon, on_hup);
	char said[sizeof(((struct config_why *)NULL)->text)];

	reload(said, sizeof(said), daemon);
}

/* The file may have been renamed; a new one begins. */
static void
on_reopen(struct loop_event *event)
{
	struct daemon *daemon = container_of(event, struct daemon, on_usr1);
	const char *file = daemon->config.log_file;
	char quoted[512];
	int r;

	r = log_reopen();
	log_quote(quoted, sizeof(quoted), file, strlen(file));
	if (r != 0)
		log_error(
		    "log-reopen", "file=%s error=\"%s\"", quoted, strerror(-r));
	else
		log_info("log-reopened", "file=%s",
		    *file == '\0' ? "stderr" : quoted);
}

static bool
set_log_level(const char *level, char *said, size_t size, void *arg)
{
	(void)arg;
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (strcmp(level, log_level_name((enum log_level)i)) == 0) {
			log_set_level((enum log_level)i);
			snprintf(said, size,
			    "the level is %s until the next reload", level);
			return true;
		}
	snprintf(said, size,
	    "log-level must be debug, info, warn or error, not '%.20s'", level);
	return false;
}

static void
on_pm2_shutdown(void *arg)
{
	drain(arg, "pm2-shutdown");
}

/* Only under pm2. */
static struct pm2 *
meet_pm2(struct daemon *daemon)
{
	const struct pm2_hooks hooks = {
		.arg = daemon,
		.shutdown = on_pm2_shutdown,
		.reload = reload,
		.set_log_level = set_log_level,
	};
	int fd = pm2_inherited();

	return fd < 0 ? NULL : pm2_new(daemon->loop, fd, daemon->hub, &hooks);
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

static int must_check
watch_signals(struct daemon *daemon)
{
	const struct {
		struct loop_event *event;
		int signo;
		void (*ready)(struct loop_event *event);
	} signals[] = {
		{ &daemon->on_int, SIGINT, on_interrupt },
		{ &daemon->on_term, SIGTERM, on_terminate },
		{ &daemon->on_hup, SIGHUP, on_hangup },
		{ &daemon->on_usr1, SIGUSR1, on_reopen },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(signals) / sizeof(*signals);
	     i++) {
		loop_event_init_signal(signals[i].event, daemon->loop,
		    signals[i].signo, signals[i].ready);
		r = loop_event_add(signals[i].event);
	}
	return r;
}

/* Without its event a signal has its default action again, and one in the last
 * moment would change the exit code. */
static void
forget_signals(struct daemon *daemon)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	loop_event_del(&daemon->on_int);
	loop_event_del(&daemon->on_term);
	loop_event_del(&daemon->on_hup);
	loop_event_del(&daemon->on_usr1);
}

static void
say_ready(struct daemon *daemon)
{
	pm2_say_ready(daemon->pm2);
	notify_ready(daemon->notify);
}

/* In this order: each part before the parts that use it. */
static void
make_parts(struct daemon *daemon)
{
	struct conn_limits net = settings_conn(&daemon->config);
	struct broker_limits core = settings_broker(&daemon->config);
	struct hub_settings hub = settings_hub(&daemon->config);
	struct native_settings settings = settings_native(&daemon->config);
	struct redis_settings redis = settings_redis(&daemon->config);
	struct handles_settings handles = settings_handles(&daemon->config);

	settings.allowed = redis.allowed = daemon->allowed;
	daemon->set = conn_set_new(daemon->loop, &net);
	conn_set_splice_above(
	    daemon->set, settings_splice_above(&daemon->config));
	daemon->broker = broker_new(&core, hash_key_random());
	daemon->hub = hub_new(daemon->loop, daemon->set, daemon->broker, &hub);
	daemon->native = native_new(
	    daemon->loop, daemon->set, daemon->broker, daemon->hub, &settings);
	daemon->redis = redis_new(
	    daemon->loop, daemon->set, daemon->broker, daemon->hub, &redis);
	daemon->handles = handles_new(daemon->loop, daemon->hub, &handles);
	daemon->metrics = metrics_new(daemon->loop, daemon->hub);
	daemon->pm2 = meet_pm2(daemon);
	daemon->notify = notify_new(daemon->loop, daemon->hub);
	daemon->sockets = (struct sockets){
		.loop = daemon->loop,
		.hub = daemon->hub,
		.native = daemon->native,
		.redis = daemon->redis,
		.handles = daemon->handles,
		.metrics = daemon->metrics,
	};
}

static void
free_parts(struct daemon *daemon)
{
	notify_free(daemon->notify);
	pm2_free(daemon->pm2);
	metrics_free(daemon->metrics);
	handles_free(daemon->handles);
	redis_free(daemon->redis);
	native_free(daemon->native);
	hub_free(daemon->hub);
	broker_free(daemon->broker);
	conn_set_free(daemon->set);
	blob_trim();
}

static int
serve(struct daemon *daemon)
{
	int code;

	/* If the reader of the log exits, lines are lost, not workers. */
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	make_parts(daemon);
	code = watch_signals(daemon) == 0
		   ? sockets_open(&daemon->sockets, &daemon->config)
		   : EX_OSERR;
	if (code == 0) {
		configure_all(daemon);
		say_ready(daemon);
	}
	if (code == 0 && loop_run(daemon->loop) != 0)
		code = EX_OSERR;
	forget_signals(daemon);
	sockets_fini(&daemon->sockets);
	free_parts(daemon);
	return code;
}

static int
open_log(const struct config *config)
{
	int r = *config->log_file == '\0' ? 0 : log_set_file(config->log_file);

	if (r != 0) {
		fprintf(stderr, "pm2adapterd: log-file: %s: %s\n",
		    config->log_file, strerror(-r));
		return EX_CANTCREAT;
	}
	log_set_level((enum log_level)config->log_level);
	log_set_format((enum log_format)config->log_format);
	return 0;
}

/* Returns 0, or an exit code after a message on standard error. */
static int
find_allowed(const struct config *config, struct allowed **out)
{
	struct config_why why;

	if (settings_allowed(config, out, &why) == 0)
		return 0;
	fprintf(stderr, "pm2adapterd: %s\n", why.text);
	return EX_CONFIG;
}

int
serve_check(const struct config *config)
{
	struct allowed *allowed = NULL;
	int code = find_allowed(config, &allowed);

	allowed_free(allowed);
	return code;
}

int
serve_run(const struct command *command, const struct config *config)
{
	struct daemon daemon = { .command = command };
	int code;

	xtune();
	if (loop_new(&daemon.loop) != 0) {
		fputs("pm2adapterd: cannot create the event loop\n", stderr);
		return EX_OSERR;
	}
	daemon.config = config_copy(config);
	code = open_log(config);
	if (code == 0)
		code = find_allowed(config, &daemon.allowed);
	if (code == 0)
		code = serve(&daemon);
	allowed_free(daemon.allowed);
	loop_free(daemon.loop);
	config_fini(&daemon.config);
	return code;
}
