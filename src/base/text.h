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

/* Whether the sequence at s is one of the controls C0, DEL and C1. */
bool text_is_control(const unsigned char *s);

/* As a JSON string (RFC 8259) with its quotes, controls escaped. What is no
 * UTF-8 comes out as U+FFFD. */
void text_put_json(FILE *out, const char *text, size_t len);

/* For a terminal: controls and what is no UTF-8 as \xNN, a backslash twice. So
 * it has no newlines and no tabs, and can be undone. */
void text_put_plain(FILE *out, const char *text, size_t len);

#endif
