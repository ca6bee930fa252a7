#include "stats/clients.h"

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
