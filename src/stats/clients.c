#include "stats/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum column_type {
	NUMBER,
	NUMBER_OR_NIL, /* nil where it is negative */
	TEXT,
};

#define COLUMN(name, type)                                     \
	{                                                      \
#name, type, offsetof(struct client_row, name) \
	}

static const struct column {
	const char *name;
	enum column_type type;
	size_t field;
} columns[] = {
	COLUMN(id, NUMBER),
	COLUMN(name, TEXT),
	COLUMN(pid, NUMBER),
	COLUMN(uid, NUMBER),
	COLUMN(pm_id, NUMBER_OR_NIL),
	COLUMN(role, TEXT),
	COLUMN(client, TEXT),
	COLUMN(key, TEXT),
	COLUMN(script, TEXT),
	COLUMN(age_ms, NUMBER),
	COLUMN(messages_in, NUMBER),
	COLUMN(messages_out, NUMBER),
	COLUMN(bytes_in, NUMBER),
	COLUMN(bytes_out, NUMBER),
	COLUMN(queue_bytes, NUMBER),
	COLUMN(queue_peak_bytes, NUMBER),
	COLUMN(subscriptions, NUMBER),
	COLUMN(asked, NUMBER),
	COLUMN(asked_open, NUMBER),
	COLUMN(questions, NUMBER),
	COLUMN(questions_owed, NUMBER),
	COLUMN(drops, NUMBER),
	COLUMN(errors, NUMBER),
};

#define N_COLUMNS (sizeof(columns) / sizeof(*columns))

struct client_row
rows_client(const struct conn *conn, const struct member *member,
    const struct peer *peer, struct instant now)
{
	const struct conn_stats *stats = conn_stats(conn);

	return (struct client_row){
		.id = (int64_t)member->id,
		.name = member->name,
		.pid = peer->pid,
		.uid = peer->uid,
		.pm_id = -1,
		.role = "",
		.client = "",
		.key = "",
		.script = "",
		.age_ms = now.ms - conn_since(conn).ms,
		.messages_in = (int64_t)member->stats.n_published,
		.messages_out = (int64_t)member->stats.n_delivered,
		.bytes_in = (int64_t)stats->bytes_in,
		.bytes_out = (int64_t)stats->bytes_out,
		.queue_bytes = (int64_t)conn_queue_bytes(conn),
		.queue_peak_bytes = (int64_t)stats->queue_peak,
		.drops = (int64_t)member->stats.n_refused,
	};
}

static const struct column *
find_column(const char *name)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (strcmp(columns[i].name, name) == 0)
			return &columns[i];
	return NULL;
}

bool
rows_has_column(const char *name)
{
	return find_column(name) != NULL;
}

static int64_t
number(const struct client_row *row, const struct column *column)
{
	return *(const int64_t *)((const char *)row + column->field);
}

static const char *
text(const struct client_row *row, const struct column *column)
{
	return *(const char *const *)((const char *)row + column->field);
}

/* Negative if x goes first. */
static int
order_of(const struct client_row *x, const struct client_row *y,
    const struct column *column)
{
	int64_t a, b;

	if (column->type == TEXT)
		return strcmp(text(x, column), text(y, column));
	a = number(x, column);
	b = number(y, column);
	return (a < b) - (a > b);
}

/* Equal rows keep their order, which qsort_r() does not promise. */
struct order {
	const struct column *column;
	const struct client_row *rows;
};

static int
compare(const void *a, const void *b, void *arg)
{
	const struct order *order = arg;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int r = order_of(&order->rows[i], &order->rows[k], order->column);

	return r != 0 ? r : i < k ? -1 : 1;
}

void
rows_sort(struct client_row *rows, size_t n, const char *name)
{
	const struct column *column = find_column(name);
	struct client_row *old;
	struct order order;
	size_t *at;

	if (column == NULL || n < 2)
		return;
	old = xreallocarray(NULL, n, sizeof(*rows));
	at = xreallocarray(NULL, n, sizeof(*at));
	order = (struct order){ column, old };
	memcpy(old, rows, n * sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		at[i] = i;
	qsort_r(at, n, sizeof(*at), compare, &order);
	for (size_t i = 0; i < n; i++)
		rows[i] = old[at[i]];
	free(old);
	free(at);
}

/* Returns whether the row can be one of the first `max`. */
static bool
is_wanted(const struct client_rows *rows, const struct client_row *row)
{
	const struct column *column;

	if (rows->max == 0 || !rows->is_trimmed)
		return true;
	column = rows->sort == NULL ? NULL : find_column(rows->sort);
	return column != NULL &&
	       order_of(row, &rows->at[rows->max - 1], column) < 0;
}

void
rows_trim(struct client_rows *rows)
{
	if (rows->sort != NULL)
		rows_sort(rows->at, rows->n, rows->sort);
	if (rows->max == 0 || rows->n < rows->max)
		return;
	rows->n = rows->max;
	rows->is_trimmed = true;
}

void
rows_add(const struct client_row *row, void *arg)
{
	struct client_rows *rows = arg;

	if (!is_wanted(rows, row))
		return;
	if (rows->n == rows->size) {
		rows->size = 2 * rows->size + 64;
		rows->at =
		    xreallocarray(rows->at, rows->size, sizeof(*rows->at));
	}
	rows->at[rows->n++] = *row;
	if (rows->max > 0 && rows->n == 2 * rows->max)
		rows_trim(rows);
}

static void
put_field(struct msg_writer *w, const struct client_row *row,
    const struct column *column)
{
	msg_put_str(w, column->name);
	if (column->type == TEXT)
		msg_put_str(w, text(row, column));
	else if (column->type == NUMBER_OR_NIL && number(row, column) < 0)
		msg_put_nil(w);
	else
		msg_put_int(w, number(row, column));
}

void
rows_put(struct msg_writer *w, const struct client_row *row)
{
	struct msg_open map = msg_begin_map(w);

	for (size_t i = 0; i < N_COLUMNS; i++)
		put_field(w, row, &columns[i]);
	msg_end_map(w, map);
}
