#include "edge/native/unwritten.h"

#include "wire/frame.h"

#define COUNTED_MAX 65536 /* frames: about a millisecond */

struct tally {
	uint64_t n_frames, n_messages;
	size_t n_bytes; /* of these frames */
	size_t n_all;   /* bytes of all frames */
};

/* Queued slices have whole frames. */
static void
count_slice(const struct slice *s, void *arg)
{
	struct tally *tally = arg;
	const uint8_t *at = s->blob->data + s->off, *end = at + s->len;
	struct frame f;

	tally->n_all += s->len;
	while (
	    at < end && tally->n_frames < COUNTED_MAX &&
	    frame_peek(at, (size_t)(end - at), UINT32_MAX, &f) == FRAME_READY) {
		tally->n_frames++;
		tally->n_messages += f.type == FRAME_PUBLISH;
		tally->n_bytes += f.size;
		at += f.size;
	}
}

uint64_t
unwritten_count(const struct conn *conn)
{
	struct tally tally = { 0 };

	conn_walk_queue(conn, count_slice, &tally);
	if (tally.n_frames < COUNTED_MAX)
		return tally.n_messages;
	return (uint64_t)((double)tally.n_messages * (double)tally.n_all /
			  (double)tally.n_bytes);
}
