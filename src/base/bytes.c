#include "base/bytes.h"

struct bytes
bytes_over(const void *data, size_t len)
{
	const uint8_t *at = data;

	return (struct bytes){ .at = at, .end = at + len };
}

size_t
bytes_left(const struct bytes *b)
{
	return b->fault ? 0 : (size_t)(b->end - b->at);
}

const uint8_t *
bytes_take(struct bytes *b, size_t len)
{
	const uint8_t *at = b->at;

	if (bytes_left(b) < len || b->fault) {
		b->fault = true;
		return NULL;
	}
	b->at += len;
	return at;
}

static uint64_t
take_be(struct bytes *b, size_t len)
{
	const uint8_t *p = bytes_take(b, len);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
bytes_u8(struct bytes *b)
{
	return (uint8_t)take_be(b, 1);
}

uint16_t
bytes_u16(struct bytes *b)
{
	return (uint16_t)take_be(b, 2);
}

uint32_t
bytes_u32(struct bytes *b)
{
	return (uint32_t)take_be(b, 4);
}

uint64_t
bytes_u64(struct bytes *b)
{
	return take_be(b, 8);
}
