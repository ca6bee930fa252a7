#include "core/table.h"

#include <stdlib.h>

#include "base/pool.h"
#include "unit/support.h"

/* Entries are addresses of places in an array; the table never reads them. */
#define N_ENTRIES 100000

static char entries[N_ENTRIES];
static struct pool pool;
static struct table table;

static void
end(void)
{
	table_fini(&table);
	pool_fini(&pool);
}

/* Spread over all 32 bits, and no two the same. */
static uint32_t
spread(uint32_t i)
{
	return (i + 1) * 0x9e3779b1;
}

static void
insert(uint32_t i, uint32_t hash)
{
	table_insert(&table, hash, &entries[i]);
}

static bool
has(uint32_t i, uint32_t hash)
{
	struct table_cursor cursor;
	void *entry = table_first(&table, hash, &cursor);
	bool found = false;

	for (; entry != NULL; entry = table_next(&cursor)) {
		ck_assert(!found || entry != &entries[i]);
		found = found || entry == &entries[i];
	}
	return found;
}

static void
count(void *entry, void *arg)
{
	uint8_t *seen = arg;

	seen[(char *)entry - entries]++;
}

/* Those from first to below end are there, once, and no other. */
static void
check_visits(uint32_t first, uint32_t end)
{
	uint8_t *seen = calloc(N_ENTRIES, 1);
	uint64_t at = 0;

	while (table_walk(&table, &at, count, seen))
		;
	for (uint32_t i = 0; i < N_ENTRIES; i++)
		ck_assert_uint_eq(seen[i], i >= first && i < end);
	ck_assert_uint_eq(table.n_entries, end - first);
	free(seen);
}

TEST(entries_are_found_while_the_table_grows_and_while_it_shrinks)
{
	size_t largest;

	table_init(&table, &pool);
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		insert(i, spread(i));
		ck_assert(has(i, spread(i)));
		ck_assert(has(i / 2, spread(i / 2)));
		ck_assert(!has(i, spread(i + 1)));
	}
	check_visits(0, N_ENTRIES);
	largest = table.n_buckets;
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		table_remove(&table, spread(i), &entries[i]);
		ck_assert(!has(i, spread(i)));
		if (i + 1 < N_ENTRIES)
			ck_assert(has(N_ENTRIES - 1, spread(N_ENTRIES - 1)));
		if (i == N_ENTRIES / 2)
			check_visits(i + 1, N_ENTRIES);
	}
	check_visits(0, 0);
	ck_assert_uint_lt(table.n_buckets * 100, largest);
	end();
}

TEST(a_bucket_holds_about_three_and_a_call_adds_one_bucket_at_the_most)
{
	size_t before;

	table_init(&table, &pool);
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		before = table.n_buckets;
		insert(i, spread(i));
		ck_assert_uint_le(table.n_buckets, before + 1);
	}
	ck_assert_uint_ge(table.n_buckets * 3, N_ENTRIES);
	ck_assert_uint_lt(table.n_buckets * 3, N_ENTRIES + 1000);
	for (uint32_t i = 0; i < N_ENTRIES; i++) {
		before = table.n_buckets;
		table_remove(&table, spread(i), &entries[i]);
		ck_assert_uint_ge(table.n_buckets + 1, before);
	}
	end();
}

/* The bits that choose the bucket are the same in all hashes of a row. */
static const struct {
	uint32_t n, step;
} collisions[] = {
	{ 5, 0 },
	{ 6, 0 },
	{ 7, 0 },
	{ 200, 0 },
	{ 2000, 1 << 20 },
	{ 2000, 1 << 9 },
};

TEST_EACH(entries_that_share_a_bucket_come_and_go_in_any_order, collisions)
{
	uint32_t n = collisions[row].n, step = collisions[row].step;
	struct random random = { 3 };
	uint8_t *in = calloc(n, 1);

	table_init(&table, &pool);
	for (int round = 0; round < 20000; round++) {
		uint32_t i = random_below(&random, n);

		if (in[i])
			table_remove(&table, 77 + i * step, &entries[i]);
		else
			insert(i, 77 + i * step);
		in[i] = !in[i];
		for (uint32_t k = 0; k < n && round % 400 == 0; k++)
			ck_assert_int_eq(has(k, 77 + k * step), in[k]);
	}
	end();
	free(in);
}

TEST(every_entry_of_one_hash_is_given_once)
{
	struct table_cursor cursor;
	uint8_t seen[30] = { 0 };
	void *entry;

	table_init(&table, &pool);
	for (uint32_t i = 0; i < N_ELEMENTS(seen); i++)
		insert(i, i % 3);
	for (entry = table_first(&table, 1, &cursor); entry != NULL;
	     entry = table_next(&cursor))
		count(entry, seen);
	for (uint32_t i = 0; i < N_ELEMENTS(seen); i++)
		ck_assert_uint_eq(seen[i], i % 3 == 1);
	end();
}

TEST(to_fetch_ahead_changes_nothing)
{
	table_init(&table, &pool);
	for (uint32_t i = 0; i < 1000; i++) {
		insert(i, spread(i));
		table_prefetch(&table, spread(i + i % 2));
	}
	check_visits(0, 1000);
	end();
}

TEST(a_table_may_be_ended_twice_and_with_entries_in_it)
{
	table_init(&table, &pool);
	for (uint32_t i = 0; i < 1000; i++)
		insert(i, i % 2);
	table_fini(&table);
	end();
}

/* Changes between two steps leave the entries from 0 to N_STEADY alone. */
#define N_STEADY 20000

static const struct {
	int n_inserted, n_removed; /* by each step */
	uint32_t n_first;          /* others that are there at first */
} changes[] = {
	{ 0, 0, 0 },
	{ 3, 0, 0 },
	{ 0, 5, 80000 },
	{ 2, 2, 30000 },
	{ 40, 0, 0 },
	{ 0, 40, 80000 },
};

TEST_EACH(a_walk_visits_what_stays_once_whatever_comes_and_goes, changes)
{
	uint8_t *seen = calloc(N_ENTRIES, 1);
	uint32_t first = N_STEADY, last = N_STEADY + changes[row].n_first;
	uint64_t at = 0, before = 0;
	size_t n_steps = 0, smallest, largest;

	table_init(&table, &pool);
	for (uint32_t i = 0; i < last; i++)
		insert(i, spread(i));
	smallest = largest = table.n_buckets;
	while (table_walk(&table, &at, count, seen)) {
		ck_assert_uint_gt(at, before);
		before = at;
		n_steps++;
		for (int i = 0; i < changes[row].n_inserted; i++, last++)
			if (last < N_ENTRIES)
				insert(last, spread(last));
		for (int i = 0; i < changes[row].n_removed; i++)
			if (first < last && first < N_ENTRIES) {
				table_remove(
				    &table, spread(first), &entries[first]);
				first++;
			}
		if (table.n_buckets > largest)
			largest = table.n_buckets;
		if (table.n_buckets < smallest)
			smallest = table.n_buckets;
	}
	for (uint32_t i = 0; i < N_ENTRIES; i++)
		if (i < N_STEADY)
			ck_assert_uint_eq(seen[i], 1);
		else
			ck_assert_uint_le(seen[i], 1);
	/* A step is a bucket: no more than a few entries. */
	ck_assert_uint_ge(n_steps + 1, smallest);
	ck_assert_uint_le(n_steps, largest);
	free(seen);
	end();
}
