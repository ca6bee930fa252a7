#include "stats/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/job.h"
#include "stats/clients.h"
#include "stats/report_questions.h"
#include "stats/report_topics.h"
#include "wire/json.h"

static void
put_rates(struct msg_writer *w, const struct figures *figures)
{
	struct msg_open map;

	msg_put_str(w, "rates");
	map = msg_begin_map(w);
	for (int i = 0; i < RATES_COUNTERS; i++) {
		if (i == RATES_BUSY_US)
			continue;
		msg_put_str(w, figures_rate_name((enum rates_counter)i));
		msg_put_float(w, figures->rates[i]);
	}
	msg_end_map(w, map);
	msg_put_str(w, "busy");
	msg_put_float(w, figures->busy);
}

static void
put_histogram(struct msg_writer *w, const char *key, const struct histogram *h)
{
	struct msg_open map;

	msg_put_str(w, key);
	map = msg_begin_map(w);
	msg_put_pair_int(w, "count", (int64_t)h->n);
	msg_put_pair_int(w, "sum_us", h->sum_us);
	msg_put_pair_int(w, "p50_us", histogram_quantile(h, 0.5));
	msg_put_pair_int(w, "p99_us", histogram_quantile(h, 0.99));
	msg_put_pair_int(w, "p999_us", histogram_quantile(h, 0.999));
	msg_put_pair_int(w, "max_us", h->max_us);
	msg_end_map(w, map);
}

static void
put_latency(struct msg_writer *w, const struct figures *figures)
{
	struct msg_open map;

	msg_put_str(w, "latency");
	map = msg_begin_map(w);
	put_histogram(w, "transit", figures->transit);
	put_histogram(w, "gather", figures->gather);
	put_histogram(w, "turn", figures->turn);
	msg_end_map(w, map);
}

/* Figures of one group follow each other: a map is open for each group. */
struct figure_writer {
	struct msg_writer *w;
	const char *group; /* of the map that is open, or NULL */
	struct msg_open map;
};

static void
put_figure(const struct figure_info *info, int64_t value, void *arg)
{
	struct figure_writer *to = arg;
	bool is_same = to->group == info->group ||
		       (to->group != NULL && info->group != NULL &&
			   strcmp(to->group, info->group) == 0);

	if (!is_same && to->group != NULL)
		msg_end_map(to->w, to->map);
	if (!is_same && info->group != NULL) {
		msg_put_str(to->w, info->group);
		to->map = msg_begin_map(to->w);
	}
	to->group = info->group;
	msg_put_pair_int(to->w, info->name, value);
}

static void
put_figures(
    struct hub *hub, struct msg_writer *w, const struct figures *figures)
{
	struct figure_writer to = { .w = w };

	hub_each_figure(hub, figures, put_figure, &to);
	if (to.group != NULL)
		msg_end_map(w, to.map);
}

static void
put_counter(const char *name, uint64_t n, void *arg)
{
	if (n > 0)
		msg_put_pair_int(arg, name, (int64_t)n);
}

static void
put_closes(struct hub *hub, struct msg_writer *w)
{
	struct msg_open map;

	msg_put_str(w, "closes");
	map = msg_begin_map(w);
	hub_each_close(hub, put_counter, w);
	msg_end_map(w, map);
}

static void
put_errors(struct hub *hub, struct msg_writer *w)
{
	struct msg_open map;

	msg_put_str(w, "errors");
	map = msg_begin_map(w);
	hub_each_refusal(hub, put_counter, w);
	msg_end_map(w, map);
}

/* Keys whose members run different scripts. */
static void
put_mixed_keys(struct hub *hub, struct msg_writer *w)
{
	const struct app_script *script;
	const struct app *app;

	msg_put_str(w, "mixed_keys");
	msg_put_map(w, apps_n_mixed(&hub->apps));
	LIST_FOREACH (app, &hub->apps.all, link) {
		if (app->n_scripts < 2)
			continue;
		msg_put_str(w, app->key);
		msg_put_array(w, app->n_scripts);
		LIST_FOREACH (script, &app->scripts, link)
			msg_put_str(w, script->path);
	}
}

