#include "core/crowd.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/pool.h"

/*
 * An owner that leaves a room must be found among its owners. Up to 16 are
 * searched one by one, four to a cache line. Above, an index with open
 * addressing follows the array: from the owner's address to one more than its
 * place in the array, with room for twice the array. A list through all topics
 * of an owner was the alternative: with thousands in the room and a hundred
 * thousand rooms of each, either list is long.
 */
#define SIZE_MIN 2
#define SIZE_UNINDEXED 16

static bool
is_indexed(const struct crowd *c)
{
	return c->size > SIZE_UNINDEXED;
}

static uint32_t *
index_of(struct crowd *c)
{
	return (uint32_t *)&c->at[c->size];
}

/* Where in the index owner is looked for first. Addresses are no input of a
 * peer's: a multiplication mixes them well enough. */
static uint32_t
home_of(const struct crowd *c, const struct topic_owner *owner)
{
	uint64_t mixed = (uint64_t)(uintptr_t)owner * 0x9e3779b97f4a7c15;

	return (uint32_t)(mixed >> 32) & (2 * c->size - 1);
}

static uint32_t
next_in_index(const struct crowd *c, uint32_t i)
{
	return (i + 1) & (2 * c->size - 1);
}

/* The index's entry that says place, for the owner that is there. */
static uint32_t *
index_entry(struct crowd *c, uint32_t place)
{
	uint32_t *index = index_of(c);
	uint32_t i = home_of(c, c->at[place].owner);

	while (index[i] != place + 1) {
		assert(index[i] != 0);
		i = next_in_index(c, i);
	}
	return &index[i];
}

static void
index_add(struct crowd *c, uint32_t place)
{
	uint32_t *index = index_of(c);
	uint32_t i = home_of(c, c->at[place].owner);

	while (index[i] != 0)
		i = next_in_index(c, i);
	index[i] = place + 1;
}

/* Empties an entry, and moves up each behind it that would not be found across
 * the gap: whose home does not lie between the gap and itself. */
static void
index_remove(struct crowd *c, uint32_t place)
{
	uint32_t *index = index_of(c);
	uint32_t gap = (uint32_t)(index_entry(c, place) - index);
	uint32_t mask = 2 * c->size - 1, i = gap, home;

	for (;;) {
		i = next_in_index(c, i);
		if (index[i] == 0)
			break;
		home = home_of(c, c->at[index[i] - 1].owner);
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			index[gap] = index[i];
			gap = i;
		}
	}
	index[gap] = 0;
}

static size_t
bytes_of(uint32_t size)
{
	size_t index_size = size > SIZE_UNINDEXED ? 2 * (size_t)size : 0;

	return sizeof(struct crowd) + size * sizeof(struct subscription) +
	       index_size * sizeof(uint32_t);
}

static struct crowd *
resize(struct pool *pool, struct crowd *old, uint32_t size)
{
	struct crowd *c = pool_alloc(pool, bytes_of(size));

	c->size = size;
	c->n = old->n;
	memcpy(c->at, old->at, c->n * sizeof(c->at[0]));
	crowd_free(pool, old);
	if (is_indexed(c)) {
		memset(index_of(c), 0, 2 * size * sizeof(uint32_t));
		for (uint32_t i = 0; i < c->n; i++)
			index_add(c, i);
	}
	return c;
}

struct crowd *
crowd_new(struct pool *pool, const struct subscription *first)
{
	struct crowd *c = pool_alloc(pool, bytes_of(SIZE_MIN));

	c->size = SIZE_MIN;
	c->n = 1;
	c->at[0] = *first;
	return c;
}

void
crowd_free(struct pool *pool, struct crowd *crowd)
{
	pool_free(pool, crowd, bytes_of(crowd->size));
}

struct subscription *
crowd_find(struct crowd *c, const struct topic_owner *owner)
{
	uint32_t *index, i;

	if (!is_indexed(c)) {
		for (i = 0; i < c->n; i++)
			if (c->at[i].owner == owner)
				return &c->at[i];
		return NULL;
	}
	index = index_of(c);
	for (i = home_of(c, owner); index[i] != 0; i = next_in_index(c, i))
		if (c->at[index[i] - 1].owner == owner)
			return &c->at[index[i] - 1];
	return NULL;
}

struct crowd *
crowd_add(struct pool *pool, struct crowd *c, const struct subscription *sub)
{
	if (c->n == c->size)
		c = resize(pool, c, 2 * c->size);
	c->at[c->n] = *sub;
	if (is_indexed(c))
		index_add(c, c->n);
	c->n++;
	return c;
}

struct crowd *
crowd_remove(struct pool *pool, struct crowd *c, struct subscription *sub)
{
	uint32_t place = (uint32_t)(sub - c->at), last = c->n - 1;

	if (is_indexed(c)) {
		index_remove(c, place);
		if (place != last)
			*index_entry(c, last) = place + 1;
	}
	*sub = c->at[last];
	c->n = last;
	return c->n * 4 < c->size ? resize(pool, c, c->size / 2) : c;
}
