#include "ops/pm2.h"

#include <bsd/stdlib.h>
#include <bsd/sys/queue.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/container.h"
#include "base/log.h"
#include "base/place.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "ops/pm2_channel.h"
#include "stats/report.h"
#include "wire/control.h"

#define TELL_MS 1000
#define SAID_SIZE 1024

struct pm2 {
	struct pm2_channel channel;
	struct loop *loop;
	struct loop_source source;
	struct instant next_telling; /* INSTANT_NEVER until it is ready */
	struct hub *hub;
	struct pm2_hooks hooks;
	uint64_t n_dropped_told; /* of the channel's, in the log */
	LIST_HEAD(pm2_reports, pm2_report) reports;
};

static struct pm2 *
pm2_of(struct loop_source *source)
{
	return container_of(source, struct pm2, source);
}

/* The pid in pm2's home, or 0. */
static pid_t
pid_of_pm2(void)
{
	struct place place;
	const char *home = place_pm2_folder(&place);
	char path[PLACE_PATH_MAX + 16], text[32] = "";
	FILE *file;

	if (home == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/pm2.pid", home);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return (pid_t)strtonum(text, 1, INT32_MAX, NULL);
}

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int
pm2_inherited(void)
{
	const char *number = getenv("NODE_CHANNEL_FD");
	const char *mode = getenv("NODE_CHANNEL_SERIALIZATION_MODE");
	bool is_json = mode == NULL || strcmp(mode, "json") == 0;
	int fd = -1;

	if (number != NULL && getenv("pm_id") != NULL && is_json &&
	    pid_of_pm2() == getppid())
		fd = (int)strtonum(number, 3, INT32_MAX, NULL);
	unsetenv("NODE_CHANNEL_FD");
	unsetenv("NODE_CHANNEL_SERIALIZATION_MODE");
	return fd > 0 && is_socket(fd) ? fd : -1;
}

/* Takes the value, and sends it as a message. */
static void
send_json(struct pm2 *pm2, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text != NULL)
		pm2_channel_send(&pm2->channel, text, strlen(text));
	else
		log_fatal("out-of-memory", "writing=JSON");
	free(text);
	json_decref(value);
}

/* Sends pm2 an event: its name for pm2, and its data. */
static void
send_event(struct pm2 *pm2, const char *type, json_t *data)
{
	send_json(pm2, json_pack("{s:s, s:o}", "type", type, "data", data));
}

/*
 * The values of `pm2 show` and `pm2 monit`: texts with their units; pm2 has
 * room for a dozen.
 */
__attribute__((format(printf, 4, 5))) static void
put_value(
    json_t *values, const char *name, const char *unit, const char *fmt, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_set_new(values, name,
	    json_pack("{s:s, s:s, s:s, s:b}", "value", text, "unit", unit,
		"type", "custom", "historic", 1));
}

static void
put_bytes(json_t *values, const char *name, const char *per, double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	char unit[16];
	size_t i = 0;

	for (; n >= 1024 && i + 1 < sizeof(units) / sizeof(*units); i++)
		n /= 1024;
	snprintf(unit, sizeof(unit), "%s%s", units[i], per);
	put_value(values, name, unit, i == 0 ? "%.0f" : "%.1f", n);
}

static int64_t
n_drops(const struct figures *figures)
{
	return figures->values[FIGURE_DROPS_VOLATILE] +
	       figures->values[FIGURE_DROPS_UNDELIVERED];
}

