#include "wire/msg_scan.h"

#include <string.h>

enum shape { NONE, FIXED, SIZED, COUNTED, PAIRED };

/* The heads 0xc0 to 0xdf, in the order of the specification's table. */
static const struct head {
	uint8_t type;
	uint8_t shape;
	uint8_t width; /* of the field after the head */
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

/* Reads a number after a head, big-endian, unsigned. */
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

bool
msg_is_shortest_str(const uint8_t *head, size_t n_head, size_t len)
{
	if (len < 32)
		return n_head == 1 && *head == (0xa0 | len);
	if (len <= UINT8_MAX)
		return n_head == 2 && *head == 0xd9;
	if (len <= UINT16_MAX)
		return n_head == 3 && *head == 0xda;
	return n_head == 5 && *head == 0xdb;
}
