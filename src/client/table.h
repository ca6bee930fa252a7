/*
 * table - open requests or questions by their id: nodes that are embedded in
 * the caller's structs. It allocates nothing and owns nothing. Ids are counted
 * up by their source, so the lowest bits spread them well.
 */
#ifndef PM2A_CLIENT_TABLE_H
#define PM2A_CLIENT_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define TABLE_N_BUCKETS 64

struct table_node {
	LIST_ENTRY(table_node) link;
	uint64_t id;
};

LIST_HEAD(table_bucket, table_node);

/* Zeroed is empty. */
struct table {
	struct table_bucket buckets[TABLE_N_BUCKETS];
	size_t n;
};

/* Adds a node. No node with `id` may be in the table. */
void table_add(struct table *table, struct table_node *node, uint64_t id);

/* Returns the node with `id`, or NULL. */
struct table_node *table_find(const struct table *table, uint64_t id);

/* Removes a node, which must be in the table. */
void table_remove(struct table *table, struct table_node *node);

/* Removes any node and returns it; NULL if the table is empty. */
struct table_node *table_pop(struct table *table);

/* Calls `fn` for each node; `fn` may remove that node. */
void table_each(struct table *table,
    void (*fn)(struct table_node *node, void *arg), void *arg);

#endif
