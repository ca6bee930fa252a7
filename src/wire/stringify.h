/*
 * stringify - msgpack as a JSON text, as JSON.stringify() writes the output of
 * a JavaScript msgpack decoder.
 *
 * For the requests of the Redis adapters, which are JSON. wire/json prints for
 * people: there a bin is hex digits.
 */
#ifndef PM2A_WIRE_STRINGIFY_H
#define PM2A_WIRE_STRINGIFY_H

#include <stddef.h>

#include "base/err.h"
#include "wire/msg.h"
#include "wire/transcode.h"

/*
 * Appends the one value of `len` bytes at `data` to `w` as JSON. A bin is
 * {"type":"Buffer","data":[…]}, a timestamp an ISO 8601 string; any other ext
 * and NaN or infinity are null. Keys must be str, strings UTF-8.
 *
 * Returns 0, TRANSCODE_E_* with the limits of wire/transcode, or -ENOMEM;
 * w->len is unchanged unless it is 0.
 */
int must_check stringify(struct msg_writer *w, const void *data, size_t len);

#endif
