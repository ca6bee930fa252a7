/*
 * blob - refcounted bytes, and slices of them: the unit of fan-out.
 *
 * A blob is filled by one owner while nobody else refers to it, and from then
 * on what has been filled never changes: everybody who holds a slice reads the
 * same memory. Bytes behind what has been filled may still be written, so one
 * blob can go on taking input while slices of its beginning are in queues.
 *
 * Blobs are for one thread. Memory: the data is aligned (64 bytes; a page for
 * large ones), since the kernel's copy runs at two thirds of its speed when it
 * is not. Blobs of BLOB_CHUNK bytes are kept for reuse, a few of them.
 */
#ifndef PM2A_BASE_BLOB_H
#define PM2A_BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#define BLOB_CHUNK 65536

struct blob {
	uint8_t *data;
	size_t size; /* bytes at data */
	uint32_t n_refs;
};

/* len bytes at off of blob. Who stores a slice holds a reference. */
struct slice {
	struct blob *blob;
	size_t off, len;
};

/* A blob of at least size bytes, not set, with one reference. */
struct blob *blob_new(size_t size) __attribute__((returns_nonnull));

/* A blob that holds a copy of len bytes at data. */
struct blob *blob_copy(const void *data, size_t len)
    __attribute__((returns_nonnull));

struct blob *blob_ref(struct blob *blob);

/* Gives a reference back; the last one ends the blob. NULL is fine. */
void blob_unref(struct blob *blob);

/* How many bytes all blobs in use have in all. */
size_t blob_total_bytes(void);

/* Frees what is kept for reuse: for the end, and for leak checks. */
void blob_trim(void);

static inline const uint8_t *
slice_data(const struct slice *s)
{
	return s->blob->data + s->off;
}

#endif
