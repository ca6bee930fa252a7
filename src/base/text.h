/*
 * text - bytes of a peer as text: for a terminal, whose controls they must not
 * reach, and as JSON strings.
 */
#ifndef PM2A_BASE_TEXT_H
#define PM2A_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The length of the UTF-8 sequence that begins s, of which left bytes are
 * there, at least one; 0 where there is none. */
size_t text_utf8_length(const unsigned char *s, size_t left);

#define TEXT_ESCAPED_SIZE 17 /* four bytes as \xNN, and a zero */

/*
 * Returns the length of the character that begins s, of which `left` bytes are
 * there, at least one. *is_safe is false if the character must be escaped
 * wherever people read it: if it is a control, invisible, or turns the
 * direction of writing, or if the byte is no UTF-8. The one place that decides
 * that.
 */
size_t text_next(const unsigned char *s, size_t left, bool *is_safe);

/* Writes n bytes as \xNN, terminated. Returns the length. */
size_t text_escape(
    const unsigned char *s, size_t n, char out[TEXT_ESCAPED_SIZE]);

/* Write the character that begins s as text_put_plain() and text_put_json() do,
 * terminated. Return how many bytes of s it was. */
size_t text_next_plain(
    const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE]);
size_t text_next_json(
    const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE]);

/* Writes a JSON string (RFC 8259) with its quotes. Unsafe characters become
 * \uNNNN, which means the same to programs; bytes that are not UTF-8, U+FFFD.
 */
void text_put_json(FILE *out, const char *text, size_t len);

/* Writes text for a terminal: unsafe bytes as \xNN, a backslash twice. So the
 * result has no newlines and no tabs, and is reversible. */
void text_put_plain(FILE *out, const char *text, size_t len);

#endif
