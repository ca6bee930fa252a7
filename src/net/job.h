/*
 * job - long work in steps, so that it never holds up a turn of the loop.
 *
 * All jobs of a list take turns and share JOB_SLICE_US of each turn of the
 * loop; the loop does not wait for events while there is a job. Anything may
 * change between two steps. net/loop owns the list: see loop_jobs().
 */
#ifndef PM2A_NET_JOB_H
#define PM2A_NET_JOB_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

#define JOB_SLICE_US 2000

/* Embedded in the object that it works on, and stopped before that ends. */
struct job {
	TAILQ_ENTRY(job) link;
	bool is_started;
	/* Works for some ten microseconds. Returns whether there is more to
	 * do; if not, the job is not started any more and may be gone. */
	bool (*step)(struct job *job);
};

TAILQ_HEAD(job_list, job);

/* Runs steps of the jobs, at least one, for JOB_SLICE_US. For net/loop. */
void job_run_slice(struct job_list *jobs);

/* Starts a job whose `step` is set: its first step is in this turn or the next.
 * No effect if it is started already. */
void job_start(struct job_list *jobs, struct job *job);

/* Stops a job. No effect if it is not started. */
void job_stop(struct job_list *jobs, struct job *job);

#endif
