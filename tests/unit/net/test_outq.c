#include "net/outq.h"

#include <stdlib.h>
#include <string.h>

#include "net/piped.h"
#include "unit/support.h"

static uint8_t scratch[OUTQ_SCRATCH_SIZE];
static struct outq_copies copies;

static void
push(struct outq *q, struct blob *blob, size_t off, size_t len)
{
	outq_push(q, &(struct slice){ blob, off, len }, NULL);
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

static void
add_up(const struct slice *s, void *arg)
{
	*(size_t *)arg += s->len;
}

static size_t
walked(const struct outq *q)
{
	size_t n = 0;

	outq_walk(q, add_up, &n);
	return n;
}

TEST(a_walk_shows_the_first_slice_from_its_beginning)
{
	struct blob *blob = numbered(8192, 0);
	struct outq q;

	outq_init(&q);
	push(&q, blob, 0, 2000);
	push(&q, blob, 4000, 1000);
	ck_assert_uint_eq(walked(&q), 3000);
	outq_consume(&q, 700);
	outq_consume(&q, 700);
	ck_assert_uint_eq(q.n_bytes, 1600);
	ck_assert_uint_eq(walked(&q), 3000);
	outq_consume(&q, 601);
	ck_assert_uint_eq(walked(&q), 1000);
	outq_clear_demand(&q);
	outq_add_demand(&q);
	outq_squeeze(&q, &copies);
	ck_assert_uint_eq(q.n_bytes, 999);
	ck_assert_uint_eq(walked(&q), 1000);
	outq_fini(&q);
	outq_copies_fini(&copies);
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

/* Queues a slice of a blob for a queue that has stalled. */
static void
push_stalled(struct outq *q, struct blob *blob, size_t off, size_t len)
{
	outq_push(q, &(struct slice){ blob, off, len }, &copies);
}

TEST(a_stalled_queue_does_not_pin_big_blobs_with_small_slices)
{
	struct blob *big = numbered(BLOB_CHUNK, 0);
	struct outq q;

	outq_init(&q);
	for (size_t i = 0; i < 1000; i++)
		push_stalled(&q, big, i * 64, 32);
	outq_copies_forget(&copies);
	ck_assert_uint_eq(big->n_refs, 1);
	ck_assert_uint_eq(q.n_bytes, 32000);
	ck_assert_uint_eq(q.n, 1);
	ck_assert_uint_eq(blob_total_bytes(), 2 * BLOB_CHUNK);
	push_stalled(&q, big, 0, BLOB_CHUNK / 4);
	ck_assert_uint_eq(big->n_refs, 2);
	outq_fini(&q);
	outq_copies_fini(&copies);
	blob_unref(big);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

TEST(a_slice_for_many_stalled_queues_is_copied_once)
{
	enum { N_QUEUES = 64, N = 100 };
	struct blob *big = numbered(BLOB_CHUNK, 0);
	struct outq queues[N_QUEUES];

	for (size_t k = 0; k < N_QUEUES; k++)
		outq_init(&queues[k]);
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N_QUEUES; k++)
			push_stalled(&queues[k], big, i * 128, 100);
	ck_assert_uint_eq(copies.used, N * 100);
	ck_assert_uint_eq(blob_total_bytes(), 2 * BLOB_CHUNK);
	for (size_t k = 0; k < N_QUEUES; k++) {
		ck_assert_uint_eq(queues[k].n, 1);
		ck_assert_uint_eq(queues[k].n_bytes, N * 100);
		outq_fini(&queues[k]);
	}
	outq_copies_fini(&copies);
	blob_unref(big);
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

TEST(a_large_slice_of_a_much_larger_blob_gets_a_blob_that_fits)
{
	enum { SIZE = 1 << 20, LEN = 100000 };
	struct blob *big = numbered(SIZE, 0);
	struct iovec iov[1];
	struct outq q, other;

	outq_init(&q);
	outq_init(&other);
	push_stalled(&q, big, 100, LEN);
	push_stalled(&other, big, 100, LEN);
	ck_assert_uint_eq(blob_total_bytes(), SIZE + LEN);
	ck_assert_int_eq(outq_fill(&q, iov, 1, scratch), 1);
	ck_assert_uint_eq(iov[0].iov_len, LEN);
	ck_assert_mem_eq(iov[0].iov_base, big->data + 100, LEN);
	outq_fini(&q);
	outq_fini(&other);
	outq_copies_fini(&copies);
	ck_assert_uint_eq(blob_total_bytes(), SIZE);
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

		push_stalled(&q, own, 0, LEN);
		blob_unref(own);
	}
	ck_assert_uint_eq(q.n_bytes, N * LEN);
	ck_assert_uint_le(q.n, N * LEN / BLOB_CHUNK + 1);
	ck_assert_uint_eq(blob_total_bytes(), LEN + 2 * BLOB_CHUNK);
	/* A slice of a blob that others refer to costs nothing more. */
	blob_ref(shared);
	push_stalled(&q, shared, 0, LEN);
	ck_assert_uint_eq(shared->n_refs, 3);
	outq_fini(&q);
	outq_copies_fini(&copies);
	blob_unref(shared);
	blob_unref(shared);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	blob_trim();
}

/* The source is held, so no other bytes can take its place meanwhile. */
TEST(a_copy_is_remembered_until_it_is_forgotten)
{
	struct blob *big = numbered(BLOB_CHUNK, 0), *next;
	struct outq q;

	outq_init(&q);
	push_stalled(&q, big, 0, 100);
	blob_unref(big);
	next = numbered(BLOB_CHUNK, 1);
	ck_assert_ptr_ne(next, big);
	push_stalled(&q, next, 0, 100);
	ck_assert_uint_eq(copies.used, 200);
	outq_copies_forget(&copies);
	push_stalled(&q, next, 0, 100);
	ck_assert_uint_eq(copies.used, 300);
	outq_fini(&q);
	outq_copies_fini(&copies);
	blob_unref(next);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	blob_trim();
}

static void
squeeze(struct outq *queues, size_t n)
{
	for (size_t k = 0; k < n; k++)
		outq_clear_demand(&queues[k]);
	for (size_t k = 0; k < n; k++)
		outq_add_demand(&queues[k]);
	for (size_t k = 0; k < n; k++)
		outq_squeeze(&queues[k], &copies);
}

TEST(squeezed_queues_let_go_of_blobs_of_which_little_is_wanted)
{
	struct blob *wanted = numbered(BLOB_CHUNK, 0);
	struct blob *waste = numbered(BLOB_CHUNK, 1);
	struct iovec iov[4];
	struct outq queues[4];

	for (size_t k = 0; k < 4; k++) {
		outq_init(&queues[k]);
		push(&queues[k], wanted, 0, 5000);
		push(&queues[k], waste, k * 10000, 3000);
		push(&queues[k], wanted, 6000, 2000);
	}
	squeeze(queues, 4);
	ck_assert_uint_eq(waste->n_refs, 1);
	ck_assert_uint_eq(wanted->n_refs, 1 + 2 * 4);
	for (size_t k = 0; k < 4; k++) {
		ck_assert_uint_eq(queues[k].n_bytes, 10000);
		ck_assert_int_eq(outq_fill(&queues[k], iov, 4, scratch), 3);
		ck_assert_mem_eq(iov[0].iov_base, wanted->data, 5000);
		ck_assert_mem_eq(
		    iov[1].iov_base, waste->data + k * 10000, 3000);
		ck_assert_mem_eq(iov[2].iov_base, wanted->data + 6000, 2000);
		outq_fini(&queues[k]);
	}
	outq_copies_fini(&copies);
	blob_unref(wanted);
	blob_unref(waste);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	blob_trim();
}

TEST(what_a_queue_pins_is_shared_among_those_who_do)
{
	struct blob *both = numbered(BLOB_CHUNK, 0);
	struct blob *own = numbered(BLOB_CHUNK, 1);
	struct outq a, b;

	outq_init(&a);
	outq_init(&b);
	ck_assert_uint_eq(outq_share(&a), 0);
	push(&a, both, 0, 100);
	push(&b, both, 0, 100);
	push(&b, own, 0, 100);
	blob_unref(both);
	blob_unref(own);
	ck_assert_uint_eq(outq_share(&a), BLOB_CHUNK / 2);
	ck_assert_uint_eq(outq_share(&b), BLOB_CHUNK / 2 + BLOB_CHUNK);
	outq_fini(&b);
	ck_assert_uint_eq(outq_share(&a), BLOB_CHUNK);
	outq_fini(&a);
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

TEST(a_long_queue_has_its_ring_in_the_account_and_a_short_one_needs_none)
{
	struct blob *blob = numbered(100, 0);
	size_t held = blob_held_bytes();
	struct outq q;

	outq_init(&q);
	for (int i = 0; i < OUTQ_FEW; i++)
		push(&q, blob, 0, 50);
	ck_assert_uint_eq(blob_held_bytes(), held);
	for (int i = 0; i < 100; i++)
		push(&q, blob, 0, 50);
	ck_assert_uint_ge(blob_held_bytes(), held + 100 * sizeof(struct slice));
	ck_assert_uint_ge(outq_share(&q), 100 * sizeof(struct slice));
	outq_consume(&q, q.n_bytes);
	ck_assert_uint_eq(blob_held_bytes(), held);
	blob_unref(blob);
}

TEST(an_emptied_queue_holds_no_memory_of_its_own)
{
	struct blob *blob = numbered(64, 0);
	struct outq q;

	outq_init(&q);
	push(&q, blob, 0, 64);
	outq_consume(&q, 64);
	ck_assert(q.ring == NULL || q.ring == q.few);
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
			    random_below(&random, 2) == 0 ? &copies : NULL);
			memcpy(in + n_in, blob->data + off, len);
			n_in += len;
			blob_unref(blob);
			if (random_below(&random, 50) == 0)
				squeeze(&q, 1);
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
	outq_copies_fini(&copies);
	free(in);
	free(out);
}

TEST(what_is_piped_stands_alone_at_the_front)
{
	struct blob *small = numbered(64, 1), *big = piped_new("head", 4, 4);
	struct iovec iov[8];
	struct outq q;

	outq_init(&q);
	push(&q, small, 0, 10);
	push(&q, big, 0, 4);
	push(&q, small, 20, 10);
	ck_assert_ptr_null(outq_first_piped(&q));
	ck_assert_int_eq(outq_fill(&q, iov, 8, scratch), 1);
	ck_assert_uint_eq(iov[0].iov_len, 10);
	outq_consume(&q, 10);
	ck_assert_ptr_eq(outq_first_piped(&q)->blob, big);
	ck_assert_int_eq(outq_fill(&q, iov, 8, scratch), 0);
	outq_consume(&q, 1);
	ck_assert_uint_eq(outq_first_piped(&q)->off, 1);
	outq_consume(&q, 3);
	ck_assert_ptr_null(outq_first_piped(&q));
	ck_assert_int_eq(outq_fill(&q, iov, 8, scratch), 1);
	outq_fini(&q);
	blob_unref(small);
	blob_unref(big);
	piped_trim();
}

TEST(what_is_piped_is_squeezed_as_memory)
{
	static uint8_t bytes[8192];
	struct blob *blob;
	struct iovec iov[2];
	struct outq q;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 11);
	blob = piped_new(bytes, sizeof(bytes), 8);
	outq_init(&q);
	push(&q, blob, 0, sizeof(bytes));
	blob_unref(blob);
	outq_consume(&q, 8000);
	outq_clear_demand(&q);
	outq_add_demand(&q);
	outq_squeeze(&q, &copies);
	ck_assert_ptr_null(outq_first_piped(&q));
	ck_assert_int_eq(outq_fill(&q, iov, 2, scratch), 1);
	ck_assert_uint_eq(iov[0].iov_len, 192);
	ck_assert_mem_eq(iov[0].iov_base, bytes + 8000, 192);
	outq_fini(&q);
	outq_copies_fini(&copies);
	piped_trim();
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}
