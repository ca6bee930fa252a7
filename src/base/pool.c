#include "base/pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/poison.h"
#include "base/xalloc.h"

/*
 * malloc(3) is as fast as this for one object, but bad at freeing a million: it
 * keeps them apart until some larger allocation has to join them all, which
 * held the loop for 50 ms, and returned none of their memory. Here, freeing
 * links an object into its slab, and an empty slab is unmapped.
 *
 * A slab lies at a multiple of its size, so an object's address determines its
 * slab. The first free object is linked in the slab's head, and the next one in
 * the object; those behind n_fresh have never been used, and their pages have
 * never been touched.
 */
#define SLAB_SIZE ((size_t)64 << 10)

struct slab {
	LIST_ENTRY(slab) link; /* while it has room */
	struct object *free;
	uint32_t n_used;
	uint32_t n_fresh; /* objects that have been allocated at least once */
	uint32_t n_max;
};

struct object {
	struct object *next;
};

static size_t
round_up(size_t size)
{
	return (size + POOL_STEP - 1) / POOL_STEP * POOL_STEP;
}

static struct slab_list *
list_of(struct pool *pool, size_t size)
{
	return &pool->slabs[round_up(size) / POOL_STEP - 1];
}

static struct slab *
slab_of(void *p)
{
	return (struct slab *)((uintptr_t)p & ~(SLAB_SIZE - 1));
}

/* Maps twice the size and keeps an aligned half. */
static struct slab *
slab_map(void)
{
	char *p = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		log_fatal("out-of-memory", "bytes=%zu", 2 * SLAB_SIZE);
	before = -(uintptr_t)p & (SLAB_SIZE - 1);
	if (before > 0)
		munmap(p, before);
	munmap(p + before + SLAB_SIZE, SLAB_SIZE - before);
	return (struct slab *)(p + before);
}

static void
slab_unmap(struct slab *slab)
{
	UNPOISON(slab, SLAB_SIZE);
	munmap(slab, SLAB_SIZE);
}

static struct slab *
slab_new(struct pool *pool, size_t size)
{
	struct slab *slab = pool->spare != NULL ? pool->spare : slab_map();

	pool->spare = NULL;
	*slab = (struct slab){ .n_max = (uint32_t)((SLAB_SIZE - sizeof(*slab)) /
						   size) };
	POISON(slab + 1, SLAB_SIZE - sizeof(*slab));
	LIST_INSERT_HEAD(list_of(pool, size), slab, link);
	return slab;
}

void
pool_init(struct pool *pool)
{
	*pool = (struct pool){ .n_objects = 0 };
}

void
pool_fini(struct pool *pool)
{
	assert(pool->n_objects == 0);
	if (pool->spare != NULL)
		slab_unmap(pool->spare);
	pool->spare = NULL;
}

void *
pool_alloc(struct pool *pool, size_t size)
{
	struct slab *slab;
	struct object *object;

	pool->n_objects++;
	if (size > POOL_SIZE_MAX)
		return xaligned(POOL_STEP, size);
	size = round_up(size);
	slab = LIST_FIRST(list_of(pool, size));
	if (slab == NULL)
		slab = slab_new(pool, size);
	object = slab->free;
	if (object != NULL)
		slab->free = object->next;
	else
		object = (struct object *)((char *)(slab + 1) +
					   slab->n_fresh++ * size);
	if (++slab->n_used == slab->n_max)
		LIST_REMOVE(slab, link);
	UNPOISON(object, size);
	return object;
}

/* Keep one, so that objects that are added and freed at the border of a slab do
 * not map and unmap it each time. */
static void
slab_free(struct pool *pool, struct slab *slab)
{
	LIST_REMOVE(slab, link);
	if (pool->spare == NULL)
		pool->spare = slab;
	else
		slab_unmap(slab);
}

void
pool_free(struct pool *pool, void *p, size_t size)
{
	struct slab *slab = slab_of(p);
	struct object *object = p;

	pool->n_objects--;
	if (size > POOL_SIZE_MAX) {
		free(p);
		return;
	}
	size = round_up(size);
	object->next = slab->free;
	slab->free = object;
	POISON(object + 1, size - sizeof(*object));
	if (slab->n_used-- == slab->n_max)
		LIST_INSERT_HEAD(list_of(pool, size), slab, link);
	if (slab->n_used == 0)
		slab_free(pool, slab);
}
