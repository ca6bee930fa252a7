#include "stats/report_questions.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Open requests, and slow requests and turns. */

#define OWED_MAX 16 /* names of members that still owe an answer */

struct open {
	const struct request **requests;
	size_t n;
};

static void
collect(const struct request *request, void *arg)
{
	struct open *open = arg;

	open->requests[open->n++] = request;
}

/* Ids count up. */
static int
by_age(const void *a, const void *b)
{
	const struct request *x = *(const struct request *const *)a;
	const struct request *y = *(const struct request *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Two arrays, of ids and of names: a reply nests as deep as any body. */
static void
put_owed(struct msg_writer *w, const struct request *request)
{
	const struct debt *owed[OWED_MAX];
	const struct debt *end = request->debts + request->n_debts;
	size_t n = 0;

	for (const struct debt *debt = request->debts; debt < end; debt++)
		if (debt->state == DEBT_OWED && n < OWED_MAX)
			owed[n++] = debt;
	msg_put_str(w, "owed_ids");
	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		msg_put_int(w, (int64_t)owed[i]->id);
	msg_put_str(w, "owed");
	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		msg_put_str(w, (const char *)owed[i]->name->data);
}

static void
put_request(
    struct hub *hub, struct msg_writer *w, const struct request *request)
{
	int64_t age_us = loop_began_us(hub->loop) - request->opened_us;

	msg_put_map(w, 11);
	msg_put_pair_int(w, "id", (int64_t)request->id);
	msg_put_pair_int(w, "asker_id", (int64_t)request->asker->id);
	msg_put_pair_str(w, "asker", (const char *)request->asker->name->data);
	msg_put_str(w, "topic");
	msg_put_strn(w, request->label, request->label_len);
	msg_put_pair_str(w, "gather", gather_name(request->gather));
	msg_put_pair_int(w, "age_ms", age_us / 1000);
	msg_put_pair_int(
	    w, "left_ms", request->deadline.at.ms - loop_now(hub->loop).ms);
	msg_put_pair_int(w, "expected", request->n_debts);
	msg_put_pair_int(w, "answered", request->n_answered);
	put_owed(w, request);
}

void
report_put_requests(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	const struct request_registry *reg = broker_requests(hub->broker);
	struct open open = { .n = 0 };
	size_t n;

	open.requests =
	    xcalloc(request_n_open(reg) + 1, sizeof(*open.requests));
	request_for_each(reg, collect, &open);
	qsort(open.requests, open.n, sizeof(*open.requests), by_age);
	n = open.n < wanted->n_rows ? open.n : wanted->n_rows;
	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_request(hub, w, open.requests[i]);
	free(open.requests);
}

static void
put_slow_entry(struct msg_writer *w, const struct slow_entry *e)
{
	msg_put_map(w, 15);
	msg_put_pair_str(w, "kind", e->is_question ? "question" : "turn");
	msg_put_pair_int(w, "ended_at", e->wall_ms);
	msg_put_pair_int(w, "took_us", e->took_us);
	msg_put_pair_int(w, "messages", e->messages);
	msg_put_pair_int(w, "deliveries", e->deliveries);
	msg_put_pair_int(w, "bytes_in", e->bytes_in);
	msg_put_pair_int(w, "bytes_out", e->bytes_out);
	msg_put_pair_int(w, "asker_id", e->asker_id);
	msg_put_pair_str(w, "asker", e->asker);
	msg_put_pair_str(w, "topic", e->topic);
	msg_put_pair_str(w, "gather", e->gather);
	msg_put_pair_str(w, "outcome", e->outcome);
	msg_put_pair_int(w, "expected", e->expected);
	msg_put_pair_int(w, "answered", e->answered);
	msg_put_pair_str(w, "missing", e->missing);
}

void
report_put_slow(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w)
{
	const struct slow *slow = &hub->timing.slow;
	size_t n = slow->n < wanted->n_rows ? slow->n : wanted->n_rows;

	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		put_slow_entry(w, slow_get(slow, i));
}
