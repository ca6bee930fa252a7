/*
 * frame - finds one frame in a buffer, and writes headers.
 *
 * Layout and types are those of docs/PROTOCOL.md. This module knows the form of
 * a frame, not its meaning: the edge decides whether a type is allowed now, in
 * this direction, with these flags. It owns no memory.
 */
#ifndef PM2A_WIRE_FRAME_H
#define PM2A_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FRAME_LENGTH_SIZE 4 /* of the length, not counted by it */
#define FRAME_HEADER_SIZE 8
#define FRAME_TOPICS_MAX 65536 /* of one SUBSCRIBE or UNSUBSCRIBE */
#define FRAME_SEVERAL_MAX 4096 /* topics of one PUBLISH or ASK */

/* FRAME_HELLO is 0x01, and frame_type_name() of it is "HELLO". */
#define FRAME_TYPES(TYPE)       \
	TYPE(HELLO, 0x01)       \
	TYPE(WELCOME, 0x02)     \
	TYPE(SUBSCRIBE, 0x03)   \
	TYPE(UNSUBSCRIBE, 0x04) \
	TYPE(PUBLISH, 0x10)     \
	TYPE(ASK, 0x20)         \
	TYPE(QUESTION, 0x21)    \
	TYPE(ANSWER, 0x22)      \
	TYPE(RESULT, 0x23)      \
	TYPE(PART, 0x24)        \
	TYPE(PRESENCE, 0x30)    \
	TYPE(PING, 0x40)        \
	TYPE(PONG, 0x41)        \
	TYPE(STATS, 0x50)       \
	TYPE(STATS_REPLY, 0x51) \
	TYPE(ERROR, 0x60)       \
	TYPE(GOODBYE, 0x61)

#define FRAME_CONSTANT(name, number) FRAME_##name = number,
enum frame_type { FRAME_TYPES(FRAME_CONSTANT) };

/* Flags of SUBSCRIBE and UNSUBSCRIBE, of PUBLISH, and of ASK. */
#define FRAME_BY_PREFIX 0x01
#define FRAME_AS_MEMBER 0x02
#define FRAME_VOLATILE 0x01
#define FRAME_TO_SUBSCRIBERS 0x01
#define FRAME_SEVERAL 0x02 /* PUBLISH and ASK */

/* A frame in a borrowed buffer. */
struct frame {
	const uint8_t *start; /* its first byte */
	size_t size;          /* total bytes, length field included */
	uint8_t type;
	uint8_t flags;
	const uint8_t *topic;
	size_t topic_len;
	const uint8_t *body;
	size_t body_len;
};

enum frame_verdict {
	FRAME_READY,   /* *out is a whole frame */
	FRAME_SHORT,   /* more bytes are needed */
	FRAME_ALIEN,   /* the header contradicts itself */
	FRAME_TOO_BIG, /* the length is above max */
};

/*
 * Looks at the `len` bytes at `buf`, where a frame begins. `max` is the largest
 * allowed length field. On READY *out is the frame, pointing into `buf`. On
 * SHORT out->size is the frame's total size, or 0 while unknown. If the size is
 * known, on TOO_BIG too, the header is complete, and type, flags and topic_len
 * are set.
 */
enum frame_verdict must_check frame_peek(
    const void *buf, size_t len, uint32_t max, struct frame *out);

/*
 * Finds the run of whole frames, beginning with `f`, that have its head (type
 * to end of topic) and so the same receivers. `len` is the number of bytes from
 * f->start on, at least f->size; none beyond it are looked at. *n is the number
 * of frames, at least 1. Returns their bytes: at most `max`, except for `f`
 * itself.
 */
size_t frame_run(const struct frame *f, size_t len, size_t max, uint32_t *n);

/*
 * Writes the header and the topic of a frame whose body will be `body_len`
 * bytes into `out`, which has room for FRAME_HEADER_SIZE + topic_len.
 * `topic_len` is at most 65535, and the total fits into 32 bits. Returns the
 * bytes written.
 */
size_t frame_write_head(uint8_t *out, enum frame_type type, uint8_t flags,
    const void *topic, size_t topic_len, size_t body_len);

/* Returns "PUBLISH" and so on; "unknown" for other types. */
const char *frame_type_name(uint8_t type);

#endif