static void
tell(struct pm2 *pm2)
{
	struct figures f;
	json_t *values = json_object();

	hub_figures(pm2->hub, &f);
	put_value(values, "Connections", "", "%" PRId64,
	    f.values[FIGURE_CONNECTIONS]);
	put_value(values, "Workers", "", "%" PRId64, f.values[FIGURE_MEMBERS]);
	put_value(values, "Topics", "", "%" PRId64, f.values[FIGURE_TOPICS]);
	put_value(values, "Deliveries", "/s", "%.0f", f.rates[RATES_DELIVERED]);
	put_bytes(values, "Bytes out", "/s", f.rates[RATES_BYTES_OUT]);
	put_value(values, "Questions open", "", "%" PRId64,
	    f.values[FIGURE_QUESTIONS_OPEN]);
	put_value(values, "Answered p99", "ms", "%.1f",
	    (double)histogram_quantile(f.gather, 0.99) / 1000);
	put_bytes(values, "Queue", "", (double)f.values[FIGURE_QUEUE_BYTES]);
	put_value(values, "Drops", "", "%" PRId64, n_drops(&f));
	put_value(values, "Loop busy", "%", "%.1f", 100 * f.busy);
	send_event(pm2, "axm:monitor", values);
}

static struct instant
next_deadline(struct loop_source *source)
{
	const struct pm2 *pm2 = pm2_of(source);

	return pm2->channel.fd < 0 ? INSTANT_NEVER : pm2->next_telling;
}

/* While pm2 does not read, no values are queued: they would be old before they
 * are sent. */
static void
expire(struct loop_source *source, struct instant now)
{
	struct pm2 *pm2 = pm2_of(source);

	pm2->next_telling = instant_after(now, TELL_MS);
	if (pm2->channel.n_dropped > pm2->n_dropped_told)
		log_warn("pm2-dropped", "messages=%" PRIu64,
		    pm2->channel.n_dropped - pm2->n_dropped_told);
	pm2->n_dropped_told = pm2->channel.n_dropped;
	if (pm2->channel.n_queued == 0)
		tell(pm2);
}

/* Closes `out`, and returns its text as a value; frees the text. The name of a
 * topic may contain NUL. */
