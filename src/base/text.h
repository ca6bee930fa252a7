/*
 * text - bytes of a peer as text, for terminals and as JSON strings. Controls
 * of a peer must not reach a terminal.
 */
#ifndef PM2A_BASE_TEXT_H
#define PM2A_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Returns the length of the UTF-8 sequence at the beginning of `s`, of which
 * `left` bytes are there, at least one; 0 if invalid. */
size_t text_utf8_length(const unsigned char *s, size_t left);

#define TEXT_ESCAPED_SIZE 17 /* four bytes as \xNN, and a zero */

/*
 * Returns the length of the character at the beginning of `s`, of which `left`
 * bytes are there, at least one. *is_safe is false if people must see it
 * escaped: if it is a control, is invisible or changes the direction of
 * writing, or if the byte is not UTF-8. No other place decides that.
 */
size_t text_next(const unsigned char *s, size_t left, bool *is_safe);

/* Writes `n` bytes as \xNN, terminated. Returns the length. */
size_t text_escape(
    const unsigned char *s, size_t n, char out[TEXT_ESCAPED_SIZE]);

/* Write the character at the beginning of `s` as text_put_plain() and
 * text_put_json() do, terminated. Return how many bytes of `s` it has. */
size_t text_next_plain(
    const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE]);
size_t text_next_json(
    const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE]);

/* Writes a JSON string (RFC 8259) with its quotes. Unsafe characters are
 * \uNNNN, which is equivalent for programs; invalid UTF-8 is U+FFFD. */
void text_put_json(FILE *out, const char *text, size_t len);

/* Writes text for a terminal: unsafe characters as \xNN, a backslash twice. So
 * it has no newlines and no tabs, and can be undone. */
void text_put_plain(FILE *out, const char *text, size_t len);

#endif
