/*
 * table - pointers by a 32-bit hash, for an index of millions.
 *
 * The table does not know what it points to: it gives every entry of a hash,
 * and its owner tells them apart. It grows and shrinks by one bucket at a time,
 * so no call does more than a few entries' work however many there are.
 */
#ifndef PM2A_CORE_TABLE_H
#define PM2A_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket;
struct pool;

struct table {
	struct pool *pool;        /* of buckets that hang on others */
	struct bucket **segments; /* of buckets, as many in each */
	size_t segments_size;     /* how many there is room for */
	size_t n_buckets;
	size_t mask; /* the least 2^k - 1 that has all bucket numbers in it */
	size_t n_entries;
};

/* Where a search stands. */
struct table_cursor {
	const struct bucket *bucket;
	uint32_t hash;
	uint32_t slot;
};

/* pool outlives the table. */
void table_init(struct table *table, struct pool *pool);

/* The entries are left alone. Idempotent. */
void table_fini(struct table *table);

/* Adds entry, which is not NULL. */
void table_insert(struct table *table, uint32_t hash, void *entry);

/* Takes out entry, which must be there under hash. */
void table_remove(struct table *table, uint32_t hash, const void *entry);

/* The entries of hash, one after the other; NULL when there are no more. The
 * table must not change in between. */
void *table_first(
    const struct table *table, uint32_t hash, struct table_cursor *cursor);
void *table_next(struct table_cursor *cursor);

/* Has the processor fetch what table_first() will look at. */
void table_prefetch(const struct table *table, uint32_t hash);

/*
 * A walk in steps, between which the table may change: calls visit for each
 * entry of the bucket where *at stands, which is 0 at first, and moves it on.
 * Returns false once *at is at the end. An entry that is there from the first
 * step to the last is visited exactly once, any other at most once. visit must
 * not change the table.
 */
bool table_walk(const struct table *table, uint64_t *at,
    void (*visit)(void *entry, void *arg), void *arg);

#endif
