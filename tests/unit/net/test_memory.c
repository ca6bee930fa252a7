#include "net/memory.h"

#include <stdlib.h>

#include "unit/support.h"

#define N_HOLDERS 8
#define LIMIT ((size_t)4 << 20)
#define MIB ((size_t)1 << 20)

static struct memory memory;
static struct outq queues[N_HOLDERS];
static struct holder holders[N_HOLDERS];
static size_t order[N_HOLDERS], n_cut; /* the holders that were cut, in order */
static const struct instant now = { 5000 }, long_ago = { 0 };

static void
cut(struct holder *holder)
{
	order[n_cut++] = (size_t)(holder - holders);
	outq_fini(holder->queue);
	memory_release(&memory, holder);
}

static void
begin(size_t limit)
{
	memory_init(&memory, limit);
	n_cut = 0;
	for (size_t i = 0; i < N_HOLDERS; i++) {
		outq_init(&queues[i]);
		holders[i] = (struct holder){ .queue = &queues[i], .cut = cut };
	}
}

static void
end(void)
{
	for (size_t i = 0; i < N_HOLDERS; i++) {
		outq_fini(&queues[i]);
		memory_release(&memory, &holders[i]);
	}
	memory_fini(&memory);
	blob_trim();
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

/* Queues a message of len bytes for holders first to last, which do not read.
 */
static void
stall(size_t first, size_t last, size_t len)
{
	struct blob *blob = blob_new(len);

	for (size_t i = first; i <= last; i++) {
		outq_push(&queues[i], &(struct slice){ blob, 0, len },
		    &memory.copies);
		memory_hold_output(&memory, &holders[i], true);
	}
	blob_unref(blob);
}

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		if (memory_end_turn(&memory))
			memory_trim_later(&memory, now);
}

TEST(without_a_limit_nothing_is_over_it)
{
	begin(0);
	stall(0, 0, 64 * MIB);
	ck_assert(!memory_is_over(&memory));
	ck_assert(!memory_is_tight(&memory));
	turns(3);
	end();
}

TEST(the_one_that_pins_most_goes_first_and_no_more_than_must)
{
	begin(LIMIT);
	stall(0, 0, MIB);
	stall(1, 1, 2 * MIB);
	stall(2, 2, MIB / 2);
	ck_assert(!memory_is_over(&memory));
	stall(2, 2, MIB);
	ck_assert(memory_is_over(&memory));
	ck_assert(memory_make_room(&memory, now));
	ck_assert(!memory_is_over(&memory));
	ck_assert_uint_eq(n_cut, 1);
	ck_assert_uint_eq(order[0], 1);
	ck_assert_uint_gt(queues[0].n_bytes, 0);
	end();
}

/* To cut one of them would free nothing. */
TEST(who_shares_what_is_held_is_charged_a_part_of_it)
{
	begin(LIMIT);
	stall(1, 6, 2 * MIB);
	stall(0, 0, MIB + MIB / 2);
	stall(7, 7, MIB / 2);
	ck_assert(memory_is_over(&memory));
	ck_assert(memory_make_room(&memory, now));
	ck_assert_uint_eq(n_cut, 1);
	ck_assert_uint_eq(order[0], 0);
	end();
}

TEST(those_who_share_too_much_all_go)
{
	begin(LIMIT);
	stall(0, 6, 3 * MIB);
	stall(0, 6, MIB);
	stall(7, 7, 1000);
	ck_assert(memory_is_over(&memory));
	ck_assert(memory_make_room(&memory, now));
	ck_assert_uint_eq(n_cut, 7);
	ck_assert_uint_eq(queues[7].n_bytes, 1000);
	end();
}

/* 64 bytes of each blob: they are worth copying before anybody is cut. */
TEST(what_is_pinned_by_little_is_copied_out_first)
{
	struct blob *blob;

	begin(LIMIT);
	for (size_t i = 0; i < 100; i++) {
		blob = blob_new(BLOB_CHUNK);
		outq_push(&queues[0], &(struct slice){ blob, i, 64 }, NULL);
		blob_unref(blob);
	}
	memory_hold_output(&memory, &holders[0], true);
	ck_assert(memory_is_over(&memory));
	ck_assert(memory_make_room(&memory, now));
	ck_assert_uint_eq(n_cut, 0);
	ck_assert_uint_eq(queues[0].n_bytes, 6400);
	ck_assert_uint_le(blob_held_bytes(), 4 * BLOB_CHUNK);
	end();
}