static void
put_overview(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	struct msg_open map;
	struct figures figures;

	(void)wanted;
	hub_figures(hub, &figures);
	map = msg_begin_map(w);
	msg_put_pair_str(w, "server", hub->settings.server);
	msg_put_pair_str(w, "socket", hub->settings.socket);
	msg_put_pair_int(w, "pid", getpid());
	msg_put_pair_int(w, "epoch", hub->epoch_ms);
	put_figures(hub, w, &figures);
	msg_put_pair_str(w, "reload_said", hub->reload_said);
	put_rates(w, &figures);
	put_latency(w, &figures);
	put_closes(hub, w);
	put_errors(hub, w);
	put_mixed_keys(hub, w);
	msg_end_map(w, map);
}

static void
put_clients(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	struct client_rows rows = { .max = wanted->n_rows };

	if (rows_has_column(wanted->sort))
		rows.sort = wanted->sort;
	if (rows.max > 0)
		hub_each_client(hub, rows_add, &rows);
	rows_trim(&rows);
	msg_put_array(w, rows.n);
	for (size_t i = 0; i < rows.n; i++)
		rows_put(w, &rows.at[i]);
	free(rows.at);
}

static void
put_closed_entry(struct msg_writer *w, const struct closed_entry *e)
{
	struct msg_open map;

	map = msg_begin_map(w);
	msg_put_pair_int(w, "id", e->id);
	msg_put_pair_str(w, "name", e->name);
	msg_put_pair_int(w, "pid", e->pid);
	msg_put_pair_int(w, "uid", e->uid);
	msg_put_pair_str(w, "reason", e->reason);
	msg_put_pair_str(w, "detail", e->detail);
	msg_put_pair_int(w, "closed_at", e->wall_ms);
	msg_put_pair_int(w, "age_ms", e->age_ms);
	msg_put_pair_int(w, "bytes_in", e->bytes_in);
	msg_put_pair_int(w, "bytes_out", e->bytes_out);
	msg_put_pair_int(w, "queue_bytes", e->queue_bytes);
	msg_put_pair_int(w, "queue_peak_bytes", e->queue_peak_bytes);
	msg_end_map(w, map);
}

static void
put_closed(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	size_t n =
	    hub->closed.n < wanted->n_rows ? hub->closed.n : wanted->n_rows;

	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_closed_entry(w, closed_get(&hub->closed, i));
}

static void
put_config(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	(void)wanted;
	hub->settings.put_config(w, hub->settings.put_config_arg);
}

bool
report_can_sort(const struct control_stats *wanted)
{
	return wanted->sort[0] == '\0' ||
	       (wanted->wanted[CONTROL_CLIENTS] &&
		   rows_has_column(wanted->sort)) ||
	       (wanted->wanted[CONTROL_TOPICS] &&
		   report_sorts_topics(wanted->sort));
}

#define AT_ONCE_US 300 /* of steps that are done before others notice */
#define STEP_JSON_BYTES 4096

/* A report is gathered in steps: the walk over the topics, then one section
 * after the other, then some values of its JSON text at a time. */
struct report {
	struct job job;
	struct hub *hub;
	struct control_stats wanted;
	struct topic_rows *topics; /* or NULL: not wanted */
	bool has_topics;           /* the walk is over */
	int section;               /* the next one */
	struct msg_writer w;
	bool is_json;
	size_t margin;
	struct msg_writer json; /* its text, once that is begun */
	struct bytes unprinted;
	struct json_walk walk;
	void (*ready)(struct report *report, void *arg);
	void *arg;
};

static void
put_section(struct report *report, enum control_section section)
{
	static void (*const sections[CONTROL_N_SECTIONS])(struct hub * hub,
	    const struct control_stats *wanted, struct msg_writer *w) = {
		[CONTROL_OVERVIEW] = put_overview,
		[CONTROL_CLIENTS] = put_clients,
		[CONTROL_REQUESTS] = report_put_requests,
		[CONTROL_CLOSED] = put_closed,
		[CONTROL_SLOW] = report_put_slow,
		[CONTROL_CONFIG] = put_config,
	};

	msg_put_str(&report->w, control_section_name(section));
	if (section == CONTROL_TOPICS)
		report_put_topics(report->topics, &report->w);
	else
		sections[section](report->hub, &report->wanted, &report->w);
}

