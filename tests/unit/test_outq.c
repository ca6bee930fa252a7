#include "net/outq.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static uint8_t scratch[OUTQ_SCRATCH_SIZE];

static void
push(struct outq *q, struct blob *blob, size_t off, size_t len)
{
	outq_push(q, &(struct slice){ blob, off, len }, false);
}

static struct blob *
numbered(size_t size, uint8_t first)
{
	struct blob *blob = blob_new(size);

	for (size_t i = 0; i < size; i++)
		blob->data[i] = (uint8_t)(first + i * 7);
	return blob;
}

TEST(neighbours_in_one_blob_are_one_slice)
{
	struct blob *blob = numbered(8192, 0);
	struct iovec iov[4];
	struct outq q;

	outq_init(&q);
	for (size_t off = 0; off < 8192; off += 2048)
		push(&q, blob, off, 2048);
	ck_assert_uint_eq(q.n, 1);
	ck_assert_uint_eq(blob->n_refs, 2);
	ck_assert_uint_eq(q.n_bytes, 8192);
	ck_assert_int_eq(outq_fill(&q, iov, 4, scratch), 1);
	ck_assert_ptr_eq(iov[0].iov_base, blob->data);
	ck_assert_uint_eq(iov[0].iov_len, 8192);
	outq_fini(&q);
	ck_assert_uint_eq(blob->n_refs, 1);
	blob_unref(blob);
}

TEST(what_does_not_follow_in_the_blob_is_a_slice_of_its_own)
{
	struct blob *blob = numbered(8192, 0);
	struct outq q;

	outq_init(&q);
	push(&q, blob, 0, 2048);
	push(&q, blob, 2049, 2048);
	push(&q, blob, 0, 2048);
	ck_assert_uint_eq(q.n, 3);
	ck_assert_uint_eq(blob->n_refs, 4);
	outq_fini(&q);
	blob_unref(blob);
}

TEST(small_slices_are_gathered_and_big_ones_go_from_where_they_are)
{
	struct blob *small = numbered(64, 1), *big = numbered(4096, 2);
	struct iovec iov[8];
	struct outq q;

	outq_init(&q);
	push(&q, small, 0, 10);
	push(&q, small, 20, 10);
	push(&q, big, 0, 4096);
	push(&q, small, 40, 10);
	ck_assert_int_eq(outq_fill(&q, iov, 8, scratch), 3);
	ck_assert_uint_eq(iov[0].iov_len, 20);
	ck_assert_mem_eq(iov[0].iov_base, small->data, 10);
	ck_assert_mem_eq(scratch + 10, small->data + 20, 10);
	ck_assert_ptr_eq(iov[1].iov_base, big->data);
	ck_assert_uint_eq(iov[2].iov_len, 10);
	outq_fini(&q);
	blob_unref(small);
	blob_unref(big);
}

TEST(no_more_entries_are_filled_than_there_are)
{
	struct blob *big = numbered(4096, 0);
	struct iovec iov[3];
	struct outq q;

	outq_init(&q);
	for (int i = 0; i < 10; i++)
		push(&q, big, 0, 2048);
	ck_assert_int_eq(outq_fill(&q, iov, 3, scratch), 3);
	ck_assert_uint_eq(
	    iov[0].iov_len + iov[1].iov_len + iov[2].iov_len, 3 * 2048);
	outq_fini(&q);
	blob_unref(big);
}

TEST(an_empty_slice_is_nothing)
{
	struct blob *blob = numbered(16, 0);
	struct outq q;

	outq_init(&q);
	push(&q, blob, 3, 0);
	ck_assert_uint_eq(q.n, 0);
	ck_assert_uint_eq(blob->n_refs, 1);
	blob_unref(blob);
}

TEST(a_stalled_queue_does_not_pin_big_blobs_with_small_slices)
{
	struct blob *big = numbered(BLOB_CHUNK, 0);
	struct outq q;

	outq_init(&q);
	for (size_t i = 0; i < 1000; i++)
		outq_push(&q, &(struct slice){ big, i * 64, 32 }, true);
	ck_assert_uint_eq(big->n_refs, 1);
	ck_assert_uint_eq(q.n_bytes, 32000);
	ck_assert_uint_le(blob_total_bytes(), BLOB_CHUNK + 3 * 16384);
	outq_push(&q, &(struct slice){ big, 0, 32768 }, true);
	ck_assert_uint_eq(big->n_refs, 2);
	outq_fini(&q);
	blob_unref(big);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	blob_trim();
}

