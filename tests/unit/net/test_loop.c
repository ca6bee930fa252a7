#include "net/loop.h"

#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "unit/support.h"

static struct loop *loop;
static char order[64]; /* the tasks that ran, a letter each */

static void
note(char letter)
{
	size_t n = strlen(order);

	ck_assert_uint_lt(n + 1, sizeof(order));
	order[n] = letter;
}

static void
begin(void)
{
	memset(order, 0, sizeof(order));
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

static struct loop_task worked, flushed, again, reaped;

static void
on_flush(struct loop_task *task)
{
	(void)task;
	note('f');
}

static void
on_flush_again(struct loop_task *task)
{
	note('a');
	if (strlen(order) < 4)
		loop_flush_later(loop, task);
}

static void
on_reap(struct loop_task *task)
{
	(void)task;
	note('r');
}

static void
on_reap_with_news(struct loop_task *task)
{
	(void)task;
	note('r');
	loop_flush_later(loop, &flushed);
}

TEST(a_turn_flushes_before_it_reaps)
{
	begin();
	flushed.run = on_flush;
	reaped.run = on_reap;
	loop_reap_later(loop, &reaped);
	loop_flush_later(loop, &flushed);
	ck_assert_str_eq(order, "");
	turn();
	ck_assert_str_eq(order, "fr");
	turn();
	ck_assert_str_eq(order, "fr");
	loop_free(loop);
}

TEST(a_task_that_is_queued_twice_runs_once_a_turn)
{
	begin();
	flushed.run = on_flush;
	loop_flush_later(loop, &flushed);
	loop_flush_later(loop, &flushed);
	turn();
	ck_assert_str_eq(order, "f");
	loop_flush_later(loop, &flushed);
	turn();
	ck_assert_str_eq(order, "ff");
	loop_free(loop);
}

TEST(what_a_reaping_puts_on_the_flush_list_runs_in_the_same_turn)
{
	begin();
	flushed.run = on_flush;
	reaped.run = on_reap_with_news;
	loop_reap_later(loop, &reaped);
	turn();
	ck_assert_str_eq(order, "rf");
	loop_free(loop);
}

TEST(what_a_flush_queues_runs_in_the_same_turn)
{
	begin();
	again.run = on_flush_again;
	loop_flush_later(loop, &again);
	turn();
	ck_assert_str_eq(order, "aaaa");
	loop_free(loop);
}

static void
on_work(struct loop_task *task)
{
	(void)task;
	note('w');
}

static void
on_work_again(struct loop_task *task)
{
	note('w');
	loop_flush_later(loop, &flushed);
	if (strlen(order) < 4)
		loop_work_later(loop, task);
}

static void
on_long_flush(struct loop_task *task)
{
	int64_t end_us = clock_us() + 20000;

	(void)task;
	while (clock_us() < end_us)
		;
	note('l');
}

/* As many as go on without a look at the clock, and one more. */
TEST(flushes_that_take_long_are_left_for_the_next_turn_which_does_not_wait)
{
	struct loop_task tasks[7] = { 0 };

	begin();
	for (size_t i = 0; i < 7; i++) {
		tasks[i].run = i == 0 ? on_long_flush : on_flush;
		loop_flush_later(loop, &tasks[i]);
	}
	reaped.run = on_reap;
	loop_reap_later(loop, &reaped);
	turn();
	ck_assert_str_eq(order, "lfffffr");
	ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_str_eq(order, "lfffffrf");
	loop_free(loop);
}

/* On reaping: so many connections may end in one turn. */
TEST(reapings_that_take_long_are_left_for_the_next_turn_which_does_not_wait)
{
	struct loop_task tasks[7] = { 0 };

	begin();
	for (size_t i = 0; i < 7; i++) {
		tasks[i].run = i == 0 ? on_long_flush : on_reap;
		loop_reap_later(loop, &tasks[i]);
	}
	turn();
	ck_assert_str_eq(order, "lrrrrr");
	ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_str_eq(order, "lrrrrrr");
	loop_free(loop);
}

TEST(work_comes_before_flushing)
{
	begin();
	worked.run = on_work;
	flushed.run = on_flush;
	loop_flush_later(loop, &flushed);
	loop_work_later(loop, &worked);
	loop_work_later(loop, &worked);
	turn();
	ck_assert_str_eq(order, "wf");
	turn();
	ck_assert_str_eq(order, "wf");
	loop_free(loop);
}

TEST(work_that_comes_again_runs_in_the_next_turn_which_does_not_wait)
{
	begin();
	worked.run = on_work_again;
	flushed.run = on_flush;
	loop_work_later(loop, &worked);
	turn();
	ck_assert_str_eq(order, "wf");
	ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_str_eq(order, "wfwf");
	loop_free(loop);
}

TEST(a_cancelled_flush_does_not_run)
{
	begin();
	flushed.run = on_flush;
	loop_flush_later(loop, &flushed);
	loop_cancel_flush(loop, &flushed);
	loop_cancel_flush(loop, &flushed);
	turn();
	ck_assert_str_eq(order, "");
	loop_free(loop);
}

/* A source with one deadline, and the letter that it notes then. */
struct timed {
	struct loop_source source;
	struct instant deadline;
	char letter;
};

static struct instant
next_deadline(struct loop_source *source)
{
	return ((struct timed *)source)->deadline;
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct timed *timed = (struct timed *)source;

	ck_assert_int_ge(now.ms, timed->deadline.ms);
	ck_assert_int_ge(clock_now().ms, timed->deadline.ms);
	timed->deadline = INSTANT_NEVER;
	note(timed->letter);
}

static void
add(struct timed *timed, char letter, struct instant deadline)
{
	timed->source.next_deadline = next_deadline;
	timed->source.expire = expire;
	timed->letter = letter;
	timed->deadline = deadline;
	loop_add_source(loop, &timed->source);
}

/* Waits for events and deadlines until so many have been noted. */
static void
wait_for(size_t n)
{
	while (strlen(order) < n)
		ck_assert_int_eq(loop_turn(loop, true), 0);
}

TEST(a_deadline_is_met_and_not_before_it_is_due)
{
	struct timed timed;

	begin();
	add(&timed, 'd', instant_after(clock_now(), 5));
	wait_for(1);
	turn();
	ck_assert_str_eq(order, "d");
	loop_remove_source(loop, &timed.source);
	loop_free(loop);
}

TEST(an_earlier_deadline_that_comes_later_is_not_slept_over)
{
	struct timed late, early;

	begin();
	add(&late, 'l', instant_after(clock_now(), 3600000));
	turn();
	add(&early, 'e', instant_after(clock_now(), 5));
	wait_for(1);
	ck_assert_str_eq(order, "e");
	loop_remove_source(loop, &late.source);
	loop_remove_source(loop, &early.source);
	loop_free(loop);
}

static const int64_t long_past[] = { INT64_MIN, INT64_MIN + 1, -1, 0 };

TEST_EACH(a_deadline_in_the_past_is_due_at_once, long_past)
{
	struct timed timed;

	begin();
	add(&timed, 'p', (struct instant){ .ms = long_past[row] });
	turn();
	ck_assert_str_eq(order, "p");
	loop_remove_source(loop, &timed.source);
	loop_free(loop);
}

TEST(what_has_no_deadline_never_expires)
{
	struct timed timed;

	begin();
	add(&timed, 'n', INSTANT_NEVER);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_str_eq(order, "");
	loop_remove_source(loop, &timed.source);
	loop_free(loop);
}

static void
leave_on_expire(struct loop_source *source, struct instant now)
{
	expire(source, now);
	loop_remove_source(loop, source);
}

TEST(a_source_may_leave_when_it_is_due)
{
	struct timed first, second;

	begin();
	add(&first, '1', clock_now());
	first.source.expire = leave_on_expire;
	add(&second, '2', clock_now());
	turn();
	ck_assert_str_eq(order, "12");
	loop_remove_source(loop, &second.source);
	loop_free(loop);
}

TEST(the_time_stands_still_within_a_turn_and_moves_on_in_the_next)
{
	struct instant first;

	begin();
	first = loop_now(loop);
	while (clock_now().ms == first.ms)
		continue;
	ck_assert_int_eq(loop_now(loop).ms, first.ms);
	turn();
	ck_assert_int_gt(loop_now(loop).ms, first.ms);
	loop_free(loop);
}

static void
stop_on_flush(struct loop_task *task)
{
	(void)task;
	note('s');
	loop_stop(loop);
	loop_reap_later(loop, &reaped);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	(void)what;
	(void)arg;
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	note('i');
	loop_flush_later(loop, &flushed);
}

TEST(the_turn_that_is_stopped_is_done_to_its_end_and_is_the_last)
{
	struct event *event;
	int fds[2];

	begin();
	ck_assert_int_eq(pipe(fds), 0);
	event = event_new(
	    loop_base(loop), fds[0], EV_READ | EV_PERSIST, on_readable, NULL);
	event_add(event, NULL);
	ck_assert_int_eq(write(fds[1], "xx", 2), 2);
	flushed.run = stop_on_flush;
	reaped.run = on_reap;
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_str_eq(order, "isr");
	event_free(event);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

TEST(to_free_no_loop_is_fine)
{
	loop_free(NULL);
}

TEST(the_library_tells_its_version_and_its_method)
{
	ck_assert_ptr_nonnull(strstr(loop_library_version(), "2."));
}

struct noted_watch {
	struct loop_watch watch;
	int64_t began_us, ended_us;
	int n;
};

static void
on_turned(struct loop_watch *watch, int64_t began_us, int64_t ended_us)
{
	struct noted_watch *noted = (struct noted_watch *)watch;

	noted->began_us = began_us;
	noted->ended_us = ended_us;
	noted->n++;
}

static void
on_slow_flush(struct loop_task *task)
{
	int64_t end_us = clock_us() + 3000;

	(void)task;
	while (clock_us() < end_us)
		;
}

TEST(a_watch_is_told_how_long_a_turn_has_worked)
{
	struct noted_watch noted = { .watch = { on_turned } };
	struct loop_task slow = { .run = on_slow_flush };

	begin();
	loop_set_watch(loop, &noted.watch);
	loop_flush_later(loop, &slow);
	turn();
	ck_assert_int_eq(noted.n, 1);
	ck_assert_int_ge(noted.ended_us - noted.began_us, 3000);
	loop_set_watch(loop, NULL);
	turn();
	ck_assert_int_eq(noted.n, 1);
	loop_free(loop);
}

TEST(waiting_is_no_work)
{
	struct noted_watch noted = { .watch = { on_turned } };
	struct timed timed = { .letter = 't' };
	int64_t opened_us;

	begin();
	loop_set_watch(loop, &noted.watch);
	opened_us = clock_us();
	add(&timed, 't', instant_after(clock_now(), 20));
	ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_int_ge(noted.began_us - opened_us, 10000);
	loop_remove_source(loop, &timed.source);
	loop_free(loop);
}
