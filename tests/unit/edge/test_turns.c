#include "edge/turns.h"

#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "unit/rig/members.h"

/*
 * An edge whose entries are letters: each one that is handled is appended to
 * `handled`. A `P` is a message that is published; an `S` stages another entry;
 * an `L` takes as long as a turn may.
 */

struct letter {
	struct turns_entry entry;
	char name;
	size_t n_more;
	uint8_t more[]; /* n_more times name */
};

static struct loop *loop;
static struct turns turns;
static struct turns_owner a, b;
static char handled[65536];
static size_t n_handled;
static unsigned n_done;

static void put_letter(struct turns_owner *owner, char name, size_t n_more);

/* As long as a turn may, in work of the broker too. */
static void
take_long(void)
{
	while (clock_us() < loop_began_us(loop) + TURNS_MAX_US)
		;
	broker_add_work(broker, 1000);
}

static void
on_handle(struct turns *t, struct turns_stage *stage, struct turns_entry *entry)
{
	const struct letter *letter = (const struct letter *)entry;

	ck_assert_ptr_eq(t, &turns);
	ck_assert(stage == &turns.ripe || stage == &turns.fresh);
	ck_assert(turns.is_handling);
	for (size_t i = 0; i < letter->n_more; i++)
		ck_assert_int_eq(letter->more[i], letter->name);
	handled[n_handled++] = letter->name;
	handled[n_handled] = '\0';
	if (letter->name == 'P')
		member_publish(0, "hi", "t", NULL);
	if (letter->name == 'L')
		take_long();
	if (letter->name == 'S')
		put_letter(&b, 'x', 0);
}

static void
on_done(struct turns *t)
{
	ck_assert_ptr_eq(t, &turns);
	n_done++;
}

static const struct turns_ops ops = { on_handle, on_done };

static void
begin(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
	members_begin_with(1);
	turns_init(&turns, loop, broker, &ops);
	a = b = (struct turns_owner){ 0 };
	n_handled = n_done = 0;
	handled[0] = '\0';
}

static void
end(void)
{
	ck_assert_uint_eq(a.n_staged + b.n_staged, 0);
	turns_fini(&turns);
	turns_fini(&turns);
	members_end();
	loop_free(loop);
}

