/*
 * resp_write - replies and pushes of Redis's protocol.
 *
 * The differences between RESP2 and RESP3 (maps, sets, pushes, null) are
 * decided here, by the version that the client chose: 2 or 3.
 */
#ifndef PM2A_WIRE_RESP_WRITE_H
#define PM2A_WIRE_RESP_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "wire/msg.h"

void resp_put_simple(struct msg_writer *w, const char *text);
void resp_put_int(struct msg_writer *w, int64_t v);
void resp_put_bulk(struct msg_writer *w, const void *data, size_t len);
void resp_put_text(struct msg_writer *w, const char *text);

/* The head of a bulk string of `len` bytes; "\r\n" ends it. */
void resp_put_bulk_head(struct msg_writer *w, size_t len);

void resp_put_null(struct msg_writer *w, int version);

/* Writes "-ERR …", or another code of capitals. Line ends become blanks. */
void resp_put_error(struct msg_writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Write the head of `n` elements, or of `n` pairs. */
void resp_put_array(struct msg_writer *w, size_t n);
void resp_put_map(struct msg_writer *w, int version, size_t n);
void resp_put_set(struct msg_writer *w, int version, size_t n);
void resp_put_push(struct msg_writer *w, int version, size_t n);

/* Writes text for people: a verbatim string, or a bulk string. */
void resp_put_verbatim(
    struct msg_writer *w, int version, const char *text, size_t len);

/* Writes the head of such a text of `len` bytes; "\r\n" ends it. */
void resp_put_verbatim_head(struct msg_writer *w, int version, size_t len);

#endif
