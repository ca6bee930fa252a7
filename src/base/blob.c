#include "base/blob.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"
#include "base/xalloc.h"

#define CACHE_LINE 64
#define PAGE 4096

/*
 * The bytes that malloc takes in addition to those requested. A small blob has
 * two heads, and is aligned. One that begins at a page has most of the page
 * before it for itself; one that is a mapping of its own has another page at
 * its end.
 */
#define SMALL_COST 128
#define PAGE_COST PAGE
#define MAPPED_COST (2 * PAGE)

/*
 * A fresh mapping costs a page fault for each page that is written, which is as
 * much as half of the copy that goes into it. So blobs are kept for reuse: of
 * BLOB_CHUNK bytes, since all input goes through them, and a few larger ones,
 * for publishers of large messages.
 */
#define N_CHUNKS 16
#define N_LARGE 32
#define LARGE_BYTES ((size_t)8 << 20) /* in all */

/*
 * Where the data of a chunk begins in its page. Linux queues what is written to
 * a Unix socket as buffers of 36,544 bytes, and copies slowly to an address
 * whose offset in its page is a few bytes above the source's. Were this 0, it
 * would be so with the second buffer of each write that ends a few bytes before
 * the end of its chunk; and small frames that fill a chunk do, as the last one
 * is cut. With 64 B and one receiver, it was a fifth of the daemon's time.
 */
#define CHUNK_LEAD 1024

static struct {
	struct blob *chunks[N_CHUNKS];
	size_t n_chunks;
	struct blob *large[N_LARGE];
	size_t n_large, large_bytes;
} spare;

static struct {
	size_t total; /* bytes of blobs in use */
	size_t held;  /* with their overhead, spare ones and charges */
	size_t peak;  /* of held */
	size_t heap;  /* of held: all but what malloc maps for itself */
	size_t high;  /* of heap, since the last trim */
} account;

static size_t
lead_of(size_t size)
{
	return size == BLOB_CHUNK ? CHUNK_LEAD : 0;
}

static size_t
cost_of(size_t size)
{
	if (size < PAGE)
		return size + SMALL_COST;
	return size + lead_of(size) +
	       (size < XALLOC_MAPPED ? PAGE_COST : MAPPED_COST);
}

static void
charge(size_t bytes)
{
	account.held += bytes;
	if (account.held > account.peak)
		account.peak = account.held;
	if (bytes >= XALLOC_MAPPED)
		return;
	account.heap += bytes;
	if (account.heap > account.high)
		account.high = account.heap;
}

static void
discharge(size_t bytes)
{
	assert(account.held >= bytes);
	account.held -= bytes;
	if (bytes < XALLOC_MAPPED)
		account.heap -= bytes;
}

/* Returns a large spare blob that has `size` bytes and not half as many again,
 * or NULL if none. */
static struct blob *
take_large(size_t size)
{
	struct blob *blob;

	for (size_t i = 0; i < spare.n_large; i++) {
		blob = spare.large[i];
		if (blob->size < size || blob->size > size + size / 2)
			continue;
		spare.large[i] = spare.large[--spare.n_large];
		spare.large_bytes -= blob->size;
		return blob;
	}
	return NULL;
}

static struct blob *
take_spare(size_t size)
{
	if (size == BLOB_CHUNK && spare.n_chunks > 0)
		return spare.chunks[--spare.n_chunks];
	return size > BLOB_CHUNK ? take_large(size) : NULL;
}

/* Returns false if there is no room to keep it. */
static bool
put_spare(struct blob *blob)
{
	if (blob->size == BLOB_CHUNK && spare.n_chunks < N_CHUNKS) {
		spare.chunks[spare.n_chunks++] = blob;
		return true;
	}
	if (blob->size <= BLOB_CHUNK || spare.n_large == N_LARGE ||
	    blob->size > LARGE_BYTES - spare.large_bytes)
		return false;
	spare.large[spare.n_large++] = blob;
	spare.large_bytes += blob->size;
	return true;
}

