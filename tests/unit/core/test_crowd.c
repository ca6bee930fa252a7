#include "core/crowd.h"

#include "base/pool.h"
#include "unit/support.h"

/* Owners are addresses to a crowd: those of places in an array of nothing. */
#define N_OWNERS 5000

static char owners[N_OWNERS][48];
static struct pool pool;
static struct crowd *crowd;

static void
end(void)
{
	crowd_free(&pool, crowd);
	pool_fini(&pool);
}

static struct topic_owner *
owner(uint32_t i)
{
	return (struct topic_owner *)owners[i];
}

static void
add(uint32_t i)
{
	struct subscription sub = { .owner = owner(i), .place = i, .kinds = 1 };

	crowd = crowd == NULL ? crowd_new(&pool, &sub)
			      : crowd_add(&pool, crowd, &sub);
}

static void
remove_owner(uint32_t i)
{
	crowd = crowd_remove(&pool, crowd, crowd_find(crowd, owner(i)));
}

/* Each owner is found where it is, and in the array once. */
static void
check(const bool has[N_OWNERS], uint32_t n)
{
	ck_assert_uint_eq(crowd->n, n);
	ck_assert_uint_le(crowd->n, crowd->size);
	for (uint32_t i = 0; i < N_OWNERS; i++) {
		struct subscription *sub = crowd_find(crowd, owner(i));

		ck_assert_int_eq(sub != NULL, has[i]);
		if (sub != NULL) {
			ck_assert_ptr_eq(sub->owner, owner(i));
			ck_assert_uint_eq(sub->place, i);
			ck_assert_uint_lt((size_t)(sub - crowd->at), n);
		}
	}
}

static const uint32_t sizes[] = { 1, 2, 3, 15, 16, 17, 31, 32, 33, 1000,
	N_OWNERS };

TEST_EACH(who_is_in_a_crowd_is_found_whatever_its_size, sizes)
{
	bool has[N_OWNERS] = { false };

	for (uint32_t i = 0; i < sizes[row]; i++) {
		add(i);
		has[i] = true;
	}
	check(has, sizes[row]);
	end();
}

TEST_EACH(a_crowd_that_empties_from_the_front_keeps_the_others, sizes)
{
	bool has[N_OWNERS] = { false };
	uint32_t n = sizes[row];

	for (uint32_t i = 0; i < n; i++) {
		add(i);
		has[i] = true;
	}
	for (uint32_t i = 0; i + 1 < n; i++) {
		remove_owner(i);
		has[i] = false;
		if (n - i < 40)
			check(has, n - i - 1);
	}
	ck_assert_uint_eq(crowd->n, 1);
	ck_assert_ptr_eq(crowd->at[0].owner, owner(n - 1));
	end();
}

TEST(a_crowd_gives_memory_back)
{
	for (uint32_t i = 0; i < N_OWNERS; i++)
		add(i);
	ck_assert_uint_ge(crowd->size, N_OWNERS);
	for (uint32_t i = 0; i + 2 < N_OWNERS; i++)
		remove_owner(i);
	ck_assert_uint_le(crowd->size, 8);
	end();
}

TEST(random_comings_and_goings_agree_with_a_plain_table)
{
	struct random random = { 815 };
	bool has[N_OWNERS] = { false };
	uint32_t n = 1;

	add(0);
	has[0] = true;
	for (int step = 0; step < 200000; step++) {
		/* It swells and shrinks, across the sizes with an index. */
		uint32_t range = step / 20000 % 2 == 0 ? N_OWNERS - 1 : 40;
		uint32_t i = 1 + random_below(&random, range);

		if (!has[i])
			add(i);
		else
			remove_owner(i);
		n += has[i] ? -1 : 1;
		has[i] = !has[i];
		if (step % 1000 == 0)
			check(has, n);
	}
	check(has, n);
	end();
}
