#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "edge/figures.h"
#include "edge/session.h"
#include "wire/frame.h"

static void
put_int(struct msg_writer *w, const char *key, int64_t value)
{
	msg_put_str(w, key);
	msg_put_int(w, value);
}

static void
put_count(struct msg_writer *w, const char *key, uint64_t value)
{
	put_int(w, key, (int64_t)value);
}

static void
put_str(struct msg_writer *w, const char *key, const char *value)
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
	put_count(w, "count", h->n);
	put_count(w, "sum_us", h->sum_us);
	put_count(w, "p50_us", histogram_quantile(h, 0.5));
	put_count(w, "p99_us", histogram_quantile(h, 0.99));
	put_count(w, "p999_us", histogram_quantile(h, 0.999));
	put_count(w, "max_us", h->max_us);
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
			put_int(w, figures_info[i].name, figures->values[i]);
	}
}

static void
put_closes(struct native *native, struct msg_writer *w)
{
	const uint64_t *n_closed = conn_set_stats(native->set)->n_closed;
	size_t n = 0;

	for (int i = 0; i < CONN_N_CAUSES; i++)
		n += n_closed[i] > 0;
	msg_put_str(w, "closes");
	msg_put_map(w, n);
	for (int i = 0; i < CONN_N_CAUSES; i++)
		if (n_closed[i] > 0)
			put_count(w, conn_cause_name((enum conn_cause)i),
			    n_closed[i]);
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
			put_count(w, refusal_name((enum refusal)i),
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
put_overview(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	struct figures figures;

	(void)n_rows;
	native_figures(native, &figures);
	msg_put_map(w, n_figure_keys() + 10);
	put_str(w, "server", native->settings.server);
	put_str(w, "socket", native->settings.socket);
	put_int(w, "pid", getpid());
	put_int(w, "epoch", native->epoch_ms);
	put_figures(w, &figures);
	put_rates(w, &figures);
	put_latency(w, &figures);
	put_closes(native, w);
	put_errors(native, w);
	put_mixed_keys(native, w);
}

static void
put_client(struct native *native, struct msg_writer *w, struct session *s)
{
	const struct conn_stats *stats = conn_stats(s->conn);
	const struct member *member = s->member;

	msg_put_map(w, 23);
	put_count(w, "id", member->id);
	put_str(w, "name", member->name);
	put_int(w, "pid", session_pid(s));
	put_int(w, "uid", s->peer.uid);
	msg_put_str(w, "pm_id");
	if (s->pm_id < 0)
		msg_put_nil(w);
	else
		msg_put_int(w, s->pm_id);
	put_str(w, "role", control_role_name(s->role));
	put_str(w, "client", s->client);
	put_str(w, "key", s->key);
	put_str(w, "script", s->script);
	put_int(
	    w, "age_ms", loop_now(native->loop).ms - conn_since(s->conn).ms);
	put_count(w, "messages_in", member->stats.n_published);
	put_count(w, "messages_out", member->stats.n_delivered);
	put_count(w, "bytes_in", stats->bytes_in);
	put_count(w, "bytes_out", stats->bytes_out);
	put_count(w, "queue_bytes", conn_queue_bytes(s->conn));
	put_count(w, "queue_peak_bytes", stats->queue_peak);
	put_count(w, "subscriptions", member->topics.n_subs);
	put_count(w, "asked", member->stats.n_asked);
	put_count(w, "asked_open", member->requests.n_asked);
	put_count(w, "questions", member->stats.n_questions);
	put_count(w, "questions_owed", member->requests.n_debts);
	put_count(w, "drops", member->stats.n_refused);
	put_count(w, "errors", s->n_errors);
}

static void
put_clients(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	const struct native_others *others = &native->others;
	struct session *s;
	uint32_t n = 0, n_others = 0;

	TAILQ_FOREACH (s, &native->sessions, in_native)
		n += s->member != NULL && n < n_rows;
	if (others->n_clients != NULL)
		n_others = others->n_clients(others->arg);
	if (n_others > n_rows - n)
		n_others = n_rows - n;
	msg_put_array(w, n + n_others);
	TAILQ_FOREACH (s, &native->sessions, in_native)
		if (s->member != NULL && n > 0) {
			put_client(native, w, s);
			n--;
		}
	if (n_others > 0)
		others->put_clients(w, n_others, others->arg);
}

/* The topics with the most subscribers, of which there are at most max. */
struct top {
	const struct topic **topics;
	size_t n, max;
	size_t least; /* the index of the one with the fewest */
};

static void
find_least(struct top *top)
{
	top->least = 0;
	for (size_t i = 1; i < top->n; i++)
		if (top->topics[i]->n_subs < top->topics[top->least]->n_subs)
			top->least = i;
}

static void
consider(const struct topic *topic, void *arg)
{
	struct top *top = arg;

	if (top->n < top->max) {
		top->topics[top->n++] = topic;
		if (top->n == top->max)
			find_least(top);
		return;
	}
	if (topic->n_subs <= top->topics[top->least]->n_subs)
		return;
	top->topics[top->least] = topic;
	find_least(top);
}

static int
by_subscribers(const void *a, const void *b)
{
	const struct topic *x = *(const struct topic *const *)a;
	const struct topic *y = *(const struct topic *const *)b;

	if (x->n_subs != y->n_subs)
		return x->n_subs < y->n_subs ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void
put_topic(struct msg_writer *w, const struct topic *topic)
{
	msg_put_map(w, 4);
	msg_put_str(w, "topic");
	msg_put_strn(w, topic->name, topic->len);
	put_str(w, "kind", topic->is_prefix ? "prefix" : "exact");
	put_count(w, "subscribers", topic->n_subs);
	put_count(w, "members", topic->n_members);
}

static void
put_topics(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	struct top top = { .max = n_rows };

	top.topics = xcalloc(n_rows, sizeof(*top.topics));
	topic_for_each(broker_topics(native->broker), consider, &top);
	qsort(top.topics, top.n, sizeof(*top.topics), by_subscribers);
	msg_put_array(w, top.n);
	for (size_t i = 0; i < top.n; i++)
		put_topic(w, top.topics[i]);
	free(top.topics);
}

static void
put_closed_entry(struct msg_writer *w, const struct closed_entry *e)
{
	msg_put_map(w, 12);
	put_count(w, "id", e->id);
	put_str(w, "name", e->name);
	put_int(w, "pid", e->pid);
	put_int(w, "uid", e->uid);
	put_str(w, "reason", e->reason);
	put_str(w, "detail", e->detail);
	put_int(w, "closed_at", e->wall_ms);
	put_int(w, "age_ms", e->age_ms);
	put_count(w, "bytes_in", e->bytes_in);
	put_count(w, "bytes_out", e->bytes_out);
	put_count(w, "queue_bytes", e->queue_bytes);
	put_count(w, "queue_peak_bytes", e->queue_peak_bytes);
}

static void
put_closed(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	size_t n = native->closed.n < n_rows ? native->closed.n : n_rows;

	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_closed_entry(w, closed_get(&native->closed, i));
}

static void
put_config(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	(void)n_rows;
	native->settings.put_config(w, native->settings.put_config_arg);
}

void
native_report(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	static void (*const sections[CONTROL_N_SECTIONS])(
	    struct native * native, struct msg_writer * w, uint32_t n_rows) = {
		[CONTROL_OVERVIEW] = put_overview,
		[CONTROL_CLIENTS] = put_clients,
		[CONTROL_TOPICS] = put_topics,
		[CONTROL_CLOSED] = put_closed,
		[CONTROL_CONFIG] = put_config,
	};
	size_t n_wanted = 0;

	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		n_wanted += wanted->wanted[i];
	msg_put_map(w, n_wanted);
	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		if (wanted->wanted[i]) {
			msg_put_str(
			    w, control_section_name((enum control_section)i));
			sections[i](native, w, wanted->n_rows);
		}
}
