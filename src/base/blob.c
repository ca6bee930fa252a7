#include "base/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define CACHE_LINE 64
#define PAGE 4096
#define N_SPARE 16

static struct blob *spare[N_SPARE];
static size_t n_spare;
static size_t total_bytes;

struct blob *
blob_new(size_t size)
{
	struct blob *blob;

	if (size == BLOB_CHUNK && n_spare > 0) {
		blob = spare[--n_spare];
	} else {
		blob = xcalloc(1, sizeof(*blob));
		blob->data =
		    xaligned(size < PAGE ? CACHE_LINE : PAGE, size | 1);
		blob->size = size;
	}
	blob->n_refs = 1;
	total_bytes += blob->size;
	return blob;
}

struct blob *
blob_copy(const void *data, size_t len)
{
	struct blob *blob = blob_new(len);

	memcpy(blob->data, data, len);
	return blob;
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
	free(blob->data);
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
	total_bytes -= blob->size;
	if (blob->size == BLOB_CHUNK && n_spare < N_SPARE)
		spare[n_spare++] = blob;
	else
		blob_free(blob);
}

size_t
blob_total_bytes(void)
{
	return total_bytes;
}

void
blob_trim(void)
{
	while (n_spare > 0)
		blob_free(spare[--n_spare]);
}
