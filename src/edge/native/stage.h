/*
 * stage - the entries of native in its queue (edge/turns): frames of a session
 * that wait for the next turn, and frames to it that must not overtake the
 * answers to those.
 */
#ifndef PM2A_EDGE_NATIVE_STAGE_H
#define PM2A_EDGE_NATIVE_STAGE_H

#include "base/blob.h"
#include "edge/turns.h"
#include "wire/frame.h"

/* A body that may take steps: nothing is read until it is done with. */
#define STAGE_LARGE_BODY 16384

struct session;

/* A frame of a session, or a run of PUBLISH. Borrowed. */
struct incoming {
	struct frame f;     /* the first */
	struct slice bytes; /* of all */
	uint32_t n;         /* frames */
	uint32_t hash;      /* of the one topic of a PUBLISH, or 0 */
};

/* The rules for a type of frame. */
struct stage_rule {
	uint8_t type;
	uint8_t flags; /* that it may have */
	bool has_topic;
	bool is_staged;
	bool is_final;     /* handled even when its connection is closing */
	uint32_t body_max; /* bytes; 0: max_frame bounds it */
	void (*handle)(struct session *session, const struct incoming *in);
};

/* The handle() of `native->turns`. */
void stage_handle(
    struct turns *turns, struct turns_stage *stage, struct turns_entry *entry);

/* Stages `in`, for rule->handle(). Takes a reference to its bytes. */
void stage_incoming(struct session *session, const struct stage_rule *rule,
    const struct incoming *in);

/* Stages a frame that is sent to the session. Takes a reference. */
void stage_outgoing(struct session *session, const struct slice *frame);

/* To be called when an entry has been handled: ends the input if the session is
 * idle and its end has been read. */
void stage_settle(struct session *session);

#endif
