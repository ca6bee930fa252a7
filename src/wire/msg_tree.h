/*
 * msg_tree - a msgpack body as a tree of nodes, built by msgpack-c.
 */
#ifndef PM2A_WIRE_MSG_TREE_H
#define PM2A_WIRE_MSG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/msg_scan.h"

struct msg_tree;
struct msg_node; /* a value in a tree; lives as long as the tree */

/* Builds the tree of `len` bytes, which must outlive it. Returns 0,
 * MSG_E_MALFORMED or -ENOMEM. */
int must_check msg_tree_new(
    const void *body, size_t len, struct msg_tree **out);

/* NULL is allowed. */
void msg_tree_free(struct msg_tree *tree);

const struct msg_node *msg_root(const struct msg_tree *tree);

enum msg_type msg_type(const struct msg_node *node);

/* Returns the number of elements of an array or pairs of a map; 0 for other
 * types. */
size_t msg_count(const struct msg_node *node);

/* Returns element or value number `i`, which must exist. */
const struct msg_node *msg_at(const struct msg_node *node, size_t i);

/* Returns key number `i` of a map, which must exist. */
const struct msg_node *msg_key_at(const struct msg_node *node, size_t i);

/* Returns the value of the first key that is the string `key`; NULL if `node`
 * is not a map or has no such key. */
const struct msg_node *msg_find(const struct msg_node *node, const char *key);

/* Return the value as a C type; false if it has another type or does not fit.
 */
bool msg_int(const struct msg_node *node, int64_t *out);

bool msg_bool(const struct msg_node *node, bool *out);

bool msg_float(const struct msg_node *node, double *out);

/* Returns the bytes of a str or bin, not terminated; false for other types. */
bool msg_str(const struct msg_node *node, const char **out, size_t *len);

/* Returns msgpack-c's version: "4.0.0". */
const char *msg_library_version(void);

#endif
