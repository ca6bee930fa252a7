/*
 * member - one connection as a member of the broker: its identity, its
 * subscriptions, its open requests and the answers it owes. The broker creates
 * and ends members; the edge keeps a pointer and gives the broker one of its
 * own, which the sink passes back.
 */
#ifndef PM2A_CORE_MEMBER_H
#define PM2A_CORE_MEMBER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container.h"
#include "core/request.h"
#include "core/stats.h"
#include "core/topic.h"

struct broker_sink;

struct member {
	LIST_ENTRY(member) in_gone; /* once it has left */
	struct topic_owner topics;
	struct request_owner requests;
	uint64_t id;      /* of the connection; unique while the daemon runs */
	uint64_t mark;    /* the last publish that reached it; for the broker */
	const char *name; /* that of requests */
	bool is_silent;   /* receives no questions */
	const struct broker_sink *sink; /* the edge that it came by */
	void *user;                     /* that edge's */
	struct member_stats stats;
};

struct member *member_new(
    uint64_t id, const char *name, const struct broker_sink *sink, void *user)
    __attribute__((returns_nonnull));

/* Its subscriptions and requests must have ended. */
void member_free(struct request_registry *requests, struct member *member);

/* The member that embeds this owner. */
static inline struct member *
member_of(struct topic_owner *owner)
{
	return container_of(owner, struct member, topics);
}

static inline struct member *
member_of_requests(struct request_owner *owner)
{
	return container_of(owner, struct member, requests);
}

#endif
