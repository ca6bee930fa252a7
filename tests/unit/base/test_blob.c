#include "base/blob.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "unit/support.h"

static bool
is_aligned(const struct blob *blob, size_t to)
{
	return (uintptr_t)blob->data % to == 0;
}

TEST(the_last_reference_ends_a_blob_and_no_other)
{
	struct blob *blob = blob_new(100);

	ck_assert_uint_eq(blob_total_bytes(), 100);
	ck_assert_ptr_eq(blob_ref(blob), blob);
	ck_assert_uint_eq(blob->n_refs, 2);
	blob_unref(blob);
	ck_assert_uint_eq(blob->n_refs, 1);
	ck_assert_uint_eq(blob_total_bytes(), 100);
	blob_unref(blob);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

TEST(to_give_back_nothing_is_fine)
{
	blob_unref(NULL);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

static const size_t sizes[] = { 0, 1, 63, 64, 65, 4095, 4096, 4097, 65536,
	65537, 1 << 20 };

TEST_EACH(a_blob_has_the_size_that_was_asked_for_and_is_aligned, sizes)
{
	struct blob *blob = blob_new(sizes[row]);

	ck_assert_uint_eq(blob->size, sizes[row]);
	ck_assert_uint_eq(blob_total_bytes(), sizes[row]);
	if (sizes[row] == BLOB_CHUNK)
		ck_assert_uint_eq((uintptr_t)blob->data % 4096, 1024);
	else
		ck_assert(is_aligned(blob, sizes[row] < 4096 ? 64 : 4096));
	memset(blob->data, 0xa5, sizes[row]);
	blob_unref(blob);
	blob_trim();
}

TEST(a_copy_is_equal_and_independent)
{
	char text[] = "payload";
	struct blob *blob = blob_copy(text, sizeof(text));

	text[0] = 'P';
	ck_assert_uint_eq(blob->size, sizeof(text));
	ck_assert_str_eq((char *)blob->data, "payload");
	blob_unref(blob);
}

TEST(a_chunk_is_used_again_and_another_size_is_not)
{
	struct blob *chunk = blob_new(BLOB_CHUNK), *other;

	blob_unref(chunk);
	other = blob_new(BLOB_CHUNK - 1);
	ck_assert_ptr_ne(other, chunk);
	blob_unref(other);
	other = blob_new(BLOB_CHUNK);
	ck_assert_ptr_eq(other, chunk);
	ck_assert_uint_eq(other->n_refs, 1);
	blob_unref(other);
	blob_trim();
}

TEST(a_large_blob_is_used_again_where_it_fits)
{
	struct blob *large = blob_new(1 << 20), *other;

	blob_unref(large);
	other = blob_new((1 << 20) + 1);
	ck_assert_ptr_ne(other, large);
	blob_unref(other);
	other = blob_new((2 << 20) / 3 - 1);
	ck_assert_ptr_ne(other, large);
	blob_unref(other);
	other = blob_new(1000000);
	ck_assert_ptr_eq(other, large);
	ck_assert_uint_eq(other->n_refs, 1);
	ck_assert_uint_ge(other->size, 1000000);
	blob_unref(other);
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

TEST(large_blobs_are_kept_up_to_a_bound)
{
	struct blob *blobs[40];

	for (size_t i = 0; i < N_ELEMENTS(blobs); i++)
		blobs[i] = blob_new(1 << 20);
	for (size_t i = 0; i < N_ELEMENTS(blobs); i++)
		blob_unref(blobs[i]);
	ck_assert_uint_gt(blob_held_bytes(), 4 << 20);
	ck_assert_uint_lt(blob_held_bytes(), 9 << 20);
	blob_drop_spare();
	ck_assert_uint_eq(blob_held_bytes(), 0);
	ck_assert_uint_ge(blob_peak_bytes(), 40 << 20);
}

TEST(the_account_has_what_is_in_use_what_is_kept_and_what_is_charged)
{
	struct blob *small = blob_new(100), *chunk = blob_new(BLOB_CHUNK);
	size_t held = blob_held_bytes();

	ck_assert_uint_ge(held, 100 + BLOB_CHUNK);
	ck_assert_uint_le(held, 100 + BLOB_CHUNK + 16384);
	blob_unref(chunk);
	ck_assert_uint_eq(blob_held_bytes(), held);
	blob_charge(5000);
	ck_assert_uint_eq(blob_held_bytes(), held + 5000);
	ck_assert_uint_eq(blob_peak_bytes(), held + 5000);
	blob_discharge(5000);
	blob_unref(small);
	blob_drop_spare();
	ck_assert_uint_eq(blob_held_bytes(), 0);
	ck_assert_uint_eq(blob_peak_bytes(), held + 5000);
}

TEST(what_the_heap_keeps_for_us_is_known_until_it_is_trimmed)
{
	struct blob *blobs[100];

	for (size_t i = 0; i < N_ELEMENTS(blobs); i++)
		blobs[i] = blob_new(10000);
	ck_assert_uint_eq(blob_slack_bytes(), 0);
	for (size_t i = 0; i < N_ELEMENTS(blobs); i++)
		blob_unref(blobs[i]);
	ck_assert_uint_ge(blob_slack_bytes(), N_ELEMENTS(blobs) * 10000);
	blob_trim();
	ck_assert_uint_eq(blob_slack_bytes(), 0);
	/* A mapping goes back at once. */
	blob_unref(blob_new(100 << 20));
	ck_assert_uint_eq(blob_slack_bytes(), 0);
}

TEST(the_total_counts_blobs_in_use_not_what_is_kept_for_reuse)
{
	struct blob *chunks[40];

	for (size_t i = 0; i < N_ELEMENTS(chunks); i++)
		chunks[i] = blob_new(BLOB_CHUNK);
	ck_assert_uint_eq(blob_total_bytes(), N_ELEMENTS(chunks) * BLOB_CHUNK);
	for (size_t i = 0; i < N_ELEMENTS(chunks); i++)
		blob_unref(chunks[i]);
	ck_assert_uint_eq(blob_total_bytes(), 0);
	chunks[0] = blob_new(BLOB_CHUNK);
	ck_assert_uint_eq(blob_total_bytes(), BLOB_CHUNK);
	blob_unref(chunks[0]);
	blob_trim();
}

#ifdef __SANITIZE_ADDRESS__
TEST(the_bytes_of_a_blob_that_is_kept_are_poisoned)
{
	const size_t kept[] = { BLOB_CHUNK, 3 * BLOB_CHUNK };

	for (size_t i = 0; i < 2; i++) {
		struct blob *blob = blob_new(kept[i]);
		uint8_t *data = blob->data;

		blob_unref(blob);
		ck_assert_ptr_eq(__asan_region_is_poisoned(data, 1), data);
		ck_assert(__asan_address_is_poisoned(data + kept[i] - 1));
		blob = blob_new(kept[i]);
		ck_assert_ptr_eq(blob->data, data);
		ck_assert_ptr_null(__asan_region_is_poisoned(data, kept[i]));
		blob_unref(blob);
	}
	blob_drop_spare();
}
#endif

TEST(a_slice_points_into_its_blob)
{
	struct blob *blob = blob_copy("0123456789", 10);
	struct slice s = { blob, 3, 4 };

	ck_assert_ptr_eq(slice_data(&s), blob->data + 3);
	ck_assert_mem_eq(slice_data(&s), "3456", s.len);
	blob_unref(blob);
}

TEST_ABORTS(to_give_back_more_than_was_taken_aborts)
{
	struct blob *blob = blob_new(BLOB_CHUNK);

	/* A chunk is kept, so its count can still be read. */
	blob_unref(blob);
	blob_unref(blob);
}
