#include "edge/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/piped.h"
#include "base/xalloc.h"
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
put_rates(struct native *native, struct msg_writer *w)
{
	static const char *const names[RATES_COUNTERS] = {
		"published",
		"delivered",
		"bytes_in",
		"bytes_out",
	};

	msg_put_str(w, "rates");
	msg_put_map(w, RATES_COUNTERS);
	for (size_t i = 0; i < RATES_COUNTERS; i++) {
		msg_put_str(w, names[i]);
		msg_put_float(w, rates_per_second(&native->rates, i));
	}
}

static void
put_drops(struct native *native, struct msg_writer *w)
{
	msg_put_str(w, "drops");
	msg_put_map(w, 3);
	put_count(w, "volatile", native->n_volatile_dropped);
	put_count(w, "undelivered", native->n_undelivered);
	put_count(
	    w, "unwritten_bytes", conn_set_stats(native->set)->n_unwritten);
}

static void
put_spliced(struct native *native, struct msg_writer *w)
{
	const struct conn_set_stats *net = conn_set_stats(native->set);
	const struct piped_stats *piped = piped_stats();

	msg_put_str(w, "spliced");
	msg_put_map(w, 4);
	put_count(w, "messages", net->n_spliced);
	put_count(w, "bytes", net->spliced_bytes);
	put_count(w, "settled", piped->n_settled);
	put_count(w, "failed", piped->n_failed);
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

static void
put_questions(struct native *native, struct msg_writer *w)
{
	const struct broker_stats *stats = broker_stats(native->broker);
	const struct request_registry *requests =
	    broker_requests(native->broker);

	msg_put_str(w, "questions");
	msg_put_map(w, 10);
	put_count(w, "asked", stats->n_asked);
	put_count(w, "open", request_n_open(requests));
	put_count(w, "gathered_bytes", request_n_gathered_bytes(requests));
	put_count(w, "sent", stats->n_questions);
	put_count(w, "answers", stats->n_answers);
	put_count(w, "timeout", stats->n_timeouts);
	put_count(w, "abandoned", stats->n_abandoned);
	put_count(w, "late", stats->n_late);
	put_count(w, "doubled", stats->n_doubled);
	put_count(w, "foreign", stats->n_foreign);
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

struct sums {
	size_t n_members;
	size_t queue_bytes;
};

static struct sums
sum_up(struct native *native)
{
	const struct native_others *others = &native->others;
	struct sums sums = { 0 };
	struct session *s;

	if (others->queue_bytes != NULL)
		sums.queue_bytes = others->queue_bytes(others->arg);
	TAILQ_FOREACH (s, &native->sessions, in_native) {
		sums.n_members +=
		    s->member != NULL && s->role == CONTROL_MEMBER;
		sums.queue_bytes += conn_queue_bytes(s->conn);
	}
	return sums;
}

/* Who speaks Redis's protocol: empty where nobody can. */
static void
put_others(struct native *native, struct msg_writer *w)
{
	const struct native_others *others = &native->others;

	msg_put_str(w, "redis");
	if (others->put_counters == NULL)
		msg_put_map(w, 0);
	else
		others->put_counters(w, others->arg);
}

static void
put_overview(struct native *native, struct msg_writer *w, uint32_t n_rows)
{
	const struct broker_stats *broker = broker_stats(native->broker);
	const struct conn_set_stats *net = conn_set_stats(native->set);
	const struct topic_registry *topics = broker_topics(native->broker);
	static const struct listen_stats none;
	const struct listen_stats *accepts =
	    native->listener == NULL ? &none : listen_stats(native->listener);
	struct sums sums = sum_up(native);

	(void)n_rows;
	msg_put_map(w, 33);
	put_str(w, "server", native->settings.server);
	put_str(w, "socket", native->settings.socket);
	put_int(w, "pid", getpid());
	put_int(w, "epoch", native->epoch_ms);
	put_int(w, "uptime_ms", loop_now(native->loop).ms - native->started.ms);
	put_count(w, "connections", conn_set_n_open(native->set));
	put_count(w, "members", sums.n_members);
	put_count(w, "topics", topic_n_exact(topics));
	put_count(w, "prefixes", topic_n_prefixes(topics));
	put_count(w, "subscriptions", topic_n_subscriptions(topics));
	put_count(w, "published", broker->n_published);
	put_count(w, "published_bytes", broker->published_bytes);
	put_count(w, "delivered", broker->n_delivered);
	put_count(w, "delivered_bytes", broker->delivered_bytes);
	put_count(w, "unrouted", broker->n_unrouted);
	put_count(w, "bytes_in", net->bytes_in);
	put_count(w, "bytes_out", net->bytes_out);
	put_count(w, "queue_bytes", sums.queue_bytes);
	put_count(w, "blob_bytes", blob_total_bytes());
	put_count(w, "memory_bytes", blob_held_bytes());
	put_count(w, "memory_peak_bytes", blob_peak_bytes());
	put_count(w, "memory_limit_bytes",
	    conn_set_limits(native->set)->memory_bytes);
	put_count(w, "accepted", accepts->n_accepted);
	put_count(w, "accept_pauses", accepts->n_paused);
	put_count(w, "log_dropped", log_n_dropped());
	put_rates(native, w);
	put_drops(native, w);
	put_spliced(native, w);
	put_others(native, w);
	put_closes(native, w);
	put_errors(native, w);
	put_questions(native, w);
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
report_write(struct native *native, const struct control_stats *wanted,
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
	size_t start = control_begin(w), n_wanted = 0;

	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		n_wanted += wanted->wanted[i];
	msg_put_map(w, n_wanted);
	for (int i = 0; i < CONTROL_N_SECTIONS; i++)
		if (wanted->wanted[i]) {
			msg_put_str(
			    w, control_section_name((enum control_section)i));
			sections[i](native, w, wanted->n_rows);
		}
	control_end(w, start, FRAME_STATS_REPLY);
}
