#include "net/job.h"

#include "base/clock.h"

void
job_run_slice(struct job_list *jobs)
{
	int64_t end_us = clock_us() + JOB_SLICE_US;
	struct job *job;

	do {
		job = TAILQ_FIRST(jobs);
		if (job == NULL)
			return;
		TAILQ_REMOVE(jobs, job, link);
		job->is_started = false;
		/* The step may have started it again. */
		if (job->step(job) && !job->is_started) {
			job->is_started = true;
			TAILQ_INSERT_TAIL(jobs, job, link);
		}
	} while (clock_us() < end_us);
}

void
job_start(struct job_list *jobs, struct job *job)
{
	if (job->is_started)
		return;
	job->is_started = true;
	TAILQ_INSERT_TAIL(jobs, job, link);
}

void
job_stop(struct job_list *jobs, struct job *job)
{
	if (!job->is_started)
		return;
	job->is_started = false;
	TAILQ_REMOVE(jobs, job, link);
}
