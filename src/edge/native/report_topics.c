#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/native/report.h"
#include "edge/native/session.h"

/*
 * There may be millions of topics, and the first hundred are wanted: those are
 * kept while all are looked at once, and sorted at the end.
 */

typedef int (*topic_order)(const struct topic *x, const struct topic *y);

static int
by_name(const struct topic *x, const struct topic *y)
{
	return strcmp(x->name, y->name);
}

static int
by_subscribers(const struct topic *x, const struct topic *y)
{
	if (x->n_subs != y->n_subs)
		return x->n_subs < y->n_subs ? 1 : -1;
	return by_name(x, y);
}

static int
by_members(const struct topic *x, const struct topic *y)
{
	if (x->n_members != y->n_members)
		return x->n_members < y->n_members ? 1 : -1;
	return by_name(x, y);
}

static const struct {
	const char *column;
	topic_order order;
} orders[] = {
	{ "subscribers", by_subscribers },
	{ "members", by_members },
	{ "topic", by_name },
};

#define N_ORDERS (sizeof(orders) / sizeof(*orders))

static topic_order
find_order(const char *column)
{
	for (size_t i = 0; i < N_ORDERS; i++)
		if (strcmp(orders[i].column, column) == 0)
			return orders[i].order;
	return NULL;
}

bool
report_sorts_topics(const char *column)
{
	return find_order(column) != NULL;
}

/* The first ones in an order, of which there are at most max. */
struct top {
	topic_order order;
	const struct topic **topics;
	size_t n, max;
	size_t last; /* the index of the one that would go, once it is full */
};

static void
find_last(struct top *top)
{
	top->last = 0;
	for (size_t i = 1; i < top->n; i++)
		if (top->order(top->topics[i], top->topics[top->last]) > 0)
			top->last = i;
}

static void
consider(const struct topic *topic, void *arg)
{
	struct top *top = arg;

	if (top->n < top->max) {
		top->topics[top->n++] = topic;
		if (top->n == top->max)
			find_last(top);
		return;
	}
	if (top->order(topic, top->topics[top->last]) >= 0)
		return;
	top->topics[top->last] = topic;
	find_last(top);
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct top *top = arg;

	return top->order(
	    *(const struct topic *const *)a, *(const struct topic *const *)b);
}

static void
put_topic(struct msg_writer *w, const struct topic *topic)
{
	msg_put_map(w, 4);
	msg_put_str(w, "topic");
	msg_put_strn(w, topic->name, topic->len);
	report_put_str(w, "kind", topic->is_prefix ? "prefix" : "exact");
	report_put_int(w, "subscribers", topic->n_subs);
	report_put_int(w, "members", topic->n_members);
}

void
report_put_topics(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w)
{
	struct top top = { find_order(wanted->sort), .max = wanted->n_rows };
	struct topic_walk walk = { 0 };

	if (top.order == NULL)
		top.order = by_subscribers;
	top.topics = xcalloc(wanted->n_rows, sizeof(*top.topics));
	while (topic_walk(broker_topics(native->broker), &walk, consider, &top))
		;
	qsort_r(top.topics, top.n, sizeof(*top.topics), compare, &top);
	msg_put_array(w, top.n);
	for (size_t i = 0; i < top.n; i++)
		put_topic(w, top.topics[i]);
	free(top.topics);
}
