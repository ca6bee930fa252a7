/*
 * job - long work in slices, so that no turn of the loop is held up by it.
 *
 * A job is done step by step. All jobs of a loop take turns and share
 * JOB_SLICE_US of each turn of the loop; while there is a job the loop does not
 * wait for events. What a job is about may change between two steps.
 */
#ifndef PM2A_NET_JOB_H
#define PM2A_NET_JOB_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

#define JOB_SLICE_US 2000

struct loop;

/* Embedded in what it is about; stopped before that goes. */
struct job {
	TAILQ_ENTRY(job) link;
	bool is_started;
	/* Does some ten microseconds' work. Returns whether there is more; if
	 * not, the job is not started any more and may be gone. */
	bool (*step)(struct job *job);
};

TAILQ_HEAD(job_list, job);

/* Does steps of the jobs until JOB_SLICE_US are over, one at least if there is
 * a job. For net/loop alone. */
void job_run_slice(struct job_list *jobs);

/* Starts a job, whose step is set, in this turn or the next; and takes it back.
 * Both have no effect the second time. */
void job_start(struct loop *loop, struct job *job);
void job_stop(struct loop *loop, struct job *job);

#endif