/* Bytes of a blob that is over must not be read, as if it had been freed. */
static bool
keep_spare(struct blob *blob)
{
	bool is_kept = put_spare(blob);

	if (is_kept)
		POISON(blob->data, blob->size);
	return is_kept;
}

struct blob *
blob_new(size_t size)
{
	struct blob *blob = take_spare(size);

	if (blob != NULL) {
		UNPOISON(blob->data, blob->size);
	} else {
		blob = xcalloc(1, sizeof(*blob));
		blob->data = xaligned(size < PAGE ? CACHE_LINE : PAGE,
		    lead_of(size) + (size | 1));
		blob->data += lead_of(size);
		blob->size = size;
		charge(cost_of(size));
	}
	blob->n_refs = 1;
	account.total += blob->size;
	return blob;
}

struct blob *
blob_copy(const void *data, size_t len)
{
	struct blob *blob = blob_new(len);

	memcpy(blob->data, data, len);
	return blob;
}

static void
end_adopted(struct blob *blob)
{
	account.total -= blob->size;
	discharge(cost_of(blob->size));
	free(blob->data);
	free(blob);
}

struct blob *
blob_adopt(void *data, size_t len)
{
	struct blob *blob = xcalloc(1, sizeof(*blob));

	blob->data = data;
	blob->size = len;
	blob->n_refs = 1;
	blob->end = end_adopted;
	charge(cost_of(len));
	account.total += len;
	return blob;
}

/* Bytes in pipes are the kernel's memory, but part of the messages: count them.
 */
static void
count_partial(size_t more, size_t less)
{
	account.total += more - less;
	account.held += more - less;
	if (account.held > account.peak)
		account.peak = account.held;
}

void
blob_init(struct blob *blob, void (*end)(struct blob *blob))
{
	*blob = (struct blob){ .n_refs = 1, .is_partial = true, .end = end };
}

void
blob_resize(struct blob *blob, size_t size)
{
	assert(blob->is_partial);
	count_partial(size, blob->size);
	blob->size = size;
}

void
blob_settle(struct blob *blob, const struct blob *memory)
{
	assert(blob->is_partial && memory->size >= blob->size);
	count_partial(0, blob->size);
	blob->data = memory->data;
	blob->is_partial = false;
}

struct blob *
blob_ref(struct blob *blob)
{
	blob->n_refs++;
	return blob;
}

static void
blob_free(struct blob *blob)
{
	discharge(cost_of(blob->size));
	UNPOISON(blob->data, blob->size);
	free(blob->data - lead_of(blob->size));
	free(blob);
}

void
blob_unref(struct blob *blob)
{
	if (blob == NULL)
		return;
	assert(blob->n_refs > 0);
	if (--blob->n_refs > 0)
		return;
	if (blob->end != NULL) {
		count_partial(0, blob->is_partial ? blob->size : 0);
		blob->end(blob);
		return;
	}
	account.total -= blob->size;
	if (!keep_spare(blob))
		blob_free(blob);
}

void
blob_charge(size_t bytes)
{
	charge(bytes);
}

void
blob_discharge(size_t bytes)
{
	discharge(bytes);
}

size_t
blob_total_bytes(void)
{
	return account.total;
}

size_t
blob_held_bytes(void)
{
	return account.held;
}

size_t
blob_peak_bytes(void)
{
	return account.peak;
}

size_t
blob_slack_bytes(void)
{
	return account.high - account.heap;
}

void
blob_drop_spare(void)
{
	while (spare.n_chunks > 0)
		blob_free(spare.chunks[--spare.n_chunks]);
	while (spare.n_large > 0)
		blob_free(spare.large[--spare.n_large]);
	spare.large_bytes = 0;
}

void
blob_trim(void)
{
	blob_drop_spare();
	xtrim();
	account.high = account.heap;
}
