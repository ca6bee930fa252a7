#include "ops/visitors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "unit/support.h"

/*
 * A protocol of letters: '.' is no request yet, 'h' is one that is served at
 * once, 'b' one with a big reply, 'x' one with a huge one, 'q' the last one;
 * all others are served in their turn.
 */
#define BIG ((size_t)1 << 20)
#define HUGE_BYTES ((size_t)12 << 20)
#define BUSY 3 * VISITORS_MAX

static int64_t now_ms = 1000000;
static struct loop *loop;
static struct visitors *set;
static int peers[BUSY];

struct instant
clock_now(void)
{
	return (struct instant){ .ms = now_ms };
}

int64_t
clock_us(void)
{
	return now_ms * 1000;
}

int64_t
clock_wall_ms(void)
{
	return now_ms;
}

static size_t
n_dots(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && data[n] == '.')
		n++;
	return n;
}

static enum visitor_verdict
judge(void *user, const char *data, size_t len)
{
	size_t n = n_dots(data, len);

	(void)user;
	if (n == len)
		return len == 8 ? VISITOR_READY : VISITOR_SHORT;
	return data[n] == 'h' ? VISITOR_AT_ONCE : VISITOR_READY;
}

static size_t
serve(void *user, struct visitor *visitor, const char *data, size_t len)
{
	size_t n = n_dots(data, len);
	char c = n < len ? data[n] : '!';
	size_t n_out = c == 'b' ? BIG : c == 'x' ? HUGE_BYTES : 1;
	char *out = xcalloc(1, n_out);

	(void)user;
	memset(out, c, n_out);
	visitor_answer(visitor, out, 0, n_out, c != 'q' && c != '!');
	return n < len ? n + 1 : n;
}

static const struct visitors_ops ops = {
	.in_max = 8,
	.judge = judge,
	.serve = serve,
	.late = "late",
	.crowded = "crowded",
};

static void
begin(void)
{
	log_set_level(LOG_ERROR);
	for (int i = 0; i < BUSY; i++)
		peers[i] = -1;
	ck_assert_int_eq(loop_new(&loop), 0);
	set = visitors_new(loop, "test", &ops, NULL);
}

