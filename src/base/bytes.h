/*
 * bytes - a cursor over borrowed bytes that carries its fault.
 *
 * Reading past the end sets the fault and gives zeros; it stays set. So a
 * parser reads all its fields in a row and asks once, at the end. The cursor
 * owns nothing.
 */
#ifndef PM2A_BASE_BYTES_H
#define PM2A_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at;  /* the next byte to read */
	const uint8_t *end; /* one past the last */
	bool fault;         /* something read past the end */
};

/* A cursor over len bytes at data, which must outlive it. */
struct bytes bytes_over(const void *data, size_t len);

/* How many bytes are left; 0 once there was a fault. */
size_t bytes_left(const struct bytes *b);

/* The next integer, big-endian; 0 and the fault where it would not fit. */
uint8_t bytes_u8(struct bytes *b);
uint16_t bytes_u16(struct bytes *b);
uint32_t bytes_u32(struct bytes *b);
uint64_t bytes_u64(struct bytes *b);

/* The next len bytes, skipped over; NULL and the fault where they don't fit. */
const uint8_t *bytes_take(struct bytes *b, size_t len);

#endif
