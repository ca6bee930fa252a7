#include "net/conn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/piped.h"
#include "net/loop.h"
#include "unit/support.h"

/*
 * Publishers and receivers in one conn_set. A unit is 4 bytes of length, one
 * that says whether it is opaque, one seed, and bytes that follow from it. The
 * units of publishers go to all receivers, at once.
 */
#define HEAD 6
#define OPAQUE 1
#define SKIPPED 2 /* the owner skips it, as a message that is too large */
#define ABOVE 16384
#define N_MAX 50

struct end {
	struct conn *conn; /* NULL: it is gone */
	int far;
	uint8_t *said; /* bytes to write to far */
	size_t n_said, n_written;
	uint8_t *got; /* bytes read from far */
	size_t n_got;
	bool at_end; /* the conn was closed */
	const struct conn_cause *cause;
};

static struct loop *loop;
static struct conn_set *set;
static struct end ends[N_MAX];
static size_t n_ends, n_publishers;
static uint8_t *wanted; /* bytes that each receiver must get */
static size_t n_wanted;
static size_t n_piped;
static struct random dice = { 7 };

static size_t
size_of(const uint8_t *head)
{
	return (size_t)head[0] << 24 | (size_t)head[1] << 16 |
	       (size_t)head[2] << 8 | head[3];
}

static void
pass_on(const struct slice *unit)
{
	n_piped += piped_is(unit->blob);
	for (size_t i = n_publishers; i < n_ends; i++)
		if (ends[i].conn != NULL)
			(void)conn_send(ends[i].conn, unit, false);
}

static size_t
on_input(struct conn *conn, const struct slice *data, size_t *want)
{
	const uint8_t *at = slice_data(data);
	size_t used = 0, size;

	while (data->len - used >= HEAD) {
		size = size_of(at + used);
		if (at[used + 4] == SKIPPED) {
			conn_skip(conn, size - HEAD);
			return used + HEAD;
		}
		*want = size;
		conn_set_opaque(conn, at[used + 4] == OPAQUE ? HEAD : 0, size);
		if (data->len - used < size)
			break;
		pass_on(&(struct slice){ data->blob, data->off + used, size });
		used += size;
	}
	return used;
}

static void
on_eof(struct conn *conn)
{
	conn_close(conn, &conn_eof);
}

static void
on_gone(struct conn *conn)
{
	struct end *end = conn_user(conn);

	end->cause = conn_cause(conn);
	end->conn = NULL;
}

static const struct conn_ops ops = { on_input, on_eof, NULL, NULL, on_gone };

static void
open_end(struct end *end)
{
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	end->conn = conn_new(set, fds[0], &ops, end);
	end->far = fds[1];
	end->said = malloc(40 << 20);
	end->got = malloc(40 << 20);
}

static void
begin(size_t publishers, size_t receivers, struct conn_limits limits)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_new(&loop), 0);
	set = conn_set_new(loop, &limits);
	conn_set_splice_above(set, ABOVE);
	wanted = malloc(40 << 20);
	n_publishers = publishers;
	for (n_ends = 0; n_ends < publishers + receivers; n_ends++)
		open_end(&ends[n_ends]);
}

static const struct conn_limits generous = { 256 << 20, 128 << 20, 3600000, 0 };

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

static void
hang_up(struct end *end)
{
	if (end->far >= 0)
		close(end->far);
	end->far = -1;
}

