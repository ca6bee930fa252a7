/*
 * transcode - a JSON text as msgpack, in one pass and without a tree.
 *
 * Broadcasts of native workers are JSON texts with attachments; the Redis
 * adapters want msgpack. The text comes from a peer: it is held against RFC
 * 8259 in whole, nests to a limit, and must not cost more than a turn of the
 * loop may. This module knows nothing of packets or of who gets them.
 */
#ifndef PM2A_WIRE_TRANSCODE_H
#define PM2A_WIRE_TRANSCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/msg.h"

/* How deep arrays and objects nest at most. */
#define TRANSCODE_DEPTH_MAX 512

/*
 * What a text may cost, in units of 10 to 20 ns on a slow core, so that it
 * holds a turn of the loop for less than 15 ms. A value costs 1, a number that
 * takes strtod() 32, a string 1 for each 64 bytes, or each 4 if it has escapes
 * or more than ASCII. So 16 MiB of long texts pass, and 16 MiB of zeros don't.
 */
#define TRANSCODE_COST_MAX 700000

enum transcode_error {
	TRANSCODE_E_MALFORMED = 1, /* no JSON, or no UTF-8 */
	TRANSCODE_E_DEEP,          /* nested deeper than TRANSCODE_DEPTH_MAX */
	TRANSCODE_E_COSTLY,        /* over TRANSCODE_COST_MAX */
};

/* Bytes that a text has placeholders for. */
struct transcode_bin {
	const uint8_t *data;
	size_t len;
};

/*
 * Appends the one value of len bytes of text, which ends an array or an object,
 * to w, as JSON.parse() and a msgpack encoder would give it: integers up to
 * 2^53 - 1 as such, other numbers as float64, the last of equal keys where
 * there are several. Half a surrogate pair becomes U+FFFD. Counts and lengths
 * may have more bytes than they need.
 *
 * With n_bins > 0, an object whose "_placeholder" is true and whose "num" is
 * below n_bins becomes that bin, as long as they have no more bytes together
 * than all bins have: a text could refer to one again and again. Any other
 * object is data.
 *
 * Returns 0, TRANSCODE_E_* or -ENOMEM; unless it is 0, w->len is as it was.
 */
int must_check transcode_json(struct msg_writer *w, const uint8_t *text,
    size_t len, const struct transcode_bin *bins, size_t n_bins);

#endif
