#include "wire/frame.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

/*
 * frame_peek() keeps nothing between calls. A state machine that consumes bytes
 * as they arrive would have to handle cuts; this looks at the buffer again and
 * returns SHORT, and a test feeds it every prefix of every frame. The length is
 * checked as soon as it is there, so invalid input is refused before it is
 * complete, and nothing is allocated for a length that was only declared.
 */

enum frame_verdict
frame_peek(const void *buf, size_t len, uint32_t max, struct frame *out)
{
	struct bytes b = bytes_over(buf, len);
	uint32_t length = bytes_u32(&b);
	uint8_t type = bytes_u8(&b), flags = bytes_u8(&b);
	size_t topic_len = bytes_u16(&b);

	*out = (struct frame){ .start = buf };
	if (len < FRAME_LENGTH_SIZE)
		return FRAME_SHORT;
	if (length < FRAME_HEADER_SIZE - FRAME_LENGTH_SIZE)
		return FRAME_ALIEN;
	if (b.fault)
		return FRAME_SHORT;
	out->size = (size_t)length + FRAME_LENGTH_SIZE;
	out->type = type;
	out->flags = flags;
	out->topic_len = topic_len;
	if (topic_len > out->size - FRAME_HEADER_SIZE)
		return FRAME_ALIEN;
	if (length > max)
		return FRAME_TOO_BIG;
	if (len < out->size)
		return FRAME_SHORT;
	out->topic = out->start + FRAME_HEADER_SIZE;
	out->body = out->topic + topic_len;
	out->body_len = out->size - FRAME_HEADER_SIZE - topic_len;
	return FRAME_READY;
}

static uint64_t
word(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Whether two heads of `len` bytes, which begin with the same word, are the
 * same. */
static bool
is_same_head(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t last = len - sizeof(uint64_t);

	for (size_t i = sizeof(uint64_t); i < last; i += sizeof(uint64_t))
		if (word(a + i) != word(b + i))
			return false;
	return word(a + last) == word(b + last);
}

/* Returns the size of the frame at `buf` if it is whole and has the head of
 * `f`, but for the length; 0 otherwise. */
static size_t
follower_size(const struct frame *f, const uint8_t *buf, size_t len)
{
	size_t head = FRAME_HEADER_SIZE + f->topic_len;
	struct bytes b = bytes_over(buf, len);
	size_t size = (size_t)bytes_u32(&b) + FRAME_LENGTH_SIZE;

	if (len < head || size < head || size > len)
		return 0;
	if (memcmp(buf + FRAME_LENGTH_SIZE, f->start + FRAME_LENGTH_SIZE,
		head - FRAME_LENGTH_SIZE) != 0)
		return 0;
	return size;
}

/* Where the next frame begins is not asked of one that has the size of the
 * first: so the processor need not wait for it, and reads ahead. */
size_t
frame_run(const struct frame *f, size_t len, size_t max, uint32_t *n)
{
	const size_t head = FRAME_HEADER_SIZE + f->topic_len;
	const uint64_t first = word(f->start);
	const uint8_t *at;
	size_t end = len < max ? len : max, run = f->size, size;
	uint32_t n_frames = 1;

	for (; run + FRAME_HEADER_SIZE <= end; n_frames++) {
		size = f->size;
		at = f->start + run;
		if (word(at) != first)
			size = follower_size(f, at, end - run);
		else if (size > end - run || !is_same_head(at, f->start, head))
			break;
		if (size == 0)
			break;
		run += size;
	}
	*n = n_frames;
	return run;
}

size_t
frame_write_head(uint8_t *out, enum frame_type type, uint8_t flags,
    const void *topic, size_t topic_len, size_t body_len)
{
	size_t length =
	    FRAME_HEADER_SIZE - FRAME_LENGTH_SIZE + topic_len + body_len;

	assert(topic_len <= UINT16_MAX && length <= UINT32_MAX);
	out[0] = (uint8_t)(length >> 24);
	out[1] = (uint8_t)(length >> 16);
	out[2] = (uint8_t)(length >> 8);
	out[3] = (uint8_t)length;
	out[4] = (uint8_t)type;
	out[5] = flags;
	out[6] = (uint8_t)(topic_len >> 8);
	out[7] = (uint8_t)topic_len;
	if (topic_len > 0)
		memcpy(out + FRAME_HEADER_SIZE, topic, topic_len);
	return FRAME_HEADER_SIZE + topic_len;
}

const char *
frame_type_name(uint8_t type)
{
#define NAME(name, number) [number] = #name,
	static const char *const names[UINT8_MAX + 1] = { FRAME_TYPES(NAME) };
#undef NAME

	return names[type] == NULL ? "unknown" : names[type];
}
