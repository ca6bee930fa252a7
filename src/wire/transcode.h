/*
 * transcode - a JSON text as msgpack, in one pass and without a tree.
 *
 * Broadcasts of native workers are JSON texts with attachments; the Redis
 * adapters need msgpack. The text comes from a peer: it is checked completely
 * against RFC 8259, its nesting is limited, and its cost must fit into a turn
 * of the loop. This module knows neither packets nor receivers.
 */
#ifndef PM2A_WIRE_TRANSCODE_H
#define PM2A_WIRE_TRANSCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/msg.h"

/* Maximum nesting of arrays and objects. */
#define TRANSCODE_DEPTH_MAX 512

/*
 * Maximum cost of a text, in units of 10 to 20 ns on a slow core, so that it
 * holds a turn of the loop for less than 15 ms. A value costs 1, a number that
 * needs strtod() 32, a string 1 for each 64 bytes, or each 4 if it has escapes
 * or non-ASCII. So 16 MiB of long texts pass, and 16 MiB of zeros don't.
 */
#define TRANSCODE_COST_MAX 700000

enum transcode_error {
	TRANSCODE_E_MALFORMED = 1, /* not JSON, or not UTF-8 */
	TRANSCODE_E_DEEP,          /* nested deeper than TRANSCODE_DEPTH_MAX */
	TRANSCODE_E_COSTLY,        /* over TRANSCODE_COST_MAX */
};

/* Bytes for which a text has placeholders. */
struct transcode_bin {
	const uint8_t *data;
	size_t len;
};

/*
 * Appends the one value of `len` bytes of `text`, which ends an array or an
 * object, to `w`, as JSON.parse() and a msgpack encoder do: integers up to 2^53
 * - 1 as such, other numbers as float64, the last of repeated keys. Half a
 * surrogate pair becomes U+FFFD. Counts and lengths may have more bytes than
 * needed.
 *
 * With `n_bins` > 0, an object whose "_placeholder" is true and whose "num" is
 * below `n_bins` becomes that bin, as long as the inserted bins are no larger
 * than all bins together: a text could refer to one again and again. Any other
 * object is data.
 *
 * Returns 0, TRANSCODE_E_* or -ENOMEM; w->len is unchanged unless it is 0.
 */
int must_check transcode_json(struct msg_writer *w, const uint8_t *text,
    size_t len, const struct transcode_bin *bins, size_t n_bins);

#endif
