#include "core/table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/pool.h"
#include "base/xalloc.h"

/*
 * With a million topics every step of a lookup is a cache miss, so its cost is
 * the number of lines that it touches. A bucket is one line of 64 bytes: five
 * hashes and five pointers. The whole hash is compared before a pointer is
 * followed, so no other entry's memory is ever read. A bucket of more than five
 * keeps a further bucket in its last slot; at the load kept here that is one
 * lookup in twelve. Pointers with tags in their unused bits would make it seven
 * entries a line, at the price of what the next processor does with those bits.
 *
 * Growth is linear hashing (Litwin, 1980): bucket number n is added by
 * splitting bucket n - 2^k, and the other way round. A table that doubles would
 * hold the loop for tens of milliseconds and have two copies of itself at that
 * time; one that moves its entries bit by bit from the old copy to the new one
 * makes every lookup look at both. Here there is one copy, its memory follows
 * the number of entries, and since the hash is in the bucket a split follows no
 * pointer.
 */
#define N_SLOTS 5
#define CHAINED (N_SLOTS + 1)
#define CACHE_LINE 64
#define SEGMENT ((size_t)256) /* buckets */
#define SPLIT_LOAD 3          /* entries a bucket, above which one is added */
#define MERGE_LOAD 1          /* and below which one is taken away */

struct bucket {
	uint32_t hash[N_SLOTS];
	uint32_t n; /* slots in use; or CHAINED: all, the last by next */
	union {
		void *entry;
		struct bucket *next; /* of two entries or more */
	} at[N_SLOTS];
};

_Static_assert(sizeof(struct bucket) == CACHE_LINE || sizeof(void *) != 8,
    "a bucket is a cache line");

static struct bucket *
bucket_at(const struct table *t, size_t i)
{
	return &t->segments[i / SEGMENT][i % SEGMENT];
}

static struct bucket *
bucket_of(const struct table *t, uint32_t hash)
{
	size_t i = hash & t->mask;

	return bucket_at(t, i < t->n_buckets ? i : i & (t->mask >> 1));
}

/* Room for bucket number t->n_buckets. */
static void
add_segment(struct table *t)
{
	size_t n = t->n_buckets / SEGMENT;

	if (n == t->segments_size) {
		t->segments_size = n == 0 ? 4 : 2 * n;
		t->segments = xreallocarray(
		    t->segments, t->segments_size, sizeof(*t->segments));
	}
	t->segments[n] = xaligned(CACHE_LINE, SEGMENT * sizeof(struct bucket));
}

void
table_init(struct table *t, struct pool *pool)
{
	*t = (struct table){ .pool = pool, .mask = SEGMENT - 1 };
	add_segment(t);
	t->n_buckets = SEGMENT;
	for (size_t i = 0; i < SEGMENT; i++)
		bucket_at(t, i)->n = 0;
}

/* Frees what hangs on a bucket, of which b is a copy. */
static void
chain_free(struct table *t, struct bucket b)
{
	struct bucket *next;

	while (b.n == CHAINED) {
		next = b.at[N_SLOTS - 1].next;
		b = *next;
		pool_free(t->pool, next, sizeof(*next));
	}
}

void
table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++)
		chain_free(t, *bucket_at(t, i));
	for (size_t i = 0; i < t->n_buckets; i += SEGMENT)
		free(t->segments[i / SEGMENT]);
	free(t->segments);
	*t = (struct table){ .n_buckets = 0 };
}

static void
put(struct bucket *b, uint32_t hash, void *entry)
{
	b->hash[b->n] = hash;
	b->at[b->n++].entry = entry;
}

static void
bucket_add(struct table *t, struct bucket *b, uint32_t hash, void *entry)
{
	struct bucket *further;

	while (b->n == CHAINED)
		b = b->at[N_SLOTS - 1].next;
	if (b->n == N_SLOTS) {
		further = pool_alloc(t->pool, sizeof(*further));
		further->n = 0;
		put(further, b->hash[N_SLOTS - 1], b->at[N_SLOTS - 1].entry);
		b->n = CHAINED;
		b->at[N_SLOTS - 1].next = further;
		b = further;
	}
	put(b, hash, entry);
}

/* Adds all entries of from, which is a copy of a bucket, to low, or to high
 * where the bit of their hash is set; and frees what hangs on from. */
static void
bucket_share_out(struct table *t, struct bucket from, struct bucket *low,
    struct bucket *high, size_t bit)
{
	struct bucket *b = &from;
	uint32_t n;

	for (;;) {
		n = b->n == CHAINED ? N_SLOTS - 1 : b->n;
		for (uint32_t i = 0; i < n; i++)
			bucket_add(t, b->hash[i] & bit ? high : low, b->hash[i],
			    b->at[i].entry);
		if (b->n != CHAINED)
			break;
		b = b->at[N_SLOTS - 1].next;
	}
	chain_free(t, from);
}

/* The bit by which a bucket and the one that it was split from differ. */
static size_t
split_bit(const struct table *t)
{
	return (t->mask >> 1) + 1;
}

