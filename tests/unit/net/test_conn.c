#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/loop.h"
#include "unit/support.h"

/*
 * A conn on one end of a socket pair, the test on the other. Units are a
 * length byte and so many bytes; 0xff begins a unit of 1 MiB.
 */
#define BIG_UNIT (1 << 20)

static struct loop *loop;
static struct conn_set *set;
static struct conn *conn;
static int peer;
static const struct conn_cause *ended;
static bool at_eof;
static uint8_t *seen;
static size_t n_seen, n_shown;
static size_t skip_after;  /* bytes to skip behind each unit */
static bool pauses;        /* behind each unit */
static struct slice *kept; /* where the next input is kept, or NULL */

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

/* Runs turns until the conn is gone. */
static void
wait_for_end(void)
{
	while (conn != NULL)
		ck_assert_int_eq(loop_turn(loop, true), 0);
}

static size_t
on_input(struct conn *c, const struct slice *data, size_t *want)
{
	const uint8_t *bytes = slice_data(data);
	size_t used = 0, unit;

	n_shown = data->len;
	if (kept != NULL) {
		*kept = *data;
		blob_ref(data->blob);
	}
	while (used < data->len) {
		unit = bytes[used] == 0xff ? BIG_UNIT : bytes[used] + 1u;
		if (unit > data->len - used) {
			*want = unit;
			break;
		}
		memcpy(seen + n_seen, bytes + used, unit);
		n_seen += unit;
		used += unit;
		if (pauses) {
			conn_pause(c);
			break;
		}
		if (skip_after > 0) {
			conn_skip(c, skip_after);
			break;
		}
	}
	return used;
}

static void
on_eof(struct conn *c)
{
	at_eof = true;
	conn_close(c, &conn_eof);
}

static void
on_gone(struct conn *c)
{
	ended = conn_cause(c);
	conn = NULL;
}

static const struct conn_ops ops = { on_input, on_eof, NULL, NULL, on_gone };

static void
begin(struct conn_limits limits)
{
	int fds[2];

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	set = conn_set_new(loop, &limits);
	conn = conn_new(set, fds[0], &ops, &seen);
	peer = fds[1];
	seen = malloc(4 * BIG_UNIT);
}

static const struct conn_limits generous = { 64 << 20, 16 << 20, 10000, 0 };

