/*
 * blob - refcounted bytes, and slices of them: the unit of fan-out.
 *
 * One owner fills a blob while it holds the only reference; from then on the
 * filled bytes never change, and all holders of slices read the same memory.
 * Bytes behind the filled ones may still be written, so one blob can take input
 * while slices of its beginning are in queues.
 *
 * Blobs are for one thread. The data is aligned (64 bytes; a page for large
 * blobs, but for those of BLOB_CHUNK bytes), since the kernel copies unaligned
 * bytes at two thirds of its speed. A few blobs of BLOB_CHUNK bytes and more
 * are kept for reuse.
 *
 * Another module may keep a blob's bytes elsewhere (net/piped.h keeps them in a
 * pipe). It embeds the blob, and sets `is_partial` if only the first bytes are
 * at `data`.
 *
 * The module keeps the account of the memory of all messages. There is one for
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
	size_t size; /* bytes at data; with is_partial, in the pipe */
	uint32_t n_refs;
	bool is_partial;
	size_t demand; /* scratch of net/outq: bytes that queues need of it */
	/* Frees the blob after its last reference; NULL if blob_new() made it.
	 */
	void (*end)(struct blob *blob);
};

/* `len` bytes at `off` of `blob`. The owner of a stored slice holds a
 * reference. */
struct slice {
	struct blob *blob;
	size_t off, len;
};

/* Returns a blob of at least `size` bytes, uninitialized, with one reference.
 */
struct blob *blob_new(size_t size) __attribute__((returns_nonnull));

/* Returns a blob that holds a copy of `len` bytes at `data`. */
struct blob *blob_copy(const void *data, size_t len)
    __attribute__((returns_nonnull));

/* Returns a blob of `len` bytes at `data`, memory of malloc() that it frees. */
struct blob *blob_adopt(void *data, size_t len)
    __attribute__((returns_nonnull));

/* Initializes an embedded blob: is_partial, no bytes, one reference. */
void blob_init(struct blob *blob, void (*end)(struct blob *blob));

/* Sets the size of a piped blob. */
void blob_resize(struct blob *blob, size_t size);

/* Makes a piped blob use the bytes of `memory`, which the caller keeps. */
void blob_settle(struct blob *blob, const struct blob *memory);

struct blob *blob_ref(struct blob *blob);

/* Drops a reference; the last one ends the blob. NULL is allowed. */
void blob_unref(struct blob *blob);

/* Returns the bytes of all blobs in use. */
size_t blob_total_bytes(void);

/* Add to the account memory of messages that is not a blob, and remove it. */
void blob_charge(size_t bytes);
void blob_discharge(size_t bytes);

/* The account: the memory of all blobs, including spare ones and alignment,
 * plus the charges; and its maximum so far. */
size_t blob_held_bytes(void);
size_t blob_peak_bytes(void);

/* Returns the bytes of the heap that left the account since the last
 * blob_trim(), which malloc keeps until then. */
size_t blob_slack_bytes(void);

/* Frees the blobs that are kept for reuse. */
void blob_drop_spare(void);

/* Frees the blobs that are kept for reuse, and returns malloc's free memory to
 * the system. */
void blob_trim(void);

static inline const uint8_t *
slice_data(const struct slice *s)
{
	return s->blob->data + s->off;
}

#endif
