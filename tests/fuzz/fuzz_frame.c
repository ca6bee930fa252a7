/*
 * Frames: whatever the bytes, frame_peek() stays inside them, a READY frame
 * lies in the buffer, and a prefix of a READY frame is SHORT.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

#define MAX_FRAME 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_prefixes(const struct frame *f)
{
	struct frame cut;

	for (size_t n = 0; n < f->size; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, f->start, n);
		assert(frame_peek(copy, n, MAX_FRAME, &cut) == FRAME_SHORT);
		free(copy);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame f;
	uint32_t n;

	while (frame_peek(data, len, MAX_FRAME, &f) == FRAME_READY) {
		assert(f.size >= FRAME_HEADER_SIZE && f.size <= len);
		assert(f.body + f.body_len == data + f.size);
		assert(frame_run(&f, f.size, f.size, &n) == f.size && n == 1);
		assert(frame_run(&f, len, len, &n) >= f.size);
		assert(frame_run(&f, len, len, &n) <= len && n >= 1);
		if (f.size < 256)
			check_prefixes(&f);
		data += f.size;
		len -= f.size;
	}
	return 0;
}