static void
grow(struct table *t)
{
	size_t n = t->n_buckets;
	struct bucket *low, *high, from;

	if (n % SEGMENT == 0)
		add_segment(t);
	if (n > t->mask)
		t->mask = 2 * t->mask + 1;
	t->n_buckets++;
	high = bucket_at(t, n);
	low = bucket_at(t, n - split_bit(t));
	from = *low;
	low->n = high->n = 0;
	bucket_share_out(t, from, low, high, split_bit(t));
}

static void
shrink(struct table *t)
{
	size_t n = t->n_buckets - 1;
	struct bucket *low = bucket_at(t, n - split_bit(t));

	bucket_share_out(t, *bucket_at(t, n), low, low, 0);
	t->n_buckets = n;
	if (n == split_bit(t))
		t->mask >>= 1;
	if (n % SEGMENT == 0)
		free(t->segments[n / SEGMENT]);
}

void
table_insert(struct table *t, uint32_t hash, void *entry)
{
	bucket_add(t, bucket_of(t, hash), hash, entry);
	if (++t->n_entries > SPLIT_LOAD * t->n_buckets)
		grow(t);
}

/* The last of the chain, which has entries of its own, and before it the one
 * that it hangs on, or NULL. */
static struct bucket *
chain_last(struct bucket *b, struct bucket **before)
{
	*before = NULL;
	while (b->n == CHAINED) {
		*before = b;
		b = b->at[N_SLOTS - 1].next;
	}
	return b;
}

/* Fills slot i of b, which is of the chain that begins with first, with the
 * last entry of the chain. */
static void
fill_slot(struct table *t, struct bucket *first, struct bucket *b, uint32_t i)
{
	struct bucket *before, *last = chain_last(first, &before);

	last->n--;
	b->hash[i] = last->hash[last->n];
	b->at[i] = last->at[last->n];
	if (before == NULL || last->n > 1)
		return;
	before->n = N_SLOTS - 1;
	put(before, last->hash[0], last->at[0].entry);
	pool_free(t->pool, last, sizeof(*last));
}

void
table_remove(struct table *t, uint32_t hash, const void *entry)
{
	struct bucket *first = bucket_of(t, hash), *b = first;
	uint32_t i = 0;

	while (b->at[i].entry != entry || b->hash[i] != hash) {
		assert(i + 1 < b->n);
		if (++i == N_SLOTS - 1 && b->n == CHAINED) {
			b = b->at[i].next;
			i = 0;
		}
	}
	fill_slot(t, first, b, i);
	t->n_entries--;
	if (t->n_entries < MERGE_LOAD * t->n_buckets && t->n_buckets > SEGMENT)
		shrink(t);
}

void *
table_first(const struct table *t, uint32_t hash, struct table_cursor *cursor)
{
	*cursor = (struct table_cursor){ bucket_of(t, hash), hash, 0 };
	return table_next(cursor);
}

void *
table_next(struct table_cursor *c)
{
	const struct bucket *b = c->bucket;
	uint32_t i = c->slot;

	for (;; i++) {
		if (b->n == CHAINED && i == N_SLOTS - 1) {
			b = b->at[i].next;
			i = 0;
		}
		if (i == b->n)
			return NULL;
		if (b->hash[i] == c->hash)
			break;
	}
	c->bucket = b;
	c->slot = i + 1;
	return b->at[i].entry;
}

void
table_prefetch(const struct table *t, uint32_t hash)
{
	__builtin_prefetch(bucket_of(t, hash));
}

static uint32_t
reversed(uint32_t v)
{
	v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(v);
}

/*
 * A bucket has all hashes of the same low bits. With their bits reversed these
 * follow each other, and splitting a bucket cuts them in two. So a walk in that
 * order stands between two hashes, whatever buckets come and go: it has visited
 * all entries before it, and none behind it.
 */
static uint64_t
bucket_end(const struct table *t, uint32_t hash)
{
	size_t i = hash & t->mask;
	size_t bit = split_bit(t);
	/* Whether it has one bit less in common than mask has. */
	bool is_whole = (i | bit) >= t->n_buckets;
	uint64_t size = (uint64_t)1 << 32;

	size /= is_whole ? bit : t->mask + 1;
	return (reversed(hash) & ~(size - 1)) + size;
}

bool
table_walk(const struct table *t, uint64_t *at,
    void (*visit)(void *entry, void *arg), void *arg)
{
	uint32_t hash = reversed((uint32_t)*at);
	const struct bucket *b = bucket_of(t, hash);
	uint64_t end = bucket_end(t, hash);
	uint32_t n;

	__builtin_prefetch(bucket_of(t, reversed((uint32_t)end)));
	for (;;) {
		n = b->n == CHAINED ? N_SLOTS - 1 : b->n;
		for (uint32_t i = 0; i < n; i++)
			if (reversed(b->hash[i]) >= *at)
				visit(b->at[i].entry, arg);
		if (b->n != CHAINED)
			break;
		b = b->at[N_SLOTS - 1].next;
	}
	*at = end;
	return end < (uint64_t)1 << 32;
}
