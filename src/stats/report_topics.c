#include "stats/report_topics.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/*
 * There may be millions of topics, and the report has the first hundred. They
 * are kept while all topics are visited in steps, between which topics are
 * created and freed; so the report keeps copies. They form a heap whose head is
 * the last row, which is dropped when there are too many; so the work for a
 * topic has a bound, in whatever order they come. A row that has no room, since
 * its name is long, is the last one of the report.
 */

#define STEP_BUCKETS 16 /* of the index of topics */
#define NAMES_MAX_BYTES 262144

struct topic_row {
	uint32_t n_subs, n_members;
	bool is_prefix;
	size_t len;
	char name[]; /* len bytes and a zero */
};

typedef int (*row_order)(const struct topic_row *x, const struct topic_row *y);

/* Topics of the same name differ in their kind. */
static int
by_name(const struct topic_row *x, const struct topic_row *y)
{
	size_t len = x->len < y->len ? x->len : y->len;
	int r = memcmp(x->name, y->name, len);

	if (r == 0)
		r = (x->len > y->len) - (x->len < y->len);
	return r != 0 ? r : x->is_prefix - y->is_prefix;
}

static int
by_subscribers(const struct topic_row *x, const struct topic_row *y)
{
	if (x->n_subs != y->n_subs)
		return x->n_subs < y->n_subs ? 1 : -1;
	return by_name(x, y);
}

static int
by_members(const struct topic_row *x, const struct topic_row *y)
{
	if (x->n_members != y->n_members)
		return x->n_members < y->n_members ? 1 : -1;
	return by_name(x, y);
}

static const struct {
	const char *column;
	row_order order;
} orders[] = {
	{ "subscribers", by_subscribers },
	{ "members", by_members },
	{ "topic", by_name },
};

#define N_ORDERS (sizeof(orders) / sizeof(*orders))

static row_order
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

struct topic_rows {
	row_order order;
	struct topic_walk walk;
	struct topic_row **heap; /* none is before one that is below it */
	size_t n, max;
	size_t n_bytes;            /* of names */
	struct topic_row *refused; /* the first that has no room, or NULL */
	struct topic_row *scratch; /* the topic at hand */
};

struct topic_rows *
report_topics_new(const struct control_stats *wanted)
{
	struct topic_rows *rows = xcalloc(1, sizeof(*rows));

	rows->order = find_order(wanted->sort);
	if (rows->order == NULL)
		rows->order = by_subscribers;
	rows->max = wanted->n_rows;
	rows->heap = xcalloc(wanted->n_rows + 1, sizeof(*rows->heap));
	rows->scratch = xcalloc(1, sizeof(*rows->scratch) + TOPIC_NAME_MAX + 1);
	return rows;
}

void
report_topics_free(struct topic_rows *rows)
{
	if (rows == NULL)
		return;
	for (size_t i = 0; i < rows->n; i++)
		free(rows->heap[i]);
	free(rows->heap);
	free(rows->refused);
	free(rows->scratch);
	free(rows);
}

static void
push(struct topic_rows *rows, struct topic_row *row)
{
	size_t i = rows->n++, parent;

	for (; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (rows->order(row, rows->heap[parent]) <= 0)
			break;
		rows->heap[i] = rows->heap[parent];
	}
	rows->heap[i] = row;
	rows->n_bytes += row->len;
}

static struct topic_row *
pop(struct topic_rows *rows)
{
	struct topic_row *first = rows->heap[0];
	struct topic_row *row = rows->heap[--rows->n];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < rows->n; i = child) {
		if (child + 1 < rows->n &&
		    rows->order(rows->heap[child + 1], rows->heap[child]) > 0)
			child++;
		if (rows->order(row, rows->heap[child]) >= 0)
			break;
		rows->heap[i] = rows->heap[child];
	}
	rows->heap[i] = row;
	rows->n_bytes -= first->len;
	return first;
}

static bool
is_wanted(const struct topic_rows *rows, const struct topic_row *row)
{
	if (rows->refused != NULL && rows->order(row, rows->refused) >= 0)
		return false;
	return rows->n < rows->max || rows->order(row, rows->heap[0]) < 0;
}

static void
consider(const struct topic *topic, void *arg)
{
	struct topic_rows *rows = arg;
	struct topic_row *row = rows->scratch;
	size_t size = sizeof(*row) + topic->len + 1;

	row->n_subs = topic->n_subs;
	row->n_members = topic->n_members;
	row->is_prefix = topic->is_prefix;
	row->len = topic->len;
	memcpy(row->name, topic->name, topic->len + 1u);
	if (!is_wanted(rows, row))
		return;
	push(rows, memcpy(xcalloc(1, size), row, size));
	if (rows->n > rows->max)
		free(pop(rows));
	while (rows->n_bytes > NAMES_MAX_BYTES && rows->n > 1) {
		free(rows->refused);
		rows->refused = pop(rows);
	}
}

bool
report_topics_step(struct topic_rows *rows, struct topic_registry *reg)
{
	bool is_more = true;

	for (int i = 0; i < STEP_BUCKETS && is_more; i++)
		is_more = topic_walk(reg, &rows->walk, consider, rows);
	return is_more;
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct topic_rows *rows = arg;

	return rows->order(*(const struct topic_row *const *)a,
	    *(const struct topic_row *const *)b);
}

static void
put_topic(struct msg_writer *w, const struct topic_row *row)
{
	msg_put_map(w, 4);
	msg_put_str(w, "topic");
	msg_put_strn(w, row->name, row->len);
	msg_put_pair_str(w, "kind", row->is_prefix ? "prefix" : "exact");
	msg_put_pair_int(w, "subscribers", row->n_subs);
	msg_put_pair_int(w, "members", row->n_members);
}

void
report_put_topics(struct topic_rows *rows, struct msg_writer *w)
{
	qsort_r(rows->heap, rows->n, sizeof(*rows->heap), compare, rows);
	msg_put_array(w, rows->n);
	for (size_t i = 0; i < rows->n; i++)
		put_topic(w, rows->heap[i]);
}
