#include "stats/clients.h"

#include <stdlib.h>

#include "unit/support.h"

static const struct client_row three[] = {
	{ .id = 1, .name = "b", .queue_bytes = 5, .pm_id = -1 },
	{ .id = 2, .name = "c", .queue_bytes = 7, .pm_id = 0 },
	{ .id = 3, .name = "a", .queue_bytes = 5, .pm_id = 4 },
};

static const struct {
	const char *column;
	int64_t ids[3];
} sorted[] = {
	{ "id", { 3, 2, 1 } },
	{ "name", { 3, 1, 2 } },
	{ "queue_bytes", { 2, 1, 3 } },
	{ "pm_id", { 3, 2, 1 } },
	{ "drops", { 1, 2, 3 } },
	{ "no such column", { 1, 2, 3 } },
};

TEST_EACH(numbers_are_sorted_down_and_texts_up, sorted)
{
	struct client_row rows[3] = { three[0], three[1], three[2] };

	rows_sort(rows, 3, sorted[row].column);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(rows[i].id, sorted[row].ids[i]);
}

TEST(nothing_can_be_sorted)
{
	rows_sort(NULL, 0, "id");
	ck_assert(rows_has_column("queue_peak_bytes"));
	ck_assert(!rows_has_column("queue"));
	ck_assert(!rows_has_column(""));
}

/* Keeps the first 3 of 100 rows that come in some order. */
static struct client_rows
first_three(const char *sort, int64_t (*bytes_of)(int64_t i))
{
	struct client_rows rows = { .max = 3, .sort = sort };

	for (int64_t i = 0; i < 100; i++)
		rows_add(
		    &(struct client_row){
			.id = i, .name = "", .queue_bytes = bytes_of(i) },
		    &rows);
	ck_assert_uint_le(rows.n, 6);
	rows_trim(&rows);
	return rows;
}

static int64_t
up(int64_t i)
{
	return i;
}

static int64_t
down(int64_t i)
{
	return -i;
}

static int64_t
mixed(int64_t i)
{
	return i * 37 % 100;
}

static int64_t
same(int64_t i)
{
	return i - i;
}

static const struct {
	const char *sort;
	int64_t (*bytes_of)(int64_t i);
	int64_t ids[3];
} firsts[] = {
	{ "queue_bytes", up, { 99, 98, 97 } },
	{ "queue_bytes", down, { 0, 1, 2 } },
	{ "queue_bytes", mixed, { 27, 54, 81 } },
	{ "queue_bytes", same, { 0, 1, 2 } },
	{ NULL, up, { 0, 1, 2 } },
};

TEST_EACH(the_first_rows_are_kept_in_whatever_order_they_come, firsts)
{
	struct client_rows rows =
	    first_three(firsts[row].sort, firsts[row].bytes_of);

	ck_assert_uint_eq(rows.n, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(rows.at[i].id, firsts[row].ids[i]);
	free(rows.at);
}