static void
end(void)
{
	visitors_free(set);
	loop_free(loop);
	for (int i = 0; i < BUSY; i++)
		if (peers[i] >= 0)
			close(peers[i]);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

static void
turns(int n)
{
	while (n-- > 0)
		turn();
}

/* The peer of that number connects, and has sent text before it is accepted. */
static void
come(int i, const char *text)
{
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peers[i] = fds[0];
	ck_assert_int_eq(write(fds[0], text, strlen(text)), strlen(text));
	visitors_accept(set, fds[1]);
}

static void
say(int i, const char *text)
{
	ck_assert_int_eq(
	    send(peers[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that has come, in a static buffer. */
static const char *
heard(int i)
{
	static char text[64];
	ssize_t n = recv(peers[i], text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool
is_closed(int i)
{
	char c;

	return recv(peers[i], &c, 1, MSG_DONTWAIT) == 0;
}

TEST(requests_are_answered_in_their_order_one_a_turn)
{
	begin();
	come(0, "acd");
	ck_assert_str_eq(heard(0), "");
	turn();
	ck_assert_str_eq(heard(0), "a");
	turn();
	ck_assert_str_eq(heard(0), "c");
	end();
}

TEST(a_first_request_that_costs_nothing_is_answered_at_once)
{
	begin();
	come(0, "hh");
	ck_assert_str_eq(heard(0), "h");
	turn();
	ck_assert_str_eq(heard(0), "h");
	end();
}

TEST(all_ready_visitors_are_served_one_a_turn)
{
	begin();
	for (int i = 0; i < VISITORS_MAX; i++)
		come(i, "a");
	for (int i = 0; i < VISITORS_MAX; i++) {
		turn();
		ck_assert_str_eq(heard(i), "a");
		if (i + 1 < VISITORS_MAX)
			ck_assert_str_eq(heard(i + 1), "");
	}
	end();
}

TEST(after_the_last_reply_what_comes_is_thrown_away)
{
	begin();
	come(0, "qa");
	turn();
	ck_assert_str_eq(heard(0), "q");
	say(0, "aaaaaaaaaaaaaaaaaaaaaaaa");
	turns(3);
	ck_assert(is_closed(0));
	ck_assert_uint_eq(visitors_stats(set)->n_served, 1);
	ck_assert_int_eq(shutdown(peers[0], SHUT_WR), 0);
	turns(2);
	ck_assert_int_eq(send(peers[0], "a", 1, MSG_NOSIGNAL), -1);
	end();
}

TEST(a_request_that_is_too_long_is_one)
{
	begin();
	come(0, "........");
	turn();
	ck_assert_str_eq(heard(0), "!");
	end();
}

TEST(a_byte_now_and_then_moves_no_deadline)
{
	begin();
	come(0, ".");
	for (int i = 0; i < 4; i++) {
		now_ms += VISITORS_TIMEOUT_MS / 5;
		say(0, ".");
		turn();
		ck_assert_str_eq(heard(0), "");
		ck_assert(!is_closed(0));
	}
	now_ms += VISITORS_TIMEOUT_MS / 5 - 1;
	turn();
	ck_assert(!is_closed(0));
	now_ms++;
	turns(2);
	ck_assert_str_eq(heard(0), "late");
	ck_assert(is_closed(0));
	ck_assert_uint_eq(visitors_stats(set)->n_timed_out, 1);
	end();
}

TEST(an_idle_visitor_goes_without_a_word)
{
	begin();
	come(0, "h");
	ck_assert_str_eq(heard(0), "h");
	now_ms += VISITORS_TIMEOUT_MS;
	turns(2);
	ck_assert_str_eq(heard(0), "");
	ck_assert(is_closed(0));
	ck_assert_uint_eq(visitors_stats(set)->n_timed_out, 0);
	end();
}

TEST(a_request_has_its_time_from_its_first_byte)
{
	begin();
	come(0, "h");
	now_ms += VISITORS_TIMEOUT_MS - 1;
	say(0, ".");
	turn();
	now_ms += VISITORS_TIMEOUT_MS - 1;
	say(0, "a");
	turns(2);
	ck_assert_str_eq(heard(0), "ha");
	end();
}

TEST(a_reply_that_is_read_by_the_byte_ends_at_its_deadline)
{
	char byte;

	begin();
	come(0, "b");
	turn();
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(read(peers[0], &byte, 1), 1);
		turn();
		now_ms += VISITORS_TIMEOUT_MS / 5;
	}
	turns(2);
	ck_assert_uint_eq(visitors_stats(set)->n_timed_out, 1);
	ck_assert_int_eq(send(peers[0], "a", 1, MSG_NOSIGNAL), -1);
	end();
}

/* The state of the sixteen visitors, and whether one is closed for a new one.
 */
static const struct {
	const char *text;
	int64_t age_ms;
	const char *farewell;
	unsigned n_crowded_out;
} crowds[] = {
	{ "", 5000, "", 0 },
	{ "h", 0, "h", 0 },
	{ ".", 5000, "crowded", 1 },
	{ ".", 0, "crowded", 1 },
	{ "b", 5000, NULL, 1 },
};

TEST_EACH(the_one_that_waits_longest_makes_room, crowds)
{
	begin();
	for (int i = 0; i < VISITORS_MAX; i++)
		come(i, crowds[row].text);
	turns(2 * VISITORS_MAX);
	now_ms += crowds[row].age_ms;
	turn();
	come(VISITORS_MAX, "");
	if (crowds[row].farewell != NULL) {
		ck_assert_str_eq(heard(0), crowds[row].farewell);
		ck_assert(is_closed(0));
	}
	ck_assert_int_eq(send(peers[0], "a", 1, MSG_NOSIGNAL), -1);
	say(VISITORS_MAX, "a");
	turns(2);
	ck_assert_str_eq(heard(VISITORS_MAX), "a");
	ck_assert_uint_eq(
	    visitors_stats(set)->n_crowded_out, crowds[row].n_crowded_out);
	end();
}

TEST(one_that_is_new_stays_where_another_has_been_served)
{
	begin();
	come(0, ".");
	for (int i = 1; i < VISITORS_MAX; i++)
		come(i, "a");
	turns(VISITORS_MAX);
	come(VISITORS_MAX, "");
	ck_assert(!is_closed(0));
	say(0, "a");
	turns(2);
	ck_assert_str_eq(heard(0), "a");
	ck_assert_str_eq(heard(1), "a");
	ck_assert(is_closed(1));
	end();
}

TEST(a_probe_gets_in_among_many_that_come_at_once)
{
	begin();
	for (int i = 0; i < BUSY; i++)
		come(i, i % 10 == 9 ? "h" : "aaa");
	for (int i = 9; i < BUSY; i += 10)
		ck_assert_str_eq(heard(i), "h");
	end();
}

TEST(a_probe_that_speaks_after_it_was_accepted_is_heard_before_it_makes_room)
{
	begin();
	come(0, "");
	say(0, "h");
	for (int i = 1; i < BUSY; i++)
		come(i, "");
	ck_assert_str_eq(heard(0), "h");
	end();
}

TEST(replies_that_nobody_reads_have_a_bound)
{
	begin();
	for (int i = 0; i < 6; i++) {
		come(i, "x");
		turn();
	}
	/* Two of 12 MiB fit into 32 with a third that is made. */
	for (int i = 0; i < 6; i++)
		ck_assert_msg(
		    (send(peers[i], ".", 1, MSG_NOSIGNAL) == 1) == (i >= 4),
		    "%d", i);
	ck_assert_uint_eq(visitors_stats(set)->n_crowded_out, 4);
	end();
}

static size_t
serve_reader(void *user, struct visitor *visitor, const char *data, size_t len)
{
	(void)data;
	(void)user;
	visitor_answer(visitor, xstrdup("text"), 0, 4, false);
	return len;
}

static const struct visitors_ops reader_ops = { .serve = serve_reader };

TEST(where_nothing_is_read_connecting_is_the_request)
{
	begin();
	visitors_free(set);
	set = visitors_new(loop, "test", &reader_ops, NULL);
	come(0, "GET /");
	come(1, "");
	turn();
	ck_assert_str_eq(heard(0), "text");
	ck_assert_str_eq(heard(1), "");
	turn();
	ck_assert_str_eq(heard(1), "text");
	ck_assert(is_closed(1));
	end();
}

TEST(a_set_goes_with_all_that_are_in_it)
{
	begin();
	come(0, ".");
	come(1, "a");
	come(2, "b");
	turn();
	come(3, "aa");
	end();
}
