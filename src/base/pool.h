/*
 * pool - small objects by the million. The size is passed again when an object
 * is freed, so that none carries an allocator's head. Memory returns to the
 * system when a slab of objects is empty. For the daemon only, as xalloc.
 */
#ifndef PM2A_BASE_POOL_H
#define PM2A_BASE_POOL_H

#include <bsd/sys/queue.h>
#include <stddef.h>

#define POOL_SIZE_MAX 256 /* larger objects are malloc's */
#define POOL_STEP 8       /* sizes are rounded up to a multiple of it */

LIST_HEAD(slab_list, slab);

struct pool {
	/* For each size, the slabs with room. */
	struct slab_list slabs[POOL_SIZE_MAX / POOL_STEP];
	struct slab *spare; /* an empty one, or NULL */
	size_t n_objects;
};

void pool_init(struct pool *pool);

/* All objects must have been freed. */
void pool_fini(struct pool *pool);

/* Returns `size` bytes, at least 1, at a multiple of 8, uninitialized. */
void *pool_alloc(struct pool *pool, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(2)));

/* Frees `p`, which was allocated with this `size`. */
void pool_free(struct pool *pool, void *p, size_t size);

#endif
