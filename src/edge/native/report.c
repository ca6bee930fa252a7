#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "edge/native/figures.h"
#include "edge/native/report.h"
#include "edge/native/session.h"
#include "net/job.h"
#include "stats/clients.h"
#include "wire/frame.h"

void
report_put_int(struct msg_writer *w, const char *key, int64_t value)
{
	msg_put_str(w, key);
	msg_put_int(w, value);
}

void
report_put_str(struct msg_writer *w, const char *key, const char *value)
{
	msg_put_str(w, key);
	msg_put_str(w, value == NULL ? "" : value);
}

static void
put_rates(struct msg_writer *w, const struct figures *figures)
{
	msg_put_str(w, "rates");
	msg_put_map(w, RATES_BUSY_US);
	for (int i = 0; i < RATES_BUSY_US; i++) {
		msg_put_str(w, figures_rate_name((enum rates_counter)i));
		msg_put_float(w, figures->rates[i]);
	}
	msg_put_str(w, "busy");
	msg_put_float(w, figures->busy);
}

static void
put_histogram(struct msg_writer *w, const char *key, const struct histogram *h)
{
	msg_put_str(w, key);
	msg_put_map(w, 6);
	report_put_int(w, "count", (int64_t)h->n);
	report_put_int(w, "sum_us", h->sum_us);
	report_put_int(w, "p50_us", histogram_quantile(h, 0.5));
	report_put_int(w, "p99_us", histogram_quantile(h, 0.99));
	report_put_int(w, "p999_us", histogram_quantile(h, 0.999));
	report_put_int(w, "max_us", h->max_us);
}

