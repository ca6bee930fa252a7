/*
 * json_number - the number at the beginning of a JSON text, as JSON.parse()
 * reads it.
 */
#ifndef PM2A_WIRE_JSON_NUMBER_H
#define PM2A_WIRE_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SAFE_MAX ((INT64_C(1) << 53) - 1) /* Number.MAX_SAFE_INTEGER */

struct json_number {
	bool is_integer; /* from -JSON_SAFE_MAX to JSON_SAFE_MAX */
	bool is_hard;    /* it needed strtod(), which costs a microsecond */
	int64_t integer;
	double real; /* if it is not such an integer */
};

/* Reads the number (RFC 8259) at the beginning of the `len` bytes of `text`,
 * which must not end with it. Returns its length, or 0 if there is none. */
size_t json_number(const uint8_t *text, size_t len, struct json_number *out);

#endif