static void
end(void)
{
	if (conn != NULL) {
		conn_close(conn, &conn_shutdown);
		turn();
	}
	ck_assert_ptr_null(conn);
	ck_assert_uint_eq(conn_set_n_open(set), 0);
	close(peer);
	conn_set_free(set);
	loop_free(loop);
	free(seen);
	blob_trim();
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

static void
say(const void *data, size_t len)
{
	ck_assert_int_eq(write(peer, data, len), (ssize_t)len);
}

static void
send_bytes(const void *data, size_t len, bool is_volatile, enum conn_sent r)
{
	struct slice s = { blob_copy(data, len), 0, len };

	ck_assert_int_eq(conn_send(conn, &s, is_volatile), r);
	blob_unref(s.blob);
}

static bool is_watching_refused;

/* In place of libc's, for libevent too. */
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (is_watching_refused && op != EPOLL_CTL_DEL) {
		errno = ENOSPC; /* as with fs.epoll.max_user_watches */
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

/* A connection that nobody would ever read from again. */
TEST(a_conn_that_the_kernel_does_not_watch_ends_with_a_reason)
{
	is_watching_refused = true;
	begin(generous);
	ck_assert(conn_is_closing(conn));
	turn();
	ck_assert_ptr_null(conn);
	ck_assert_ptr_eq(ended, &conn_io_error);
	end();
}

TEST(a_conn_whose_output_can_not_be_watched_ends_with_a_reason)
{
	uint8_t *bytes = calloc(1, BIG_UNIT);

	begin(generous);
	is_watching_refused = true;
	send_bytes(bytes, BIG_UNIT, false, CONN_QUEUED);
	turn();
	ck_assert_ptr_null(conn);
	ck_assert_ptr_eq(ended, &conn_io_error);
	free(bytes);
	end();
}

TEST(input_is_shown_and_an_idle_conn_holds_no_buffer)
{
	begin(generous);
	say("\3abc\1x", 6);
	turn();
	ck_assert_uint_eq(n_seen, 6);
	ck_assert_mem_eq(seen, "\3abc\1x", 6);
	ck_assert_uint_le(blob_total_bytes(), BLOB_CHUNK);
	ck_assert_uint_eq(conn_stats(conn)->bytes_in, 6);
	ck_assert_ptr_eq(conn_user(conn), &seen);
	end();
}

TEST(what_has_been_shown_never_changes_while_somebody_holds_it)
{
	enum { N = 200 };
	struct slice slices[N];
	uint8_t unit[1000];

	begin(generous);
	for (size_t i = 0; i < N; i++) {
		memset(unit, (int)i, sizeof(unit));
		for (size_t at = 0; at < sizeof(unit); at += 250)
			unit[at] = 249;
		kept = &slices[i];
		say(unit, sizeof(unit));
		turn();
		ck_assert_uint_eq(slices[i].len, sizeof(unit));
	}
	kept = NULL;
	/* In as few blobs as have room for a read of some size. */
	ck_assert_uint_le(blob_total_bytes(), 5 * BLOB_CHUNK);
	for (size_t i = 0; i < N; i++) {
		ck_assert_uint_eq(slice_data(&slices[i])[1], (uint8_t)i);
		ck_assert_uint_eq(slice_data(&slices[i])[999], (uint8_t)i);
		blob_unref(slices[i].blob);
	}
	end();
}

TEST(every_cut_of_the_input_gives_the_same_units)
{
	const char stream[] = "\3abc\0\5hello\1x";
	const size_t len = sizeof(stream) - 1;

	for (size_t cut = 1; cut < len; cut++) {
		n_seen = 0;
		begin(generous);
		say(stream, cut);
		turn();
		say(stream + cut, len - cut);
		turn();
		ck_assert_uint_eq(n_seen, len);
		ck_assert_mem_eq(seen, stream, len);
		end();
	}
}

TEST(a_paused_conn_is_shown_nothing_until_it_is_resumed)
{
	const char stream[] = "\3abc\1x\2yz\4";

	begin(generous);
	pauses = true;
	say(stream, sizeof(stream) - 1);
	for (int i = 0; i < 3; i++)
		turn();
	ck_assert_uint_eq(n_seen, 4);
	conn_pause(conn);
	conn_resume(conn);
	ck_assert_uint_eq(n_seen, 4);
	turn();
	ck_assert_uint_eq(n_seen, 6);
	/* Bytes that come meanwhile wait, and so does the end. */
	say("1234\1", 5);
	close(peer);
	peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
	turn();
	ck_assert_uint_eq(n_seen, 6);
	pauses = false;
	conn_resume(conn);
	conn_resume(conn);
	ck_assert(!conn_is_paused(conn));
	wait_for_end();
	ck_assert(at_eof);
	ck_assert_ptr_eq(ended, &conn_eof);
	ck_assert_uint_eq(n_seen, 14);
	ck_assert_mem_eq(seen,
	    "\3abc\1x\2yz\4"
	    "1234",
	    14);
	end();
}

TEST(a_paused_conn_may_be_closed_and_one_that_reads_no_more_does_not_begin_to)
{
	begin(generous);
	conn_pause(conn);
	conn_resume(conn);
	conn_finish(conn, &conn_shutdown);
	conn_pause(conn);
	say("\1x", 2);
	conn_resume(conn);
	wait_for_end();
	ck_assert_ptr_eq(ended, &conn_shutdown);
	ck_assert_uint_eq(n_seen, 0);
	end();
}

TEST(a_unit_may_come_byte_by_byte)
{
	const char unit[] = "\5hello";

	begin(generous);
	for (size_t i = 0; i < sizeof(unit) - 1; i++) {
		say(unit + i, 1);
		turn();
		ck_assert_uint_eq(n_shown, i + 1);
	}
	ck_assert_mem_eq(seen, unit, sizeof(unit) - 1);
	end();
}

/* known: the size of a large unit that came before. */
static void
say_turning(const uint8_t *data, size_t len, size_t known)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < len) {
		n = write(peer, data + sent, len - sent);
		ck_assert(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
		turn();
		ck_assert_uint_le(
		    blob_total_bytes(), known + 2 * sent + 4 * BLOB_CHUNK);
	}
}

TEST(a_large_unit_never_holds_more_than_twice_what_came)
{
	uint8_t *big = malloc(BIG_UNIT);

	memset(big, 0xff, BIG_UNIT);
	for (size_t i = 1; i < BIG_UNIT; i++)
		big[i] = (uint8_t)(i * 31);
	begin(generous);
	say_turning(big, BIG_UNIT, 0);
	say_turning(big, BIG_UNIT, BIG_UNIT);
	while (n_seen < 2 * BIG_UNIT)
		turn();
	ck_assert_mem_eq(seen, big, BIG_UNIT);
	ck_assert_mem_eq(seen + BIG_UNIT, big, BIG_UNIT);
	end();
	free(big);
}

TEST(a_declared_length_alone_costs_no_memory)
{
	begin(generous);
	say("\xff", 1);
	turn();
	ck_assert_uint_le(blob_total_bytes(), 3 * BLOB_CHUNK);
	end();
}

TEST(skipped_bytes_are_not_shown)
{
	begin(generous);
	skip_after = 3;
	say("\1aXXX\1bXX", 9);
	turn();
	say("X\1cXX", 5);
	turn();
	say("X", 1);
	turn();
	skip_after = 0;
	say("\1d", 2);
	turn();
	ck_assert_uint_eq(n_seen, 8);
	ck_assert_mem_eq(seen, "\1a\1b\1c\1d", 8);
	end();
}

TEST(what_is_sent_in_a_turn_leaves_in_order)
{
	char got[16];

	begin(generous);
	send_bytes("one ", 4, false, CONN_QUEUED);
	send_bytes("two ", 4, true, CONN_QUEUED);
	send_bytes("three", 5, false, CONN_QUEUED);
	ck_assert_uint_eq(conn_queue_bytes(conn), 13);
	ck_assert_int_eq(read(peer, got, sizeof(got)), -1);
	turn();
	ck_assert_int_eq(read(peer, got, sizeof(got)), 13);
	ck_assert_mem_eq(got, "one two three", 13);
	ck_assert_uint_eq(conn_queue_bytes(conn), 0);
	ck_assert_uint_eq(conn_stats(conn)->bytes_out, 13);
	ck_assert_uint_eq(conn_stats(conn)->queue_peak, 13);
	end();
}

/* Fills the socket until further bytes stay in the queue. */
static void
stall(size_t len)
{
	char *data = calloc(1, len);

	do {
		send_bytes(data, len, false, CONN_QUEUED);
		turn();
	} while (conn_queue_bytes(conn) == 0);
	free(data);
}

TEST(a_stalled_queue_is_written_when_the_peer_reads)
{
	size_t queued, total = 0;
	char *trash = malloc(65536);
	ssize_t n;

	begin(generous);
	stall(65536);
	queued = conn_queue_bytes(conn);
	ck_assert_uint_gt(queued, 0);
	while (conn_queue_bytes(conn) > 0) {
		while ((n = read(peer, trash, 65536)) > 0)
			total += (size_t)n;
		turn();
	}
	while ((n = read(peer, trash, 65536)) > 0)
		total += (size_t)n;
	ck_assert_uint_eq(total, conn_stats(conn)->bytes_out);
	free(trash);
	end();
}

TEST(a_queue_is_written_before_the_end_of_the_turn_if_the_socket_takes_it)
{
	char byte;

	begin(generous);
	send_bytes("1", 1, false, CONN_QUEUED);
	ck_assert_uint_eq(conn_queue_bytes(conn), 1);
	conn_flush_now(conn);
	ck_assert_uint_eq(conn_queue_bytes(conn), 0);
	ck_assert_int_eq(read(peer, &byte, 1), 1);
	turn();
	ck_assert_uint_eq(conn_stats(conn)->bytes_out, 1);
	end();
}

TEST(over_the_hard_limit_it_is_cut_as_a_slow_consumer)
{
	struct conn_limits limits = { 1 << 20, 1 << 20, 10000, 0 };
	char *data = calloc(1, 1 << 20);

	begin(limits);
	stall(65536);
	send_bytes(data, 1 << 20, false, CONN_CUT);
	ck_assert(conn_is_closing(conn));
	send_bytes(data, 1, false, CONN_UNREAD);
	turn();
	ck_assert_ptr_null(conn);
	ck_assert_ptr_eq(ended, &conn_slow_consumer);
	ck_assert_uint_gt(conn_set_stats(set)->n_unwritten, 0);
	free(data);
	end();
}

/* Memory for 1 MiB, which is less than a queue may have. */
static const struct conn_limits tight = { 64 << 20, 64 << 20, 3600000,
	1 << 20 };

TEST(over_the_limit_of_memory_who_does_not_read_is_cut)
{
	char *data = calloc(1, 1 << 18);
	enum conn_sent r = CONN_QUEUED;
	size_t n_sent = 0;

	begin(tight);
	stall(65536);
	while (r == CONN_QUEUED) {
		struct slice s = { blob_copy(data, 1 << 18), 0, 1 << 18 };

		r = conn_send(conn, &s, false);
		n_sent += s.len;
		blob_unref(s.blob);
	}
	ck_assert_int_eq(r, CONN_CUT);
	ck_assert_uint_le(n_sent, 1 << 20);
	ck_assert(conn_is_closing(conn));
	ck_assert_uint_eq(conn_queue_bytes(conn), 0);
	ck_assert_uint_ge(conn_stats(conn)->n_unwritten, n_sent);
	ck_assert_uint_lt(blob_held_bytes(), 1 << 20);
	ck_assert_uint_gt(blob_peak_bytes(), 1 << 20);
	turn();
	ck_assert_ptr_eq(ended, &conn_memory_limit);
	ck_assert_uint_ge(conn_set_stats(set)->n_unwritten, n_sent);
	free(data);
	end();
}

TEST(when_memory_is_tight_volatile_is_dropped_for_who_does_not_read)
{
	char *data = calloc(1, 1 << 18);

	begin(tight);
	stall(65536);
	send_bytes("v", 1, true, CONN_QUEUED);
	for (int i = 0; i < 3; i++)
		send_bytes(data, 1 << 18, false, CONN_QUEUED);
	send_bytes("v", 1, true, CONN_DROPPED);
	send_bytes("n", 1, false, CONN_QUEUED);
	free(data);
	end();
}

/* The unit is no offence as long as it comes; nothing is lost for the wait. */
TEST(while_memory_is_short_input_waits_in_the_socket)
{
	struct blob *staged;

	begin(tight);
	staged = blob_new(1 << 20);
	say("\3abc", 4);
	turn();
	ck_assert_uint_eq(n_seen, 0);
	blob_unref(staged);
	turn();
	turn();
	ck_assert_uint_eq(n_seen, 4);
	ck_assert_ptr_nonnull(conn);
	end();
}

TEST(above_the_soft_limit_volatile_is_dropped_and_the_rest_is_not)
{
	struct conn_limits limits = { 64 << 20, 0, 10000, 0 };

	begin(limits);
	stall(65536);
	send_bytes("v", 1, true, CONN_DROPPED);
	send_bytes("n", 1, false, CONN_QUEUED);
	end();
}

TEST(at_the_soft_limit_volatile_is_queued_and_above_it_is_dropped)
{
	struct conn_limits limits = { 64 << 20, 10, 3600000, 0 };

	begin(limits);
	send_bytes("0123456789", 10, false, CONN_QUEUED);
	send_bytes("v", 1, true, CONN_QUEUED);
	send_bytes("v", 1, true, CONN_DROPPED);
	turn();
	send_bytes("v", 1, true, CONN_QUEUED);
	end();
}

TEST(at_the_hard_limit_it_stays_and_above_it_is_cut)
{
	struct conn_limits limits = { 3 << 20, 3 << 20, 3600000, 0 };
	char *data = calloc(1, 1 << 20);
	size_t room;

	begin(limits);
	stall(1 << 20);
	room = limits.hard_bytes - conn_queue_bytes(conn);
	while (room > 0) {
		size_t part = room < 1 << 20 ? room : 1 << 20;

		send_bytes(data, part, false, CONN_QUEUED);
		room -= part;
	}
	ck_assert_uint_eq(conn_queue_bytes(conn), limits.hard_bytes);
	send_bytes(data, 1, false, CONN_CUT);
	free(data);
	end();
}

TEST(above_the_soft_limit_for_too_long_it_is_cut)
{
	struct conn_limits limits = { 64 << 20, 1024, 10, 0 };

	begin(limits);
	stall(65536);
	wait_for_end();
	ck_assert_ptr_eq(ended, &conn_slow_consumer);
	end();
}

TEST(who_comes_below_the_soft_limit_in_time_stays)
{
	struct conn_limits limits = { 64 << 20, 1024, 3600000, 0 };
	char *trash = malloc(65536);

	begin(limits);
	stall(65536);
	while (conn_queue_bytes(conn) > 0) {
		while (read(peer, trash, 65536) > 0)
			continue;
		turn();
	}
	limits.soft_ms = 0;
	conn_set_limit(set, &limits);
	say("\0", 1);
	turn();
	ck_assert_ptr_nonnull(conn);
	free(trash);
	end();
}

TEST(the_end_of_a_peer_is_an_eof)
{
	begin(generous);
	say("\1a", 2);
	shutdown(peer, SHUT_WR);
	turn();
	turn();
	ck_assert_uint_eq(n_seen, 2);
	ck_assert(at_eof);
	ck_assert_ptr_eq(ended, &conn_eof);
	end();
}

TEST(a_broken_pipe_does_not_keep_the_input_from_being_read)
{
	begin(generous);
	say("\1a", 2);
	close(peer);
	peer = -1;
	send_bytes("nobody reads this", 17, false, CONN_QUEUED);
	turn();
	wait_for_end();
	ck_assert_uint_eq(n_seen, 2);
	ck_assert_ptr_eq(ended, &conn_eof);
	ck_assert_uint_eq(conn_set_stats(set)->n_unwritten, 17);
	end();
}

TEST(who_dies_with_bytes_unread_is_a_reset)
{
	begin(generous);
	send_bytes("unread", 6, false, CONN_QUEUED);
	turn();
	close(peer);
	peer = -1;
	wait_for_end();
	ck_assert_ptr_eq(ended, &conn_reset);
	end();
}

TEST(the_first_cause_counts_and_last_words_are_written)
{
	char got[16];

	begin(generous);
	send_bytes("why", 3, false, CONN_QUEUED);
	conn_close(conn, &conn_reset);
	conn_close(conn, &conn_eof);
	ck_assert_uint_eq(conn_set_n_open(set), 0);
	turn();
	ck_assert_ptr_eq(ended, &conn_reset);
	ck_assert_int_eq(read(peer, got, sizeof(got)), 3);
	ck_assert_int_eq(read(peer, got, sizeof(got)), 0);
	end();
}

TEST(a_finished_conn_ends_when_its_queue_is_written)
{
	char *trash = malloc(65536);
	size_t total = 0, queued;
	ssize_t n;

	begin(generous);
	stall(65536);
	queued = conn_queue_bytes(conn) + conn_stats(conn)->bytes_out;
	conn_finish(conn, &conn_shutdown);
	ck_assert(!conn_is_closing(conn));
	while (conn != NULL) {
		while ((n = read(peer, trash, 65536)) > 0)
			total += (size_t)n;
		turn();
	}
	while ((n = read(peer, trash, 65536)) > 0)
		total += (size_t)n;
	ck_assert_ptr_eq(ended, &conn_shutdown);
	ck_assert_uint_eq(total, queued);
	free(trash);
	end();
}

TEST(each_cause_has_a_name_of_its_own)
{
	for (size_t i = 0; conn_causes[i] != NULL; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(
			    conn_causes[i]->name, conn_causes[k]->name);
}
