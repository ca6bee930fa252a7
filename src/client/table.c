#include "client/table.h"

static struct table_bucket *
bucket_of(const struct table *table, uint64_t id)
{
	return (struct table_bucket *)(uintptr_t)&table
	    ->buckets[id % TABLE_N_BUCKETS];
}

void
table_add(struct table *table, struct table_node *node, uint64_t id)
{
	node->id = id;
	LIST_INSERT_HEAD(bucket_of(table, id), node, link);
	table->n++;
}

struct table_node *
table_find(const struct table *table, uint64_t id)
{
	struct table_node *node;

	LIST_FOREACH (node, bucket_of(table, id), link)
		if (node->id == id)
			return node;
	return NULL;
}

void
table_remove(struct table *table, struct table_node *node)
{
	LIST_REMOVE(node, link);
	table->n--;
}

struct table_node *
table_pop(struct table *table)
{
	struct table_node *node = NULL;

	for (size_t i = 0; i < TABLE_N_BUCKETS && node == NULL; i++)
		node = LIST_FIRST(&table->buckets[i]);
	if (node != NULL)
		table_remove(table, node);
	return node;
}

void
table_each(struct table *table, void (*fn)(struct table_node *node, void *arg),
    void *arg)
{
	struct table_node *node, *next;

	for (size_t i = 0; i < TABLE_N_BUCKETS; i++)
		for (node = LIST_FIRST(&table->buckets[i]); node != NULL;
		     node = next) {
			next = LIST_NEXT(node, link);
			fn(node, arg);
		}
}