static void
put_latency(struct msg_writer *w, const struct figures *figures)
{
	msg_put_str(w, "latency");
	msg_put_map(w, 3);
	put_histogram(w, "transit", figures->transit);
	put_histogram(w, "gather", figures->gather);
	put_histogram(w, "turn", figures->turn);
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Figures of one group stand together in the table. */
static size_t
group_end(size_t i)
{
	const char *group = figures_info[i].group;

	while (i < N_FIGURES && is_same(figures_info[i].group, group))
		i++;
	return i;
}

/* How many keys the figures put into the overview. */
static size_t
n_figure_keys(void)
{
	size_t n = 0;

	for (size_t i = 0; i < N_FIGURES; i = group_end(i))
		n += figures_info[i].group == NULL ? group_end(i) - i : 1;
	return n;
}

static void
put_figures(struct msg_writer *w, const struct figures *figures)
{
	size_t i = 0;

	while (i < N_FIGURES) {
		size_t end = group_end(i);

		if (figures_info[i].group != NULL) {
			msg_put_str(w, figures_info[i].group);
			msg_put_map(w, end - i);
		}
		for (; i < end; i++)
			report_put_int(
			    w, figures_info[i].name, figures->values[i]);
	}
}

static void
put_closes(struct native *native, struct msg_writer *w)
{
	const struct closed *closed = &native->closed;
	struct msg_open map;

	msg_put_str(w, "closes");
	map = msg_begin_map(w);
	for (size_t i = 0; i < closed->n_counters; i++)
		if (closed->counters[i].n > 0)
			msg_put_pair_int(w, closed->counters[i].reason,
			    (int64_t)closed->counters[i].n);
	msg_end_map(w, map);
}

static void
put_errors(struct native *native, struct msg_writer *w)
{
	size_t n = 0;

	for (int i = 0; i < N_REFUSALS; i++)
		n += native->n_refused[i] > 0;
	msg_put_str(w, "errors");
	msg_put_map(w, n);
	for (int i = 0; i < N_REFUSALS; i++)
		if (native->n_refused[i] > 0)
			report_put_int(w, refusal_name((enum refusal)i),
			    native->n_refused[i]);
}

/* Keys whose members run different scripts. */
static void
put_mixed_keys(struct native *native, struct msg_writer *w)
{
	const struct app_script *script;
	const struct app *app;

	msg_put_str(w, "mixed_keys");
	msg_put_map(w, apps_n_mixed(&native->apps));
	LIST_FOREACH (app, &native->apps.all, link) {
		if (app->n_scripts < 2)
			continue;
		msg_put_str(w, app->key);
		msg_put_array(w, app->n_scripts);
		LIST_FOREACH (script, &app->scripts, link)
			msg_put_str(w, script->path);
	}
}

static void
put_overview(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	struct figures figures;

	(void)wanted;
	native_figures(native, &figures);
	msg_put_map(w, n_figure_keys() + 11);
	report_put_str(w, "server", native->settings.server);
	report_put_str(w, "socket", native->settings.socket);
	report_put_int(w, "pid", getpid());
	report_put_int(w, "epoch", native->epoch_ms);
	put_figures(w, &figures);
	report_put_str(w, "reload_said", native->reload_said);
	put_rates(w, &figures);
	put_latency(w, &figures);
	put_closes(native, w);
	put_errors(native, w);
	put_mixed_keys(native, w);
}

static struct client_row
row_of(const struct session *s)
{
	const struct member *member = s->member;
	struct client_row row =
	    rows_client(s->conn, member, &s->peer, loop_now(s->native->loop));

	row.pid = session_pid(s);
	row.pm_id = s->pm_id;
	row.role = control_role_name(s->role);
	row.client = s->client == NULL ? "" : s->client;
	row.key = s->key == NULL ? "" : s->key;
	row.script = s->script == NULL ? "" : s->script;
	row.subscriptions = member->topics.n_subs;
	row.asked = (int64_t)member->stats.n_asked;
	row.asked_open = member->requests.n_asked;
	row.questions = (int64_t)member->stats.n_questions;
	row.questions_owed = member->requests.n_debts;
	row.errors = (int64_t)s->n_errors;
	return row;
}

void
native_each_client(struct native *native,
    void (*each)(const struct client_row *row, void *arg), void *arg)
{
	const struct native_others *others = native->others;
	const struct session *s;
	struct client_row row;

	TAILQ_FOREACH (s, &native->sessions, in_native) {
		if (s->member == NULL)
			continue;
		row = row_of(s);
		each(&row, arg);
	}
	for (size_t i = 0; i < native->n_others; i++)
		if (others[i].each_client != NULL)
			others[i].each_client(each, arg, others[i].arg);
}

static void
put_clients(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	struct client_rows rows = { 0 };

	native_each_client(native, rows_add, &rows);
	if (rows_has_column(wanted->sort))
		rows_sort(rows.at, rows.n, wanted->sort);
	if (rows.n > wanted->n_rows)
		rows.n = wanted->n_rows;
	msg_put_array(w, rows.n);
	for (size_t i = 0; i < rows.n; i++)
		rows_put(w, &rows.at[i]);
	free(rows.at);
}

static void
put_closed_entry(struct msg_writer *w, const struct closed_entry *e)
{
	msg_put_map(w, 12);
	report_put_int(w, "id", e->id);
	report_put_str(w, "name", e->name);
	report_put_int(w, "pid", e->pid);
	report_put_int(w, "uid", e->uid);
	report_put_str(w, "reason", e->reason);
	report_put_str(w, "detail", e->detail);
	report_put_int(w, "closed_at", e->wall_ms);
	report_put_int(w, "age_ms", e->age_ms);
	report_put_int(w, "bytes_in", e->bytes_in);
	report_put_int(w, "bytes_out", e->bytes_out);
	report_put_int(w, "queue_bytes", e->queue_bytes);
	report_put_int(w, "queue_peak_bytes", e->queue_peak_bytes);
}

static void
put_closed(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	size_t n = native->closed.n < wanted->n_rows ? native->closed.n
						     : wanted->n_rows;

	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_closed_entry(w, closed_get(&native->closed, i));
}

static void
put_config(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	(void)wanted;
	native->settings.put_config(w, native->settings.put_config_arg);
}

bool
native_can_sort(const struct control_stats *wanted)
{
	return wanted->sort[0] == '\0' ||
	       (wanted->wanted[CONTROL_CLIENTS] &&
		   rows_has_column(wanted->sort)) ||
	       (wanted->wanted[CONTROL_TOPICS] &&
		   report_sorts_topics(wanted->sort));
}

struct report {
	struct job job;
	struct native *native;
	struct control_stats wanted;
	struct topic_rows *topics; /* or NULL: not wanted */
	void (*ready)(struct report *report, void *arg);
	void *arg;
};

#define AT_ONCE_US 300 /* of steps that are done before others notice */

static bool
step(struct report *report)
{
	return report->topics != NULL &&
	       report_topics_step(
		   report->topics, broker_topics(report->native->broker));
}

static void
free_report(struct report *report)
{
	report_topics_free(report->topics);
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
begin(struct native *native, const struct control_stats *wanted)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->native = native;
	report->wanted = *wanted;
	if (wanted->wanted[CONTROL_TOPICS])
		report->topics = report_topics_new(wanted);
	return report;
}

struct report *
native_gather(struct native *native, const struct control_stats *wanted,
    void (*ready)(struct report *report, void *arg), void *arg)
{
	struct report *report = begin(native, wanted);
	int64_t end_us = clock_us() + AT_ONCE_US;

	report->job.step = on_step;
	report->ready = ready;
	report->arg = arg;
	do {
		if (!on_step(&report->job))
			return NULL;
	} while (clock_us() < end_us);
	job_start(loop_jobs(native->loop), &report->job);
	return report;
}

void
native_report_cancel(struct report *report)
{
	if (report == NULL)
		return;
	job_stop(loop_jobs(report->native->loop), &report->job);
	free_report(report);
}

void
native_report_now(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	struct report *report = begin(native, wanted);

	while (step(report))
		;
	native_report(report, w);
	free_report(report);
}

void
native_report(struct report *report, struct msg_writer *w)
{
	static void (*const sections[CONTROL_N_SECTIONS])(
	    struct native * native, const struct control_stats *wanted,
	    struct msg_writer *w) = {
		[CONTROL_OVERVIEW] = put_overview,
		[CONTROL_CLIENTS] = put_clients,
		[CONTROL_REQUESTS] = report_put_requests,
		[CONTROL_CLOSED] = put_closed,
		[CONTROL_SLOW] = report_put_slow,
		[CONTROL_CONFIG] = put_config,
	};
	const bool *is_wanted = report->wanted.wanted;
	size_t n_wanted = 0;

	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		n_wanted += is_wanted[i];
	msg_put_map(w, n_wanted);
	for (int i = 0; i < CONTROL_N_SECTIONS; i++) {
		if (!is_wanted[i])
			continue;
		msg_put_str(w, control_section_name((enum control_section)i));
		if (i == CONTROL_TOPICS)
			report_put_topics(report->topics, w);
		else
			sections[i](report->native, &report->wanted, w);
	}
}