TEST(a_stalled_queue_copies_larger_slices_of_big_blobs_too)
{
	struct blob *big = numbered(BLOB_CHUNK, 0);
	struct iovec iov[1];
	struct outq q;

	outq_init(&q);
	outq_push(&q, &(struct slice){ big, 100, 16383 }, true);
	ck_assert_uint_eq(big->n_refs, 1);
	ck_assert_uint_eq(blob_total_bytes(), BLOB_CHUNK + 16383);
	ck_assert_int_eq(outq_fill(&q, iov, 1, scratch), 1);
	ck_assert_uint_eq(iov[0].iov_len, 16383);
	ck_assert_mem_eq(iov[0].iov_base, big->data + 100, 16383);
	outq_push(&q, &(struct slice){ big, 100, 16384 }, true);
	ck_assert_uint_eq(big->n_refs, 2);
	outq_fini(&q);
	blob_unref(big);
	blob_trim();
}

TEST(a_stalled_queue_packs_small_blobs_that_nobody_else_has)
{
	enum { N = 1000, LEN = 100 };
	struct blob *shared = numbered(LEN, 0);
	struct outq q;

	outq_init(&q);
	for (size_t i = 0; i < N; i++) {
		struct blob *own = numbered(LEN, (uint8_t)i);

		outq_push(&q, &(struct slice){ own, 0, LEN }, true);
		blob_unref(own);
	}
	ck_assert_uint_eq(q.n_bytes, N * LEN);
	ck_assert_uint_le(q.n, N * LEN / 16384 + 1);
	ck_assert_uint_le(
	    blob_total_bytes(), LEN + (N * LEN / 16384 + 1) * 16384);
	/* What others have as well costs nothing more. */
	blob_ref(shared);
	outq_push(&q, &(struct slice){ shared, 0, LEN }, true);
	ck_assert_uint_eq(shared->n_refs, 3);
	outq_fini(&q);
	blob_unref(shared);
	blob_unref(shared);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

TEST(an_emptied_queue_holds_no_memory)
{
	struct blob *blob = numbered(64, 0);
	struct outq q;

	outq_init(&q);
	push(&q, blob, 0, 64);
	outq_consume(&q, 64);
	ck_assert_ptr_null(q.ring);
	ck_assert_uint_eq(q.n_bytes, 0);
	ck_assert_uint_eq(blob->n_refs, 1);
	blob_unref(blob);
}

/* Takes up to len bytes out of the queue as a write would. */
static size_t
write_some(struct outq *q, uint8_t *out, size_t len, int n_iovecs)
{
	struct iovec iov[16];
	int n = outq_fill(q, iov, n_iovecs, scratch);
	size_t written = 0;

	for (int i = 0; i < n && written < len; i++) {
		size_t part = iov[i].iov_len;

		part = part < len - written ? part : len - written;
		memcpy(out + written, iov[i].iov_base, part);
		written += part;
	}
	outq_consume(q, written);
	return written;
}

TEST(every_cut_of_the_writes_gives_the_same_stream)
{
	enum { TOTAL = 200000 };
	struct random random = { 42 };
	uint8_t *in = malloc(2 * TOTAL), *out = malloc(2 * TOTAL);
	size_t n_in = 0, n_out = 0;
	struct outq q;

	outq_init(&q);
	while (n_in < TOTAL || q.n_bytes > 0) {
		if (n_in < TOTAL && random_below(&random, 2) == 0) {
			struct blob *blob = numbered(
			    1 + random_below(&random, 3000), (uint8_t)n_in);
			size_t off =
			    random_below(&random, (uint32_t)blob->size);
			size_t len = blob->size - off;

			outq_push(&q, &(struct slice){ blob, off, len },
			    random_below(&random, 2) == 0);
			memcpy(in + n_in, blob->data + off, len);
			n_in += len;
			blob_unref(blob);
		} else {
			n_out += write_some(&q, out + n_out,
			    random_below(&random, 4000),
			    1 + (int)random_below(&random, 16));
		}
		ck_assert_uint_eq(q.n_bytes, n_in - n_out);
	}
	ck_assert_uint_eq(n_in, n_out);
	ck_assert_mem_eq(in, out, n_in);
	outq_fini(&q);
	free(in);
	free(out);
}
