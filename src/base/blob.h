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
 * is not. A few blobs of BLOB_CHUNK bytes and more are kept for reuse.
 *
 * Another module may keep a blob's bytes elsewhere (net/piped.h has them in a
 * pipe). It embeds the blob, and says with is_partial that only the first bytes
 * are at data.
 *
 * The module keeps the account of what messages take in all. There is one for
 * the process, as there is one heap.
 */
#ifndef PM2A_BASE_BLOB_H
#define PM2A_BASE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_CHUNK 65536

struct blob {
	uint8_t *data;
	size_t size; /* bytes at data; is_partial: in the pipe */
	uint32_t n_refs;
	bool is_partial;
	size_t demand; /* scratch of net/outq: bytes that queues want of it */
	/* Frees the blob when nobody refers to it; NULL: one of blob_new(). */
	void (*end)(struct blob *blob);
};

/* `len` bytes at `off` of `blob`. Hold a reference while you store a slice. */
struct slice {
	struct blob *blob;
	size_t off, len;
};

/* A blob of at least size bytes, not set, with one reference. */
struct blob *blob_new(size_t size) __attribute__((returns_nonnull));

/* A blob that holds a copy of len bytes at data. */
struct blob *blob_copy(const void *data, size_t len)
    __attribute__((returns_nonnull));

/* Begins a blob that is embedded in something else: is_partial, no bytes at
 * all, one reference. */
void blob_init(struct blob *blob, void (*end)(struct blob *blob));

/* The piped blob has size bytes now. */
void blob_resize(struct blob *blob, size_t size);

/* The bytes of the blob that was piped are those of memory from now on, which
 * stays the caller's. */
void blob_settle(struct blob *blob, const struct blob *memory);

struct blob *blob_ref(struct blob *blob);

/* Gives a reference back; the last one ends the blob. NULL is fine. */
void blob_unref(struct blob *blob);

/* How many bytes all blobs in use have in all. */
size_t blob_total_bytes(void);

/* Counts memory that belongs to messages and isn't a blob; and counts it no
 * more. */
void blob_charge(size_t bytes);
void blob_discharge(size_t bytes);

/* The account: the bytes of all blobs, including those kept for reuse,
 * alignment and charges; and its peak. */
size_t blob_held_bytes(void);
size_t blob_peak_bytes(void);

/* Bytes of the heap that were in the account since the last blob_trim() and are
 * not any more. malloc keeps them for us unless it is told not to. */
size_t blob_slack_bytes(void);

/* Frees what is kept for reuse. */
void blob_drop_spare(void);

/* Frees what is kept for reuse, and gives the system back what malloc keeps. */
void blob_trim(void);

static inline const uint8_t *
slice_data(const struct slice *s)
{
	return s->blob->data + s->off;
}

#endif
