#include "wire/msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

enum shape { NONE, FIXED, SIZED, COUNTED, PAIRED };

/* The heads 0xc0 to 0xdf, in the order of the specification's table. */
static const struct head {
	uint8_t type;
	uint8_t shape;
	uint8_t width; /* of the field behind the head */
	uint8_t extra; /* bytes of an ext's type */
} heads[32] = {
	{ MSG_NIL, FIXED, 0, 0 },
	{ MSG_NIL, NONE, 0, 0 },
	{ MSG_BOOL, FIXED, 0, 0 },
	{ MSG_BOOL, FIXED, 0, 0 },
	{ MSG_BIN, SIZED, 1, 0 },
	{ MSG_BIN, SIZED, 2, 0 },
	{ MSG_BIN, SIZED, 4, 0 },
	{ MSG_EXT, SIZED, 1, 1 },
	{ MSG_EXT, SIZED, 2, 1 },
	{ MSG_EXT, SIZED, 4, 1 },
	{ MSG_FLOAT, FIXED, 4, 0 },
	{ MSG_FLOAT, FIXED, 8, 0 },
	{ MSG_INT, FIXED, 1, 0 },
	{ MSG_INT, FIXED, 2, 0 },
	{ MSG_INT, FIXED, 4, 0 },
	{ MSG_INT, FIXED, 8, 0 },
	{ MSG_INT, FIXED, 1, 0 },
	{ MSG_INT, FIXED, 2, 0 },
	{ MSG_INT, FIXED, 4, 0 },
	{ MSG_INT, FIXED, 8, 0 },
	{ MSG_EXT, FIXED, 2, 0 },
	{ MSG_EXT, FIXED, 3, 0 },
	{ MSG_EXT, FIXED, 5, 0 },
	{ MSG_EXT, FIXED, 9, 0 },
	{ MSG_EXT, FIXED, 17, 0 },
	{ MSG_STR, SIZED, 1, 0 },
	{ MSG_STR, SIZED, 2, 0 },
	{ MSG_STR, SIZED, 4, 0 },
	{ MSG_ARRAY, COUNTED, 2, 0 },
	{ MSG_ARRAY, COUNTED, 4, 0 },
	{ MSG_MAP, PAIRED, 2, 0 },
	{ MSG_MAP, PAIRED, 4, 0 },
};

static uint64_t
take_uint(struct bytes *b, uint8_t width)
{
	switch (width) {
	case 1:
		return bytes_u8(b);
	case 2:
		return bytes_u16(b);
	default:
		return bytes_u32(b);
	}
}

static bool
take_headed(struct bytes *b, const struct head *h, struct msg_token *out)
{
	out->type = h->type;
	switch ((enum shape)h->shape) {
	case NONE:
		return false;
	case FIXED:
		out->len = h->width;
		out->data = bytes_take(b, out->len);
		break;
	case SIZED:
		out->len = take_uint(b, h->width);
		bytes_take(b, h->extra);
		out->data = bytes_take(b, out->len);
		break;
	case COUNTED:
		out->n_children = take_uint(b, h->width);
		break;
	case PAIRED:
		out->n_children = 2 * take_uint(b, h->width);
		break;
	}
	return !b->fault;
}

bool
msg_take(struct bytes *b, struct msg_token *out)
{
	uint8_t c = bytes_u8(b);

	*out = (struct msg_token){ .type = MSG_INT, .head = c };
	if (b->fault)
		return false;
	if (c < 0x80 || c >= 0xe0)
		return true;
	if (c >= 0xc0)
		return take_headed(b, &heads[c - 0xc0], out);
	if (c >= 0xa0) {
		out->type = MSG_STR;
		out->len = c & 0x1f;
		out->data = bytes_take(b, out->len);
		return !b->fault;
	}
	out->type = c >= 0x90 ? MSG_ARRAY : MSG_MAP;
	out->n_children = c >= 0x90 ? c & 0x0f : 2 * (c & 0x0f);
	return true;
}

/* A number behind a head, big-endian and without its sign. */
static uint64_t
unsigned_of(const struct msg_token *t)
{
	uint64_t v = 0;

	for (size_t i = 0; i < t->len; i++)
		v = v << 8 | t->data[i];
	return v;
}

bool
msg_token_int(const struct msg_token *t, int64_t *out)
{
	uint64_t v;

	if (t->type != MSG_INT)
		return false;
	if (t->len == 0) {
		*out = (int8_t)t->head;
		return true;
	}
	v = unsigned_of(t);
	if (t->head >= 0xd0 && t->len < sizeof(v) && (t->data[0] & 0x80) != 0)
		v |= UINT64_MAX << 8 * t->len;
	if (t->head < 0xd0 && v > INT64_MAX)
		return false;
	*out = (int64_t)v;
	return true;
}