static void
put_letter(struct turns_owner *owner, char name, size_t n_more)
{
	struct letter *letter =
	    turns_stage(&turns, owner, sizeof(*letter) + n_more);

	letter->name = name;
	letter->n_more = n_more;
	memset(letter->more, name, n_more);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

TEST(what_is_staged_in_a_turn_is_handled_in_the_next_one_in_order)
{
	begin();
	put_letter(&a, 'x', 0);
	put_letter(&b, 'y', 3);
	put_letter(&a, 'z', 1);
	ck_assert_uint_eq(a.n_staged, 2);
	turn();
	ck_assert_str_eq(handled, "");
	put_letter(&a, 'u', 0);
	turn();
	ck_assert_str_eq(handled, "xyz");
	ck_assert_uint_eq(a.n_staged, 1);
	ck_assert_uint_eq(b.n_staged, 0);
	turn();
	ck_assert_str_eq(handled, "xyzu");
	ck_assert_uint_ge(n_done, 2);
	end();
}

TEST(an_idle_queue_asks_for_no_turn)
{
	begin();
	put_letter(&a, 'x', 0);
	turn();
	turn();
	ck_assert(!turns.task.is_queued);
	end();
}

TEST(an_owner_that_ends_is_handled_at_once_and_once)
{
	begin();
	put_letter(&a, 'x', 0);
	put_letter(&b, 'y', 0);
	turn();
	put_letter(&b, 'z', 0);
	put_letter(&a, 'u', 0);
	turns_run_own(&turns, &a);
	ck_assert_str_eq(handled, "xu");
	turns_run_own(&turns, &a);
	turn();
	turn();
	ck_assert_str_eq(handled, "xuyz");
	end();
}

TEST(an_entry_that_is_handled_as_soon_as_it_is_staged_leaves_no_room_taken)
{
	size_t size;

	begin();
	put_letter(&b, 'y', 100);
	size = turns.fresh.len;
	for (int i = 0; i < 10000; i++) {
		put_letter(&a, 'x', 5);
		turns_run_own(&turns, &a);
		ck_assert_uint_eq(turns.fresh.len, size);
	}
	ck_assert_uint_eq(n_handled, 10000);
	turns_run_all(&turns);
	ck_assert_str_eq(handled + 9999, "xy");
	end();
}

TEST(all_of_both_turns_is_handled_now)
{
	begin();
	put_letter(&a, 'x', 0);
	turn();
	put_letter(&b, 'y', 0);
	turns_run_all(&turns);
	ck_assert_str_eq(handled, "xy");
	turn();
	turn();
	ck_assert_str_eq(handled, "xy");
	end();
}

TEST(arrays_are_in_the_account_and_large_ones_are_given_back_when_empty)
{
	size_t before;

	begin();
	before = blob_held_bytes();
	for (int i = 0; i < 1000; i++)
		put_letter(&a, 'x', 1000);
	ck_assert(turns_is_bulky(&turns, 65536));
	ck_assert_uint_ge(blob_held_bytes(), before + 1000000);
	while (n_handled < 1000) {
		turns_trim(&turns, 65536);
		turn();
	}
	ck_assert(turns_is_bulky(&turns, 65536));
	turns_trim(&turns, 65536);
	ck_assert(!turns_is_bulky(&turns, 65536));
	ck_assert_uint_le(blob_held_bytes(), before + 65536);
	put_letter(&a, 'y', 0);
	turns_run_all(&turns);
	ck_assert_int_eq(handled[1000], 'y');
	end();
}

TEST(entries_are_left_for_the_next_turns_before_anything_else_is_read)
{
	const struct conn_limits limits = { 1, 1, 1, 0 };
	struct conn_set *set;

	begin();
	set = conn_set_new(loop, &limits);
	turns_hold(&turns, set);
	put_letter(&a, 'L', 0);
	put_letter(&b, 'L', 0);
	put_letter(&a, 'x', 0);
	turn();
	ck_assert_str_eq(handled, "");
	ck_assert_uint_eq(set->n_holds, 0);
	put_letter(&b, 'y', 0);
	turn();
	ck_assert_str_eq(handled, "L");
	ck_assert_uint_eq(set->n_holds, 1);
	turn();
	ck_assert_str_eq(handled, "LL");
	turns_run_own(&turns, &a);
	ck_assert_str_eq(handled, "LLx");
	turn();
	ck_assert_str_eq(handled, "LLx");
	ck_assert_uint_eq(set->n_holds, 0);
	turn();
	ck_assert_str_eq(handled, "LLxy");
	put_letter(&a, 'L', 0);
	put_letter(&b, 'z', 0);
	turn();
	turn();
	ck_assert_uint_eq(set->n_holds, 1);
	turns_run_all(&turns);
	ck_assert_str_eq(handled, "LLxyLz");
	turns_fini(&turns);
	ck_assert_uint_eq(set->n_holds, 0);
	conn_set_free(set);
	end();
}

TEST(a_small_array_is_kept)
{
	begin();
	put_letter(&a, 'x', 0);
	turns_run_all(&turns);
	turns_trim(&turns, 65536);
	ck_assert_ptr_nonnull(turns.fresh.at);
	end();
}

TEST(messages_count_as_read_in_the_turn_that_staged_them)
{
	struct timing timing = { .n_batches = 0 };
	int64_t read_us;

	begin();
	turns.timing = &timing;
	put_letter(&a, 'P', 0);
	put_letter(&b, 'x', 0);
	put_letter(&a, 'P', 0);
	read_us = loop_began_us(loop);
	turn();
	ck_assert_uint_eq(timing.n_batches, 0);
	turn();
	ck_assert_uint_eq(timing.n_batches, 1);
	ck_assert_int_eq(timing.batches[0].read_us, read_us);
	ck_assert_uint_eq(timing.batches[0].n, 2);
	end();
}

TEST_ABORTS(an_entry_that_is_handled_must_stage_nothing)
{
	begin();
	put_letter(&a, 'S', 0);
	turns_run_all(&turns);
}
