#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/support.h"

#define N_OBJECTS 20000

static struct pool pool;

static const size_t sizes[] = { 1, 7, 8, 9, 72, POOL_SIZE_MAX,
	POOL_SIZE_MAX + 1, 5000 };

/* No object overlaps another: each keeps the bytes that are written to it. */
TEST_EACH(objects_do_not_overlap_and_are_aligned, sizes)
{
	size_t size = sizes[row];
	unsigned char **at = calloc(N_OBJECTS, sizeof(*at));

	pool_init(&pool);
	for (size_t i = 0; i < N_OBJECTS; i++) {
		at[i] = pool_alloc(&pool, size);
		ck_assert_uint_eq((uintptr_t)at[i] % 8, 0);
		memset(at[i], (int)(i % 251), size);
	}
	for (size_t i = 0; i < N_OBJECTS; i++) {
		ck_assert_uint_eq(at[i][0], i % 251);
		ck_assert_uint_eq(at[i][size - 1], i % 251);
		pool_free(&pool, at[i], size);
	}
	ck_assert_uint_eq(pool.n_objects, 0);
	pool_fini(&pool);
	free(at);
}

TEST(what_was_freed_is_given_again)
{
	void *first, *second;

	pool_init(&pool);
	first = pool_alloc(&pool, 40);
	second = pool_alloc(&pool, 40);
	pool_free(&pool, first, 40);
	ck_assert_ptr_eq(pool_alloc(&pool, 33), first);
	ck_assert_ptr_ne(pool_alloc(&pool, 40), second);
	ck_assert_uint_eq(pool.n_objects, 3);
}

TEST(random_sizes_come_and_go)
{
	enum { N = 3000 };
	static struct {
		unsigned char *p;
		size_t size;
	} at[N];
	struct random random = { 42 };

	pool_init(&pool);
	for (int step = 0; step < 300000; step++) {
		size_t i = random_below(&random, N);

		if (at[i].p != NULL) {
			ck_assert_uint_eq(at[i].p[0], i % 251);
			ck_assert_uint_eq(at[i].p[at[i].size - 1], i % 251);
			pool_free(&pool, at[i].p, at[i].size);
			at[i].p = NULL;
			continue;
		}
		at[i].size = 1 + random_below(&random, POOL_SIZE_MAX + 20);
		at[i].p = pool_alloc(&pool, at[i].size);
		memset(at[i].p, (int)(i % 251), at[i].size);
	}
	for (size_t i = 0; i < N; i++)
		if (at[i].p != NULL)
			pool_free(&pool, at[i].p, at[i].size);
	pool_fini(&pool);
}

/* Pages of this process that are mapped. */
static size_t
n_mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long n;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &n), 1);
	fclose(f);
	return n;
}

TEST(memory_goes_back_when_the_objects_have)
{
	enum { N = 100000, SIZE = 64 };
	void **at = calloc(N, sizeof(*at));
	size_t before = n_mapped(), page = (size_t)sysconf(_SC_PAGESIZE);

	pool_init(&pool);
	for (size_t i = 0; i < N; i++)
		at[i] = pool_alloc(&pool, SIZE);
	ck_assert_uint_ge(n_mapped() - before, N * SIZE / page);
	for (size_t i = 0; i < N; i += 2)
		pool_free(&pool, at[i], SIZE);
	for (size_t i = 1; i < N; i += 2)
		pool_free(&pool, at[i], SIZE);
	ck_assert_uint_le(n_mapped() - before, (128 << 10) / page);
	pool_fini(&pool);
	ck_assert_uint_le(n_mapped() - before, (64 << 10) / page);
	free(at);
}

TEST_ABORTS(a_pool_in_use_can_not_be_ended)
{
	pool_init(&pool);
	ck_assert_ptr_nonnull(pool_alloc(&pool, 8));
	pool_fini(&pool);
}
