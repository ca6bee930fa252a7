#include "edge/leaving.h"

#include "base/clock.h"
#include "base/container.h"

/* Enough for a worker with some namespaces; and in a turn that has worked for
 * TURN_MAX_US, for one namespace. */
#define STEPS_AT_ONCE 256
#define STEPS_LATE 32
#define STEPS 64
#define TURN_MAX_US 4000

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
	bool has_time = clock_us() < loop_began_us(leaving->loop) + TURN_MAX_US;

	if (broker_leave(
		leaving->broker, member, has_time ? STEPS_AT_ONCE : STEPS_LATE))
		job_start(loop_jobs(leaving->loop), &leaving->job);
}
