/*
 * output - the output of one connection's socket.
 *
 * It writes its queue to a given descriptor and returns the outcome. It does
 * not know the connection, and sets no limit.
 */
#ifndef PM2A_NET_OUTPUT_H
#define PM2A_NET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/outq.h"

struct output {
	struct outq queue;
	bool is_stalled; /* the socket took less than was queued */
	bool is_mute;    /* the peer has stopped reading: nothing is queued */
};

enum output_verdict {
	OUTPUT_EMPTY, /* everything is written */
	OUTPUT_WAITS, /* until the socket takes more */
	OUTPUT_MUTE,  /* the peer has closed its receiving side */
	OUTPUT_FAILED,
};

void output_init(struct output *out);

/* Drops the queue and returns how many bytes it had. Idempotent. */
size_t output_drop(struct output *out);

/*
 * Writes to `fd`, which is non-blocking, as much as it takes, but not for
 * longer than a turn should last. `scratch` has OUTQ_SCRATCH_SIZE bytes.
 * *n_written is set to the number of bytes. After OUTPUT_MUTE and OUTPUT_FAILED
 * the output is mute, and the caller drops it.
 */
enum output_verdict output_write(
    struct output *out, int fd, uint8_t *scratch, size_t *n_written);

#endif
