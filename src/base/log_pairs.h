/*
 * log_pairs - the key=value pairs of a log line as JSON. Private to log.c.
 *
 * The pairs were made with printf(), so this parses them: a value ends where
 * the next ` key=` begins. A quoted value is a string without its quotes and
 * ends with them, so that text of a peer can't become a key. Digits are a
 * number; anything else is a string. Bytes that log_quote() escaped are
 * restored.
 */
#ifndef PM2A_BASE_LOG_PAIRS_H
#define PM2A_BASE_LOG_PAIRS_H

#include <stddef.h>

/* Appends `,"key":value` for each pair to `out`, of `size` bytes, while they
 * fit completely. Returns the new length. */
size_t log_pairs_json(char *out, size_t size, size_t len, const char *pairs);

/* Appends `text` as a JSON string, or nothing if it does not fit. Invalid UTF-8
 * becomes U+FFFD. Returns the new length. */
size_t log_json_string(
    char *out, size_t size, size_t at, const char *text, size_t len);

#endif