bool
msg_token_float(const struct msg_token *t, double *out)
{
	uint64_t wide;
	uint32_t narrow;
	float f;

	if (t->type != MSG_FLOAT)
		return false;
	wide = unsigned_of(t);
	if (t->len == sizeof(wide)) {
		memcpy(out, &wide, sizeof(*out));
		return true;
	}
	narrow = (uint32_t)wide;
	memcpy(&f, &narrow, sizeof(f));
	*out = (double)f;
	return true;
}

bool
msg_skip(struct bytes *b)
{
	struct msg_token t;

	for (uint64_t n_left = 1; n_left > 0; n_left--) {
		if (!msg_take(b, &t) || t.n_children > bytes_left(b))
			return false;
		n_left += t.n_children;
	}
	return true;
}

int
msg_scan(const void *body, size_t len)
{
	struct bytes b = bytes_over(body, len);
	uint64_t n_left[MSG_DEPTH_MAX + 1] = { 1 };
	size_t depth = 0;
	struct msg_token t;

	for (;;) {
		while (n_left[depth] == 0) {
			if (depth == 0)
				return bytes_left(&b) == 0 ? 0
							   : MSG_E_MALFORMED;
			depth--;
		}
		n_left[depth]--;
		if (!msg_take(&b, &t) || t.n_children > bytes_left(&b))
			return MSG_E_MALFORMED;
		if (t.type != MSG_ARRAY && t.type != MSG_MAP)
			continue;
		if (depth == MSG_DEPTH_MAX)
			return MSG_E_MALFORMED;
		n_left[++depth] = t.n_children;
	}
}

int
msg_topics_open(const void *body, size_t len, struct msg_topics *out)
{
	struct bytes b = bytes_over(body, len);
	struct msg_token t;

	if (!msg_take(&b, &t) || t.type != MSG_ARRAY ||
	    t.n_children > bytes_left(&b))
		return MSG_E_MALFORMED;
	*out = (struct msg_topics){ b, (uint32_t)t.n_children };
	for (uint64_t i = 0, n = t.n_children; i < n; i++)
		if (!msg_take(&b, &t) ||
		    (t.type != MSG_STR && t.type != MSG_BIN))
			return MSG_E_MALFORMED;
	return bytes_left(&b) == 0 ? 0 : MSG_E_MALFORMED;
}

bool
msg_topics_next(struct msg_topics *topics, const uint8_t **topic, size_t *len)
{
	struct msg_token t;

	if (topics->n_left == 0 || !msg_take(&topics->rest, &t))
		return false;
	topics->n_left--;
	*topic = t.data;
	*len = t.len;
	return true;
}

/* A node is msgpack-c's object under a name that its header can't leak by. */
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

void
msg_writer_fini(struct msg_writer *w)
{
	free(w->data);
	*w = (struct msg_writer){ 0 };
}

uint8_t *
msg_reserve(struct msg_writer *w, size_t len)
{
	size_t size = w->size == 0 ? 256 : w->size;
	uint8_t *grown;

	while (size - w->len < len)
		size *= 2;
	if (!w->fault && size != w->size) {
		grown = realloc(w->data, size);
		w->fault = grown == NULL;
		if (grown != NULL) {
			w->data = grown;
			w->size = size;
		}
	}
	return w->fault ? NULL : w->data + w->len;
}

void
msg_put_raw(struct msg_writer *w, const void *data, size_t len)
{
	uint8_t *to = msg_reserve(w, len);

	if (to == NULL || len == 0)
		return;
	memcpy(to, data, len);
	w->len += len;
}

static int
write_packed(void *user, const char *data, size_t len)
{
	struct msg_writer *w = user;

	msg_put_raw(w, data, len);
	return w->fault ? -1 : 0;
}

static msgpack_packer
packer(struct msg_writer *w)
{
	return (msgpack_packer){ .data = w, .callback = write_packed };
}

void
msg_put_nil(struct msg_writer *w)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_nil(&pk);
}

void
msg_put_bool(struct msg_writer *w, bool v)
{
	msgpack_packer pk = packer(w);

	if (v)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void
msg_put_int(struct msg_writer *w, int64_t v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_int64(&pk, v);
}

void
msg_put_float(struct msg_writer *w, double v)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_double(&pk, v);
}

void
msg_put_strn(struct msg_writer *w, const void *s, size_t len)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_str(&pk, len);
	msgpack_pack_str_body(&pk, s, len);
}

void
msg_put_str(struct msg_writer *w, const char *s)
{
	msg_put_strn(w, s, strlen(s));
}

void
msg_put_bin(struct msg_writer *w, const void *data, size_t len)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_bin(&pk, len);
	msgpack_pack_bin_body(&pk, data, len);
}

void
msg_put_array(struct msg_writer *w, size_t n)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_array(&pk, n);
}

void
msg_put_map(struct msg_writer *w, size_t n)
{
	msgpack_packer pk = packer(w);

	msgpack_pack_map(&pk, n);
}

const char *
msg_library_version(void)
{
	return msgpack_version();
}
