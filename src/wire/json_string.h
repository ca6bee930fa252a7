/*
 * json_string - the inside of a JSON string: where it ends, and its UTF-8.
 */
#ifndef PM2A_WIRE_JSON_STRING_H
#define PM2A_WIRE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text between two quotes. */
struct json_string {
	size_t len;
	bool is_plain; /* no escapes, and no bytes beyond ASCII */
};

/* Finds the end of the string whose opening quote is before the `len` bytes at
 * `text`. Returns false if it has none, or a control before it. */
bool json_string_scan(const uint8_t *text, size_t len, struct json_string *out);

/*
 * Writes the UTF-8 of the `len` bytes that json_string_scan() found to `out`,
 * which has room for as many. Half a surrogate pair becomes U+FFFD. Returns the
 * number of bytes, or SIZE_MAX on an unknown escape or invalid UTF-8.
 */
size_t json_string_decode(const uint8_t *text, size_t len, uint8_t *out);

#endif
