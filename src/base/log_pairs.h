/*
 * log_pairs - the key=value pairs of a line of the log, as JSON. Private to
 * log.c.
 *
 * The pairs were made with printf(), so this reads what it finds: a value ends
 * where the next ` key=` begins. One in quotes is a string without them, and
 * ends with them, so a peer's text cannot become a key. Digits are a number;
 * all else is a string. Bytes that log_quote() has escaped become what they
 * were.
 */
#ifndef PM2A_BASE_LOG_PAIRS_H
#define PM2A_BASE_LOG_PAIRS_H

#include <stddef.h>

/* Appends `,"key":value` for each pair to out, of size bytes, as long as they
 * fit whole. Returns the new length. */
size_t log_pairs_json(char *out, size_t size, size_t len, const char *pairs);

/* Appends `text` as a JSON string, or nothing if it does not fit. Bytes that
 * are not UTF-8 become U+FFFD. Returns the new length. */
size_t log_json_string(
    char *out, size_t size, size_t at, const char *text, size_t len);

#endif