/* Returns whether there is more to gather. */
static bool
step_sections(struct report *report)
{
	const bool *is_wanted = report->wanted.wanted;

	if (report->topics != NULL && !report->has_topics) {
		report->has_topics = !report_topics_step(
		    report->topics, broker_topics(report->hub->broker));
		return true;
	}
	while (
	    report->section < CONTROL_N_SECTIONS && !is_wanted[report->section])
		report->section++;
	if (report->section == CONTROL_N_SECTIONS)
		return false;
	put_section(report, (enum control_section)report->section++);
	if (report->w.fault)
		log_fatal("out-of-memory", "writing=STATS");
	return true;
}

static void
begin_json(struct report *report)
{
	if (msg_reserve(&report->json, report->margin + 1) != NULL)
		report->json.len = report->margin;
	report->unprinted = bytes_over(report->w.data, report->w.len);
	json_walk_init(&report->walk);
}

/* Returns whether there is more to print. A stream in memory copies all that it
 * has when it grows; realloc(3) moves large memory without copying it. So each
 * step has a stream of its own. */
static bool
step_json(struct report *report)
{
	enum json_progress progress;
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	if (report->json.data == NULL)
		begin_json(report);
	progress = json_print_some(
	    out, &report->unprinted, &report->walk, STEP_JSON_BYTES);
	fclose(out);
	msg_put_raw(&report->json, text, len);
	free(text);
	if (report->json.fault)
		log_fatal("out-of-memory", "writing=JSON");
	return progress == JSON_MORE;
}

static bool
step(struct report *report)
{
	return step_sections(report) || (report->is_json && step_json(report));
}

static void
free_report(struct report *report)
{
	report_topics_free(report->topics);
	msg_writer_fini(&report->w);
	msg_writer_fini(&report->json);
	free(report);
}

static bool
on_step(struct job *job)
{
	struct report *report = container_of(job, struct report, job);

	if (step(report))
		return true;
	report->ready(report, report->arg);
	free_report(report);
	return false;
}

static struct report *
begin(struct hub *hub, const struct control_stats *wanted)
{
	struct report *report = xcalloc(1, sizeof(*report));
	size_t n_wanted = 0;

	report->hub = hub;
	report->wanted = *wanted;
	if (wanted->wanted[CONTROL_TOPICS])
		report->topics = report_topics_new(wanted);
	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		n_wanted += wanted->wanted[i];
	msg_put_map(&report->w, n_wanted);
	return report;
}

static struct report *
gather(struct report *report, void (*ready)(struct report *report, void *arg),
    void *arg)
{
	int64_t end_us = clock_us() + AT_ONCE_US;

	report->job.step = on_step;
	report->ready = ready;
	report->arg = arg;
	do {
		if (!on_step(&report->job))
			return NULL;
	} while (clock_us() < end_us);
	job_start(loop_jobs(report->hub->loop), &report->job);
	return report;
}

struct report *
report_gather(struct hub *hub, const struct control_stats *wanted,
    void (*ready)(struct report *report, void *arg), void *arg)
{
	return gather(begin(hub, wanted), ready, arg);
}

struct report *
report_gather_json(struct hub *hub, const struct control_stats *wanted,
    size_t margin, void (*ready)(struct report *report, void *arg), void *arg)
{
	struct report *report = begin(hub, wanted);

	report->is_json = true;
	report->margin = margin;
	return gather(report, ready, arg);
}

void
report_cancel(struct report *report)
{
	if (report == NULL)
		return;
	job_stop(loop_jobs(report->hub->loop), &report->job);
	free_report(report);
}

void
report_put(struct report *report, struct msg_writer *w)
{
	msg_put_value(w, report->w.data, report->w.len);
}

char *
report_take_json(struct report *report, size_t *len)
{
	char *text = (char *)report->json.data;

	*len = report->json.len;
	report->json = (struct msg_writer){ 0 };
	return text;
}

void
report_now(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	struct report *report = begin(hub, wanted);

	while (step(report))
		;
	report_put(report, w);
	free_report(report);
}