static void
finish(void)
{
	for (size_t i = 0; i < n_ends; i++) {
		if (ends[i].conn != NULL)
			conn_close(ends[i].conn, &conn_shutdown);
		hang_up(&ends[i]);
	}
	turn();
	for (size_t i = 0; i < n_ends; i++) {
		ck_assert_ptr_null(ends[i].conn);
		free(ends[i].said);
		free(ends[i].got);
	}
	free(wanted);
	conn_set_free(set);
	loop_free(loop);
	blob_trim();
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

/* Appends a unit to what the publisher says. */
static void
say(struct end *end, size_t size, uint8_t kind)
{
	uint8_t *at = end->said + end->n_said, seed = (uint8_t)(end->n_said);

	at[0] = (uint8_t)(size >> 24);
	at[1] = (uint8_t)(size >> 16);
	at[2] = (uint8_t)(size >> 8);
	at[3] = (uint8_t)size;
	at[4] = kind;
	at[5] = seed;
	for (size_t i = HEAD; i < size; i++)
		at[i] = (uint8_t)(seed + i * 13 + i / 253);
	end->n_said += size;
}

/* Likewise, and all receivers are to get it in this order. */
static void
say_all(size_t size, uint8_t kind)
{
	struct end *end = &ends[0];
	size_t at = end->n_said;

	say(end, size, kind);
	memcpy(wanted + n_wanted, end->said + at, size);
	n_wanted += size;
}

/* Writes at most max bytes of what is to be said. */
static void
write_some(struct end *end, size_t max)
{
	size_t left = end->n_said - end->n_written;
	ssize_t n = write(
	    end->far, end->said + end->n_written, left < max ? left : max);

	end->n_written += n > 0 ? (size_t)n : 0;
}

static void
read_some(struct end *end, size_t max)
{
	ssize_t n = read(end->far, end->got + end->n_got, max);

	end->n_got += n > 0 ? (size_t)n : 0;
	end->at_end |= n == 0;
}

/* Turns until every receiver from the i-th on has got n bytes, in portions of
 * at most max. */
static void
run_until(size_t i, size_t n, size_t max)
{
	bool all;

	do {
		all = true;
		for (size_t k = 0; k < n_publishers; k++)
			if (ends[k].far >= 0)
				write_some(&ends[k],
				    1 + random_below(&dice, (uint32_t)max));
		turn();
		for (size_t k = n_publishers + i; k < n_ends; k++) {
			read_some(
			    &ends[k], 1 + random_below(&dice, (uint32_t)max));
			all &= ends[k].n_got >= n || ends[k].at_end;
		}
	} while (!all);
}

static void
expect_all(size_t from)
{
	for (size_t k = n_publishers + from; k < n_ends; k++) {
		ck_assert_uint_eq(ends[k].n_got, n_wanted);
		ck_assert_mem_eq(ends[k].got, wanted, n_wanted);
	}
}

static const size_t sizes[] = { ABOVE - 1, ABOVE, ABOVE + 1, 32768, 65535,
	65536, 65537, 131072, 212992, 262144, 524288, PIPED_MAX, PIPED_MAX + 1,
	2 << 20 };

TEST_EACH(units_of_each_size_arrive_whole_and_large_ones_spliced, sizes)
{
	size_t size = sizes[row];
	bool spliced = size >= ABOVE && size <= PIPED_MAX;

	begin(1, 3, generous);
	for (int i = 0; i < 16; i++)
		say_all(size, OPAQUE);
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	/* The first came as a surprise, with others if they are small. */
	if (spliced)
		ck_assert_uint_ge(n_piped, 15 - 2 * BLOB_CHUNK / size);
	else
		ck_assert_uint_eq(n_piped, 0);
	ck_assert_uint_eq(conn_set_stats(set)->n_spliced, n_piped);
	ck_assert_uint_eq(conn_set_stats(set)->spliced_bytes, n_piped * size);
	ck_assert_uint_eq(conn_set_stats(set)->bytes_in, n_wanted);
	ck_assert_uint_eq(conn_set_stats(set)->bytes_out, 3 * n_wanted);
	finish();
}

TEST(what_is_not_opaque_is_never_spliced)
{
	begin(1, 1, generous);
	say_all(65536, OPAQUE);
	for (int i = 0; i < 4; i++)
		say_all(65536, 0);
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	ck_assert_uint_eq(n_piped, 0);
	finish();
}

TEST(with_splicing_off_nothing_is)
{
	begin(1, 2, generous);
	conn_set_splice_above(set, 0);
	for (int i = 0; i < 8; i++)
		say_all(65536, OPAQUE);
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	ck_assert_uint_eq(n_piped, 0);
	finish();
}

static const size_t portions[] = { 100, 1000, 5000, 20000, 100000, 1 << 20 };

/* Units of all kinds, written and read in portions of any size: the order is
 * kept between spliced ones and the small ones around them. */
TEST_EACH(however_it_is_cut_the_stream_is_the_same, portions)
{
	uint32_t size;

	begin(1, 4, generous);
	while (n_wanted < 8 * portions[row] + 300000) {
		size = random_below(&dice, 3) == 0
			   ? random_below(&dice, 1 << 18)
			   : random_below(&dice, 300);
		say_all(HEAD + size, random_below(&dice, 5) == 0 ? 0 : OPAQUE);
	}
	run_until(0, n_wanted, portions[row]);
	expect_all(0);
	finish();
}

TEST(a_publisher_that_writes_byte_by_byte_is_understood)
{
	begin(1, 2, generous);
	for (int i = 0; i < 4; i++)
		say_all(ABOVE, OPAQUE);
	run_until(0, n_wanted, 1);
	expect_all(0);
	finish();
}

TEST(who_reads_nothing_gets_all_of_it_later_and_holds_up_nobody)
{
	begin(1, 4, generous);
	for (int i = 0; i < 100; i++)
		say_all(i % 10 == 9 ? 100 : 100000, OPAQUE);
	run_until(1, n_wanted, 1 << 20);
	expect_all(1);
	ck_assert_uint_gt(n_piped, 80);
	ck_assert_uint_gt(conn_queue_bytes(ends[1].conn), n_wanted / 2);
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	finish();
}

TEST(who_goes_while_it_is_sent_to_takes_nothing_from_the_others)
{
	begin(1, 3, generous);
	for (int i = 0; i < 20; i++)
		say_all(300000, OPAQUE);
	run_until(1, n_wanted / 3, 1 << 20);
	read_some(&ends[1], 1000);
	hang_up(&ends[1]);
	run_until(1, n_wanted, 1 << 20);
	expect_all(1);
	ck_assert_ptr_null(ends[1].conn);
	ck_assert_ptr_eq(ends[1].cause, &conn_reset);
	finish();
}

TEST(who_dies_in_the_middle_of_a_unit_has_not_said_it)
{
	begin(1, 2, generous);
	say_all(65536, OPAQUE);
	say_all(65536, OPAQUE);
	say(&ends[0], 65536, OPAQUE);
	ends[0].n_said -= 1;
	run_until(0, n_wanted, 1 << 20);
	while (ends[0].n_written < ends[0].n_said)
		write_some(&ends[0], 1 << 20);
	for (int i = 0; i < 10; i++)
		turn();
	hang_up(&ends[0]);
	while (ends[0].conn != NULL)
		turn();
	ck_assert_ptr_eq(ends[0].cause, &conn_eof);
	for (size_t k = 1; k < n_ends; k++)
		read_some(&ends[k], 1 << 20);
	expect_all(0);
	finish();
}

/* More than there are pipes, each with a unit that is not complete. */
TEST(many_publishers_with_half_a_unit_each_are_all_understood)
{
	enum { N = 48, SIZE = 50000 };
	bool seen[256] = { false };

	begin(N, 1, generous);
	for (size_t i = 0; i < N; i++) {
		say(&ends[i], SIZE, OPAQUE);
		say(&ends[i], SIZE, OPAQUE);
		ends[i].said[SIZE + 5] = (uint8_t)(100 + i);
	}
	for (size_t n = 1; n <= 20; n++)
		for (size_t i = 0; i < N; i++) {
			while (ends[i].n_written < n * SIZE / 10)
				write_some(&ends[i],
				    n * SIZE / 10 - ends[i].n_written);
			turn();
		}
	ck_assert_uint_gt(piped_stats()->n_settled, 0);
	run_until(0, (size_t)2 * N * SIZE, 1 << 20);
	for (size_t at = 0; at < ends[N].n_got; at += SIZE) {
		const uint8_t *unit = ends[N].got + at;
		uint8_t seed = unit[5] < 100 ? unit[5] : (uint8_t)SIZE;

		ck_assert_uint_eq(size_of(unit), SIZE);
		seen[unit[5]] = true;
		for (size_t i = HEAD; i < SIZE; i++)
			ck_assert_uint_eq(
			    unit[i], (uint8_t)(seed + i * 13 + i / 253));
	}
	for (size_t i = 0; i < N; i++)
		ck_assert(seen[100 + i]);
	finish();
}

TEST(what_is_skipped_between_spliced_units_is_not_shown)
{
	begin(1, 2, generous);
	for (int i = 0; i < 4; i++) {
		say_all(65536, OPAQUE);
		say_all(65536, OPAQUE);
		say(&ends[0], 300000, SKIPPED);
		say_all(100, OPAQUE);
	}
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	ck_assert_uint_ge(n_piped, 4);
	finish();
}

TEST(spliced_units_count_against_the_hard_limit)
{
	struct conn_limits limits = { 1 << 20, 1 << 20, 3600000, 0 };

	begin(1, 2, limits);
	for (int i = 0; i < 30; i++)
		say_all(100000, OPAQUE);
	run_until(1, n_wanted, 1 << 20);
	expect_all(1);
	ck_assert_ptr_null(ends[1].conn);
	ck_assert_ptr_eq(ends[1].cause, &conn_slow_consumer);
	ck_assert_uint_gt(conn_set_stats(set)->n_unwritten, 900000);
	finish();
}

/* One receiver has stopped, and its messages are in pipes and in memory. */
TEST(spliced_units_count_against_the_memory_limit)
{
	struct conn_limits limits = { 64 << 20, 64 << 20, 3600000, 4 << 20 };

	begin(1, 2, limits);
	for (int i = 0; i < 60; i++)
		say_all(100000, OPAQUE);
	run_until(1, n_wanted, 1 << 20);
	expect_all(1);
	ck_assert_ptr_null(ends[1].conn);
	ck_assert_ptr_eq(ends[1].cause, &conn_memory_limit);
	ck_assert_uint_le(blob_peak_bytes(), limits.memory_bytes + (1 << 20));
	finish();
}

/* All but few of the descriptors that may be opened are: the daemon is full. */
TEST(without_descriptors_for_pipes_units_are_copied)
{
	struct rlimit before, limit;
	int next;

	begin(1, 2, generous);
	next = dup(0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){ (rlim_t)next, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 10; i++)
		say_all(65536, OPAQUE);
	run_until(0, n_wanted, 1 << 20);
	expect_all(0);
	ck_assert_uint_eq(n_piped, 0);
	ck_assert_uint_ge(piped_stats()->n_failed, 9);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	finish();
}

TEST(a_declared_length_alone_costs_a_pipe_and_no_memory)
{
	begin(1, 1, generous);
	say_all(65536, OPAQUE);
	say_all(65536, OPAQUE);
	run_until(0, n_wanted, 1 << 20);
	say(&ends[0], 1 << 20, OPAQUE);
	write_some(&ends[0], HEAD + 1000);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_le(blob_total_bytes(), 2 * BLOB_CHUNK);
	finish();
}
