/*
 * leaving - ends members of an edge without holding up a turn: a member may
 * have a million subscriptions. A few of them end at once, the rest in a job.
 */
#ifndef PM2A_EDGE_LEAVING_H
#define PM2A_EDGE_LEAVING_H

#include "core/broker.h"
#include "net/job.h"
#include "net/loop.h"

/* Embedded in the edge. */
struct leaving {
	struct loop *loop;
	struct broker *broker;
	struct job job;
};

void leaving_init(
    struct leaving *leaving, struct loop *loop, struct broker *broker);

/* The remaining subscriptions end with the broker. Idempotent. */
void leaving_fini(struct leaving *leaving);

/* Ends a member of the edge: see broker_leave(). */
void leaving_end(struct leaving *leaving, struct member *member);

#endif
