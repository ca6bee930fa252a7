#include "edge/leaving.h"

#include "base/container.h"

/* So many members may end in one turn that each has few steps at once: enough
 * for the PRESENCE of a worker with some namespaces. */
#define STEPS_AT_ONCE 256
#define STEPS 64

static bool
on_step(struct job *job)
{
	return broker_release(
	    container_of(job, struct leaving, job)->broker, STEPS);
}

void
leaving_init(struct leaving *leaving, struct loop *loop, struct broker *broker)
{
	*leaving = (struct leaving){ loop, broker, { .step = on_step } };
}

void
leaving_fini(struct leaving *leaving)
{
	job_stop(loop_jobs(leaving->loop), &leaving->job);
}

void
leaving_end(struct leaving *leaving, struct member *member)
{
	if (broker_leave(leaving->broker, member, STEPS_AT_ONCE))
		job_start(loop_jobs(leaving->loop), &leaving->job);
}
