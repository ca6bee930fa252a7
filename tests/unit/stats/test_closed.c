#include "stats/closed.h"

#include "unit/support.h"

static void
add(struct closed *closed, uint64_t id)
{
	closed_keep(closed, &(struct closed_entry){ .id = id });
}

TEST(the_newest_comes_first)
{
	struct closed closed = { .n = 0 };

	for (uint64_t id = 1; id <= 3; id++)
		add(&closed, id);
	ck_assert_uint_eq(closed.n, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(closed_get(&closed, i)->id, 3 - i);
	closed_fini(&closed);
}

TEST(the_oldest_goes_when_the_ring_is_full)
{
	struct closed closed = { .n = 0 };

	for (uint64_t id = 1; id <= CLOSED_KEPT + 10; id++)
		add(&closed, id);
	ck_assert_uint_eq(closed.n, CLOSED_KEPT);
	ck_assert_uint_eq(closed_get(&closed, 0)->id, CLOSED_KEPT + 10);
	ck_assert_uint_eq(closed_get(&closed, CLOSED_KEPT - 1)->id, 11);
	closed_fini(&closed);
}

TEST(an_entry_is_found_by_its_id_while_it_is_kept)
{
	struct closed closed = { .n = 0 };

	ck_assert_ptr_null(closed_find(&closed, 1));
	for (uint64_t id = 1; id <= CLOSED_KEPT + 10; id++)
		add(&closed, id);
	ck_assert_ptr_null(closed_find(&closed, 10));
	ck_assert_uint_eq(closed_find(&closed, 11)->id, 11);
	ck_assert_uint_eq(
	    closed_find(&closed, CLOSED_KEPT + 10)->id, CLOSED_KEPT + 10);
	ck_assert_ptr_null(closed_find(&closed, CLOSED_KEPT + 11));
	closed_fini(&closed);
}

TEST(an_ended_ring_is_empty_and_may_be_ended_again)
{
	struct closed closed = { .n = 0 };

	add(&closed, 1);
	closed_fini(&closed);
	closed_fini(&closed);
	ck_assert_uint_eq(closed.n, 0);
}

TEST(causes_are_counted_by_their_names_from_0)
{
	static const struct conn_cause twin = { .name = "eof" };
	static const struct conn_cause *const twins[] = { &twin, NULL };
	struct closed closed = { .n = 0 };
	size_t n;

	closed_register(&closed, conn_causes);
	n = closed.n_counters;
	ck_assert_uint_gt(n, 2);
	closed_register(&closed, twins);
	ck_assert_uint_eq(closed.n_counters, n);
	ck_assert_str_eq(closed.counters[0].reason, "eof");
	ck_assert_uint_eq(closed_n(&closed, &twin), 0);
	closed_fini(&closed);
}
