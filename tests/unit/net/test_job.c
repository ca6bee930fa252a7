#include "net/job.h"

#include "base/clock.h"
#include "net/loop.h"
#include "unit/support.h"

static struct loop *loop;

struct count {
	struct job job;
	int n, max;       /* steps; max 0: it never ends */
	struct job *ends; /* another job that its step stops */
	bool starts;      /* its step starts it again */
};

/* The last two jobs that did a step. */
static struct job *last, *before;

static bool
on_step(struct job *job)
{
	struct count *count = (struct count *)job;

	ck_assert(!job->is_started);
	before = last;
	last = job;
	if (count->ends != NULL)
		job_stop(loop_jobs(loop), count->ends);
	if (count->starts)
		job_start(loop_jobs(loop), job);
	return ++count->n != count->max;
}

static void
begin(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, true), 0);
}

TEST(a_job_is_done_step_by_step_and_the_loop_does_not_wait)
{
	struct count endless = { .job.step = on_step };

	begin();
	job_start(loop_jobs(loop), &endless.job);
	for (int i = 1, n = 0; i <= 3; i++) {
		turn();
		ck_assert_int_gt(endless.n, n);
		n = endless.n;
	}
	ck_assert(endless.job.is_started);
	job_stop(loop_jobs(loop), &endless.job);
	job_stop(loop_jobs(loop), &endless.job);
	ck_assert(!endless.job.is_started);
	loop_free(loop);
}

TEST(a_job_that_its_own_step_starts_is_in_the_list_once)
{
	struct count again = { .job.step = on_step, .starts = true };

	begin();
	job_start(loop_jobs(loop), &again.job);
	turn();
	ck_assert(again.job.is_started);
	job_stop(loop_jobs(loop), &again.job);
	ck_assert(TAILQ_EMPTY(loop_jobs(loop)));
	loop_free(loop);
}

TEST(jobs_take_turns_and_one_that_ends_is_started_no_more)
{
	struct count endless = { .job.step = on_step };
	struct count five = { .job.step = on_step, .max = 5 };

	begin();
	job_start(loop_jobs(loop), &endless.job);
	job_start(loop_jobs(loop), &five.job);
	job_start(loop_jobs(loop), &five.job);
	while (five.n < 5) {
		turn();
		/* Neither has done two in a row. */
		ck_assert(five.n == 5 || last != before);
	}
	ck_assert(!five.job.is_started);
	turn();
	ck_assert_int_eq(five.n, 5);
	job_start(loop_jobs(loop), &five.job);
	turn();
	ck_assert_int_gt(five.n, 5);
	job_stop(loop_jobs(loop), &five.job);
	job_stop(loop_jobs(loop), &endless.job);
	loop_free(loop);
}

TEST(a_step_may_stop_another_job)
{
	struct count victim = { .job.step = on_step };
	struct count one = { .job.step = on_step, .max = 1 };

	begin();
	one.ends = &victim.job;
	job_start(loop_jobs(loop), &one.job);
	job_start(loop_jobs(loop), &victim.job);
	turn();
	ck_assert_int_eq(one.n, 1);
	ck_assert_int_eq(victim.n, 0);
	ck_assert(!victim.job.is_started);
	loop_free(loop);
}

static bool
on_restarting_step(struct job *job)
{
	((struct count *)job)->n++;
	job_start(loop_jobs(loop), job);
	return true;
}

TEST(a_step_may_start_its_own_job)
{
	struct count eager = { .job.step = on_restarting_step };
	struct count three = { .job.step = on_step, .max = 3 };

	begin();
	job_start(loop_jobs(loop), &eager.job);
	job_start(loop_jobs(loop), &three.job);
	while (three.n < 3)
		turn();
	job_stop(loop_jobs(loop), &eager.job);
	ck_assert(TAILQ_EMPTY(loop_jobs(loop)));
	loop_free(loop);
}

static bool
on_slow_step(struct job *job)
{
	struct count *count = (struct count *)job;
	int64_t end_us = clock_us() + JOB_SLICE_US / 2;

	while (clock_us() < end_us)
		;
	count->n++;
	return true;
}

TEST(all_jobs_together_have_one_slice_of_a_turn)
{
	struct count slow[8];

	begin();
	for (int i = 0; i < 8; i++) {
		slow[i] = (struct count){ .job.step = on_slow_step };
		job_start(loop_jobs(loop), &slow[i].job);
	}
	for (int i = 0; i < 8; i++) {
		int n = 0, n_before = 0;

		for (int k = 0; k < 8; k++)
			n_before += slow[k].n;
		turn();
		for (int k = 0; k < 8; k++)
			n += slow[k].n;
		ck_assert_int_ge(n - n_before, 1);
		ck_assert_int_le(n - n_before, 2);
	}
	for (int i = 0; i < 8; i++) {
		ck_assert_int_ge(slow[i].n, 1);
		job_stop(loop_jobs(loop), &slow[i].job);
	}
	loop_free(loop);
}
