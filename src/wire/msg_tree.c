#include "wire/msg_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

/* A node is msgpack-c's object under another name, so that its header stays
 * private. */
struct msg_tree {
	msgpack_unpacked result;
};

static const msgpack_object *
object(const struct msg_node *node)
{
	return (const msgpack_object *)(const void *)node;
}

static const struct msg_node *
as_node(const msgpack_object *o)
{
	return (const struct msg_node *)(const void *)o;
}

int
msg_tree_new(const void *body, size_t len, struct msg_tree **out)
{
	struct msg_tree *tree;
	msgpack_unpack_return r;
	size_t off = 0;

	if (msg_scan(body, len) != 0)
		return MSG_E_MALFORMED;
	tree = calloc(1, sizeof(*tree));
	if (tree == NULL)
		return -ENOMEM;
	msgpack_unpacked_init(&tree->result);
	r = msgpack_unpack_next(&tree->result, body, len, &off);
	if (r == MSGPACK_UNPACK_SUCCESS) {
		*out = tree;
		return 0;
	}
	msg_tree_free(tree);
	return r == MSGPACK_UNPACK_NOMEM_ERROR ? -ENOMEM : MSG_E_MALFORMED;
}

void
msg_tree_free(struct msg_tree *tree)
{
	if (tree == NULL)
		return;
	msgpack_unpacked_destroy(&tree->result);
	free(tree);
}

const struct msg_node *
msg_root(const struct msg_tree *tree)
{
	return as_node(&tree->result.data);
}

enum msg_type
msg_type(const struct msg_node *node)
{
	switch (object(node)->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		return MSG_BOOL;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return MSG_INT;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return MSG_FLOAT;
	case MSGPACK_OBJECT_STR:
		return MSG_STR;
	case MSGPACK_OBJECT_BIN:
		return MSG_BIN;
	case MSGPACK_OBJECT_ARRAY:
		return MSG_ARRAY;
	case MSGPACK_OBJECT_MAP:
		return MSG_MAP;
	case MSGPACK_OBJECT_EXT:
		return MSG_EXT;
	case MSGPACK_OBJECT_NIL:
		break;
	}
	return MSG_NIL;
}

size_t
msg_count(const struct msg_node *node)
{
	const msgpack_object *o = object(node);

	if (o->type == MSGPACK_OBJECT_ARRAY)
		return o->via.array.size;
	return o->type == MSGPACK_OBJECT_MAP ? o->via.map.size : 0;
}

const struct msg_node *
msg_at(const struct msg_node *node, size_t i)
{
	const msgpack_object *o = object(node);

	if (o->type == MSGPACK_OBJECT_ARRAY)
		return as_node(&o->via.array.ptr[i]);
	return as_node(&o->via.map.ptr[i].val);
}

const struct msg_node *
msg_key_at(const struct msg_node *node, size_t i)
{
	return as_node(&object(node)->via.map.ptr[i].key);
}

const struct msg_node *
msg_find(const struct msg_node *node, const char *key)
{
	const char *s;
	size_t len;

	if (msg_type(node) != MSG_MAP)
		return NULL;
	for (size_t i = 0; i < msg_count(node); i++)
		if (msg_str(msg_key_at(node, i), &s, &len) &&
		    len == strlen(key) && memcmp(s, key, len) == 0)
			return msg_at(node, i);
	return NULL;
}

bool
msg_int(const struct msg_node *node, int64_t *out)
{
	const msgpack_object *o = object(node);

	if (msg_type(node) != MSG_INT)
		return false;
	if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
	    o->via.u64 > INT64_MAX)
		return false;
	*out = o->via.i64;
	return true;
}

bool
msg_bool(const struct msg_node *node, bool *out)
{
	if (msg_type(node) != MSG_BOOL)
		return false;
	*out = object(node)->via.boolean;
	return true;
}

bool
msg_float(const struct msg_node *node, double *out)
{
	if (msg_type(node) != MSG_FLOAT)
		return false;
	*out = object(node)->via.f64;
	return true;
}

bool
msg_str(const struct msg_node *node, const char **out, size_t *len)
{
	const msgpack_object *o = object(node);

	if (o->type != MSGPACK_OBJECT_STR && o->type != MSGPACK_OBJECT_BIN)
		return false;
	/* str and bin have the same layout in msgpack-c's union. An empty one
	 * may have no address there. */
	*out = o->via.str.size == 0 ? "" : o->via.str.ptr;
	*len = o->via.str.size;
	return true;
}

const char *
msg_library_version(void)
{
	return msgpack_version();
}
