/*
 * table - open questions by their number: nodes that are embedded in somebody's
 * struct. It allocates nothing and owns nothing. Numbers are counted up by who
 * gives them, so the lowest bits spread them well.
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

/* id must not be in the table. */
void table_add(struct table *table, struct table_node *node, uint64_t id);

/* NULL where there is none. */
struct table_node *table_find(const struct table *table, uint64_t id);

/* node must be in the table. */
void table_remove(struct table *table, struct table_node *node);

/* Takes one out, whichever; NULL where there is none. */
struct table_node *table_pop(struct table *table);

/* Calls fn for each; it may take that one out. */
void table_each(struct table *table,
    void (*fn)(struct table_node *node, void *arg), void *arg);

#endif