/* Nobody is to blame for what was read and is not routed yet. */
TEST(what_will_go_by_itself_cuts_nobody_and_stops_the_reading)
{
	struct blob *staged;

	begin(LIMIT);
	stall(0, 0, MIB / 2);
	memory_hold_input(&memory, &holders[1], MIB, now);
	staged = blob_new(LIMIT);
	for (int i = 0; i < 4; i++) {
		ck_assert(!memory_make_room(&memory, now));
		ck_assert(!memory_make_room(&memory, now));
		turns(1);
		ck_assert_int_eq(memory.short_since.ms, now.ms);
	}
	ck_assert_uint_eq(n_cut, 0);
	blob_unref(staged);
	turns(1);
	ck_assert_int_eq(memory.short_since.ms, INSTANT_NEVER.ms);
	ck_assert(!memory_is_over(&memory));
	end();
}

TEST(what_does_not_go_by_itself_cuts_all_and_then_is_let_be)
{
	const struct instant late = instant_after(now, 1000);
	struct blob *staged;

	begin(LIMIT);
	stall(0, 0, MIB / 2);
	staged = blob_new(LIMIT);
	memory_hold_input(&memory, &holders[1], MIB, now);
	ck_assert(!memory_make_room(&memory, now));
	turns(1);
	ck_assert_int_eq(memory_deadline(&memory).ms, late.ms);
	memory_expire(&memory, instant_after(now, 999));
	ck_assert_uint_eq(n_cut, 0);
	memory_expire(&memory, late);
	ck_assert_uint_eq(n_cut, 2);
	ck_assert_int_eq(memory.short_since.ms, INSTANT_NEVER.ms);
	blob_unref(staged);
	end();
}

TEST(an_unfinished_unit_counts_when_it_is_slow_to_come)
{
	struct blob *input = blob_new(3 * MIB);

	begin(LIMIT);
	stall(0, 0, MIB);
	memory_hold_input(&memory, &holders[1], input->size, now);
	ck_assert(memory_make_room(&memory, now));
	ck_assert_uint_eq(n_cut, 1);
	ck_assert_uint_eq(order[0], 0);
	stall(0, 0, MIB);
	memory_hold_input(&memory, &holders[1], input->size, long_ago);
	(void)memory_make_room(&memory, now);
	ck_assert_uint_eq(n_cut, 2);
	ck_assert_uint_eq(order[1], 1);
	blob_unref(input);
	end();
}

TEST(volatile_messages_go_at_three_quarters)
{
	begin(LIMIT);
	stall(0, 0, 3 * MIB - 100000);
	ck_assert(!memory_is_tight(&memory));
	stall(0, 0, 100000);
	ck_assert(memory_is_tight(&memory));
	ck_assert(!memory_is_over(&memory));
	end();
}

TEST(a_lower_limit_holds_from_then_on)
{
	begin(LIMIT);
	stall(0, 0, MIB);
	stall(1, 1, 2 * MIB);
	memory_set_limit(&memory, 2 * MIB);
	ck_assert(memory_is_over(&memory));
	ck_assert(memory_make_room(&memory, now));
	ck_assert_uint_eq(n_cut, 1);
	ck_assert_uint_eq(order[0], 1);
	end();
}

TEST(who_holds_nothing_is_not_listed)
{
	begin(LIMIT);
	memory_hold_output(&memory, &holders[0], true);
	memory_hold_input(&memory, &holders[0], 100, now);
	ck_assert_uint_eq(memory.n_holders, 1);
	memory_hold_output(&memory, &holders[0], false);
	ck_assert_uint_eq(memory.n_holders, 1);
	memory_hold_input(&memory, &holders[0], 0, now);
	ck_assert_uint_eq(memory.n_holders, 0);
	memory_release(&memory, &holders[0]);
	ck_assert_uint_eq(memory.n_holders, 0);
	end();
}

TEST(a_trim_is_due_after_a_turn_and_forgets_what_is_kept)
{
	struct blob *chunks[10];

	begin(LIMIT);
	ck_assert_int_eq(memory_deadline(&memory).ms, INSTANT_NEVER.ms);
	for (size_t i = 0; i < N_ELEMENTS(chunks); i++)
		chunks[i] = blob_new(BLOB_CHUNK);
	for (size_t i = 0; i < N_ELEMENTS(chunks); i++)
		blob_unref(chunks[i]);
	ck_assert_uint_ge(blob_held_bytes(), N_ELEMENTS(chunks) * BLOB_CHUNK);
	turns(2);
	ck_assert_int_eq(memory_deadline(&memory).ms, now.ms + 1000);
	memory_expire(&memory, instant_after(now, 1000));
	ck_assert_uint_eq(blob_held_bytes(), 0);
	ck_assert_int_eq(memory_deadline(&memory).ms, INSTANT_NEVER.ms);
	end();
}
