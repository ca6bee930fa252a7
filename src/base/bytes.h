/*
 * bytes - a cursor over borrowed bytes that carries its fault.
 *
 * Reading past the end sets the fault and returns zeros; the fault stays set.
 * So a parser reads all its fields in a row and checks once, at the end. The
 * cursor owns nothing. Everything is inline: the heads of frames are read with
 * it, hundreds in one read(2).
 */
#ifndef PM2A_BASE_BYTES_H
#define PM2A_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at;  /* the next byte to read */
	const uint8_t *end; /* one past the last */
	bool fault;         /* something read past the end */
};

/* Returns a cursor over `len` bytes at `data`, which must outlive it. */
static inline struct bytes
bytes_over(const void *data, size_t len)
{
	const uint8_t *at = data;

	return (struct bytes){ .at = at, .end = at + len };
}

/* Returns the number of bytes left; 0 after a fault. */
static inline size_t
bytes_left(const struct bytes *b)
{
	return b->fault ? 0 : (size_t)(b->end - b->at);
}

/* Skips the next `len` bytes and returns them. Returns NULL and sets the fault
 * if they don't fit. */
static inline const uint8_t *
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

/* Copies the next `len` bytes to `out`. On a fault, `out` is unchanged. */
static inline void
bytes_copy(struct bytes *b, void *out, size_t len)
{
	const uint8_t *at = bytes_take(b, len);

	if (at != NULL)
		memcpy(out, at, len);
}

/* Return the next integer, big-endian; 0 and the fault if it doesn't fit. */
static inline uint8_t
bytes_u8(struct bytes *b)
{
	uint8_t v = 0;

	bytes_copy(b, &v, sizeof(v));
	return v;
}

static inline uint16_t
bytes_u16(struct bytes *b)
{
	uint16_t v = 0;

	bytes_copy(b, &v, sizeof(v));
	return be16toh(v);
}

static inline uint32_t
bytes_u32(struct bytes *b)
{
	uint32_t v = 0;

	bytes_copy(b, &v, sizeof(v));
	return be32toh(v);
}

static inline uint64_t
bytes_u64(struct bytes *b)
{
	uint64_t v = 0;

	bytes_copy(b, &v, sizeof(v));
	return be64toh(v);
}

#endif