static json_t *
take_json(FILE *out, char **text, size_t *len)
{
	json_t *value;

	fclose(out);
	value = json_loadb(*text, *len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	free(*text);
	return value == NULL ? json_null() : value;
}

/* A section of STATS that is being gathered for pm2. */
struct pm2_report {
	LIST_ENTRY(pm2_report) link;
	struct pm2 *pm2;
	const char *action;
	struct report *report;
};

static void
on_report(struct report *report, void *arg)
{
	struct pm2_report *pending = arg;
	size_t len = 0, line_len = 0;
	char *text = report_take_json(report, &len), *line = NULL;
	FILE *out = xmemstream(&line, &line_len);

	fputs("{\"type\":\"axm:reply\",\"data\":{\"return\":", out);
	fwrite(text, 1, len, out);
	fprintf(out, ",\"action_name\":\"%s\"}}", pending->action);
	fclose(out);
	pm2_channel_send(&pending->pm2->channel, line, line_len);
	free(line);
	free(text);
	LIST_REMOVE(pending, link);
	free(pending);
}

/* Answers the action with a section of STATS, in this turn or later. */
static void
report_section(
    struct pm2 *pm2, const char *action, enum control_section section)
{
	struct control_stats wanted = { .n_rows = CONTROL_ROWS_DEFAULT };
	struct pm2_report *pending = xcalloc(1, sizeof(*pending));
	struct report *report;

	wanted.wanted[section] = true;
	pending->pm2 = pm2;
	pending->action = action;
	LIST_INSERT_HEAD(&pm2->reports, pending, link);
	report = report_gather_json(pm2->hub, &wanted, 0, on_report, pending);
	if (report != NULL)
		pending->report = report;
}

/* `said` quotes a file or pm2, and may be cut within a character; strings of
 * jansson must be UTF-8. */
static json_t *
outcome(bool is_done, const char *said)
{
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	text_put_json(out, said, strlen(said));
	return json_pack("{s:b, s:o}", "ok", is_done,
	    is_done ? "message" : "error", take_json(out, &text, &len));
}

static json_t *
act_reload(struct pm2 *pm2, const char *argument)
{
	char said[SAID_SIZE] = "";
	bool is_done = pm2->hooks.reload(said, sizeof(said), pm2->hooks.arg);

	(void)argument;
	return outcome(is_done, said);
}

static json_t *
act_log_level(struct pm2 *pm2, const char *argument)
{
	char said[SAID_SIZE] = "";
	bool is_done = pm2->hooks.set_log_level(
	    argument, said, sizeof(said), pm2->hooks.arg);

	return outcome(is_done, said);
}

static const struct action {
	const char *name;
	/* `argument` is never NULL. Returns the reply to `pm2 trigger`. NULL:
	 * the reply is a section of STATS. */
	json_t *(*act)(struct pm2 *pm2, const char *argument);
	enum control_section section;
} actions[] = {
	{ "stats", NULL, CONTROL_OVERVIEW },
	{ "clients", NULL, CONTROL_CLIENTS },
	{ "topics", NULL, CONTROL_TOPICS },
	{ "reload", act_reload, 0 },
	{ "log-level", act_log_level, 0 },
};

#define N_ACTIONS (sizeof(actions) / sizeof(*actions))

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

/* pm2 forwards the actions that the daemon has announced, and any message that
 * another program sends through pm2's API; the latter gets no answer. */
static void
act(struct pm2 *pm2, const char *name, const char *argument)
{
	const struct action *action = find_action(name);

	if (action == NULL) {
		log_debug("pm2-message", "unknown=yes");
		return;
	}
	log_info("pm2-action", "action=%s", action->name);
	if (action->act == NULL)
		report_section(pm2, action->name, action->section);
	else
		send_event(pm2, "axm:reply",
		    json_pack("{s:o, s:s}", "return",
			action->act(pm2, argument), "action_name",
			action->name));
}

/* `pm2 trigger` sends the action's name, or a map with the name and the
 * argument if there is one. */
static void
on_line(const char *line, size_t len, void *arg)
{
	struct pm2 *pm2 = arg;
	json_t *message = json_loadb(line, len, JSON_DECODE_ANY, NULL);
	const char *name = json_string_value(message);
	const char *argument =
	    json_string_value(json_object_get(message, "opts"));

	if (name == NULL)
		name = json_string_value(json_object_get(message, "msg"));
	if (message == NULL)
		pm2->channel.n_garbled++;
	else if (json_is_string(message) && strcmp(name, "shutdown") == 0)
		pm2->hooks.shutdown(pm2->hooks.arg);
	else if (name != NULL)
		act(pm2, name, argument == NULL ? "" : argument);
	json_decref(message);
}

struct pm2 *
pm2_new(
    struct loop *loop, int fd, struct hub *hub, const struct pm2_hooks *hooks)
{
	struct pm2 *pm2 = xcalloc(1, sizeof(*pm2));

	pm2->loop = loop;
	pm2->hub = hub;
	pm2->hooks = *hooks;
	pm2->next_telling = INSTANT_NEVER;
	pm2->channel.on_line = on_line;
	pm2->channel.arg = pm2;
	pm2_channel_open(&pm2->channel, loop, fd);
	pm2->source.next_deadline = next_deadline;
	pm2->source.expire = expire;
	loop_add_source(loop, &pm2->source);
	return pm2;
}

void
pm2_free(struct pm2 *pm2)
{
	struct pm2_report *pending;

	if (pm2 == NULL)
		return;
	while ((pending = LIST_FIRST(&pm2->reports)) != NULL) {
		LIST_REMOVE(pending, link);
		report_cancel(pending->report);
		free(pending);
	}
	loop_remove_source(pm2->loop, &pm2->source);
	pm2_channel_close(&pm2->channel);
	free(pm2);
}

void
pm2_say_ready(struct pm2 *pm2)
{
	if (pm2 == NULL)
		return;
	for (size_t i = 0; i < N_ACTIONS; i++)
		send_event(pm2, "axm:action",
		    json_pack("{s:s}", "action_name", actions[i].name));
	send_json(pm2, json_string("ready"));
	pm2->next_telling = loop_now(pm2->loop);
	log_info("pm2-ready", "actions=%zu", N_ACTIONS);
}
