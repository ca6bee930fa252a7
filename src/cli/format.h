/*
 * format - numbers, times and the names of peers as people read them on a
 * terminal. Each writes into out, cut to FORMAT_SIZE, and returns it.
 */
#ifndef PM2A_CLI_FORMAT_H
#define PM2A_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/msg.h"

#define FORMAT_SIZE 80

/* The value of a key of a map, or 0. */
int64_t format_get_int(const struct msg_node *map, const char *key);
double format_get_float(const struct msg_node *map, const char *key);

/* 1234567 as "1,234,567". */
char *format_count(char out[FORMAT_SIZE], int64_t n);

/* "12 B", "3.4 MiB". */
char *format_bytes(char out[FORMAT_SIZE], double n);

/* "250ms", "12s", "3m 04s", "5h 06m", "7d 08h". */
char *format_duration(char out[FORMAT_SIZE], int64_t ms);

/* "250us", "1.2ms", "3.4s". */
char *format_us(char out[FORMAT_SIZE], int64_t us);

/* The time of day of a point in milliseconds since 1970. */
char *format_clock(char out[FORMAT_SIZE], int64_t wall_ms);

/* A text of a peer as text_put_plain() writes it. */
char *format_text(char out[FORMAT_SIZE], const char *text, size_t len);

/* Columns of a terminal that s takes: its code points. */
size_t format_width(const char *s);

/* Cuts `s` to `width` columns, without leaving part of a character. Returns
 * `s`. */
char *format_cut(char *s, size_t width);

#endif
