/*
 * msg_writer - writes msgpack, with msgpack-c's packer, into growing memory.
 */
#ifndef PM2A_WIRE_MSG_WRITER_H
#define PM2A_WIRE_MSG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A body that is being written. Zeroed is empty; it grows by itself, and a
 * failed allocation sets the fault, which stays set. Release it with
 * msg_writer_fini().
 */
struct msg_writer {
	uint8_t *data;
	size_t len, size;
	size_t n_values; /* values in the open map or array, less those that a
			    counted head has promised */
	bool fault;      /* -ENOMEM happened; `data` is incomplete */
};

void msg_writer_fini(struct msg_writer *w);

void msg_put_nil(struct msg_writer *w);
void msg_put_bool(struct msg_writer *w, bool v);
void msg_put_int(struct msg_writer *w, int64_t v);
void msg_put_float(struct msg_writer *w, double v);
void msg_put_str(struct msg_writer *w, const char *s);
void msg_put_strn(struct msg_writer *w, const void *s, size_t len);
void msg_put_bin(struct msg_writer *w, const void *data, size_t len);
/* Writes only the head: `len` bytes must follow. */
void msg_put_bin_head(struct msg_writer *w, size_t len);
/* Write only the head: `n` values, or `n` keys with their values, must follow.
 */
void msg_put_array(struct msg_writer *w, size_t n);
void msg_put_map(struct msg_writer *w, size_t n);

/* A map or an array whose count is not known when it begins. */
struct msg_open {
	size_t at;       /* of the head */
	size_t n_before; /* n_values of the enclosing one */
};

/*
 * Everything written between msg_begin_map() and msg_end_map() is the keys and
 * values of one map; between msg_begin_array() and msg_end_array(), the
 * elements of one array. They nest. The end writes the head, in the smallest
 * form that holds the count.
 */
struct msg_open must_check msg_begin_map(struct msg_writer *w);
void msg_end_map(struct msg_writer *w, struct msg_open open);
struct msg_open must_check msg_begin_array(struct msg_writer *w);
void msg_end_array(struct msg_writer *w, struct msg_open open);

/* Copies one value that is already msgpack. */
void msg_put_value(struct msg_writer *w, const void *data, size_t len);

/* Write a key of a map with its value. A NULL string is written as "". */
void msg_put_pair_int(struct msg_writer *w, const char *key, int64_t value);
void msg_put_pair_str(struct msg_writer *w, const char *key, const char *value);

/* Makes room for `len` more bytes and returns their address; the caller writes
 * them and adds to w->len. NULL with the fault. */
uint8_t *msg_reserve(struct msg_writer *w, size_t len);

/* Writes bytes that are not a value, such as a frame's header, into the same
 * buffer. */
void msg_put_raw(struct msg_writer *w, const void *data, size_t len);

#endif
