#include "wire/msg_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

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

	w->n_values++;
	msgpack_pack_nil(&pk);
}

void
msg_put_bool(struct msg_writer *w, bool v)
{
	msgpack_packer pk = packer(w);

	w->n_values++;
	if (v)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void
msg_put_int(struct msg_writer *w, int64_t v)
{
	msgpack_packer pk = packer(w);

	w->n_values++;
	msgpack_pack_int64(&pk, v);
}

void
msg_put_float(struct msg_writer *w, double v)
{
	msgpack_packer pk = packer(w);

	w->n_values++;
	msgpack_pack_double(&pk, v);
}

void
msg_put_strn(struct msg_writer *w, const void *s, size_t len)
{
	msgpack_packer pk = packer(w);

	w->n_values++;
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

	w->n_values++;
	msgpack_pack_bin(&pk, len);
	msgpack_pack_bin_body(&pk, data, len);
}

void
msg_put_bin_head(struct msg_writer *w, size_t len)
{
	msgpack_packer pk = packer(w);

	w->n_values++;
	msgpack_pack_bin(&pk, len);
}

void
msg_put_array(struct msg_writer *w, size_t n)
{
	msgpack_packer pk = packer(w);

	w->n_values += 1 - n;
	msgpack_pack_array(&pk, n);
}

void
msg_put_map(struct msg_writer *w, size_t n)
{
	msgpack_packer pk = packer(w);

	w->n_values += 1 - 2 * n;
	msgpack_pack_map(&pk, n);
}

void
msg_put_value(struct msg_writer *w, const void *data, size_t len)
{
	w->n_values++;
	msg_put_raw(w, data, len);
}

void
msg_put_pair_int(struct msg_writer *w, const char *key, int64_t value)
{
	msg_put_str(w, key);
	msg_put_int(w, value);
}

void
msg_put_pair_str(struct msg_writer *w, const char *key, const char *value)
{
	msg_put_str(w, key);
	msg_put_str(w, value == NULL ? "" : value);
}

/* The head of an open map or array has one byte until it is ended. */
static struct msg_open
begin(struct msg_writer *w)
{
	struct msg_open open = { w->len, w->n_values };

	msg_put_raw(w, "", 1);
	w->n_values = 0;
	return open;
}

static void
put_u16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* `fixed` is the head of up to 15 elements, and `wide` that of 65,535. */
static void
end(struct msg_writer *w, struct msg_open open, size_t n, uint8_t fixed,
    uint8_t wide)
{
	static const uint8_t more[4];
	size_t n_more = n < 16 ? 0 : n <= UINT16_MAX ? 2 : 4;
	uint8_t *head;

	w->n_values = open.n_before + 1;
	msg_put_raw(w, more, n_more);
	if (w->fault)
		return;
	head = w->data + open.at;
	if (n_more > 0)
		memmove(
		    head + 1 + n_more, head + 1, w->len - open.at - 1 - n_more);
	*head = n_more == 0 ? (uint8_t)(fixed | n) : wide;
	if (n_more == 4) {
		*head = (uint8_t)(wide + 1);
		put_u16(head + 1, n >> 16);
		put_u16(head + 3, n);
	} else if (n_more == 2) {
		put_u16(head + 1, n);
	}
}

struct msg_open
msg_begin_map(struct msg_writer *w)
{
	return begin(w);
}

void
msg_end_map(struct msg_writer *w, struct msg_open open)
{
	assert(w->fault || w->n_values % 2 == 0);
	end(w, open, w->n_values / 2, 0x80, 0xde);
}

struct msg_open
msg_begin_array(struct msg_writer *w)
{
	return begin(w);
}

void
msg_end_array(struct msg_writer *w, struct msg_open open)
{
	end(w, open, w->n_values, 0x90, 0xdc);
}
