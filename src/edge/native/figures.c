#include "edge/native/figures.h"

#include "base/container.h"
#include "edge/native/reply.h"
#include "stats/clients.h"

static void
add_figures(struct stats_source *source, struct figures *out)
{
	struct native *native = container_of(source, struct native, stats);
	const struct session *s;
	int64_t *v = out->values;

	v[FIGURE_DROPS_VOLATILE] += (int64_t)native->drops.n_volatile;
	v[FIGURE_DROPS_OBSERVED] += (int64_t)native->n_observed_dropped;
	v[FIGURE_DROPS_UNDELIVERED] += (int64_t)native->drops.n_undelivered;
	TAILQ_FOREACH (s, &native->sessions, in_native) {
		v[FIGURE_MEMBERS] +=
		    s->member != NULL && s->role == CONTROL_MEMBER;
		v[FIGURE_QUEUE_BYTES] += (int64_t)conn_queue_bytes(s->conn);
	}
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

static void
each_client(struct stats_source *source,
    void (*each)(const struct client_row *row, void *arg), void *arg)
{
	struct native *native = container_of(source, struct native, stats);
	const struct session *s;
	struct client_row row;

	TAILQ_FOREACH (s, &native->sessions, in_native) {
		if (s->member == NULL)
			continue;
		row = row_of(s);
		each(&row, arg);
	}
}

static void
each_refusal(struct stats_source *source,
    void (*each)(const char *code, uint64_t n, void *arg), void *arg)
{
	struct native *native = container_of(source, struct native, stats);

	for (int i = 0; i < N_REFUSALS; i++)
		each(refusal_name((enum refusal)i), native->n_refused[i], arg);
}

void
native_figures_add(struct native *native)
{
	native->stats = (struct stats_source){
		.add_figures = add_figures,
		.each_client = each_client,
		.each_refusal = each_refusal,
	};
	hub_add_source(native->hub, &native->stats);
}
