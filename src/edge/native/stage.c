#include "edge/native/stage.h"

#include "base/container.h"
#include "edge/native/drain.h"
#include "edge/native/session.h"

#define LOOK_AHEAD 8 /* staged entries */

struct staged {
	struct turns_entry entry;
	const struct stage_rule *rule; /* NULL: in.bytes is to be sent */
	struct incoming in;
};

static struct session *
session_of(struct turns_owner *owner)
{
	return container_of(owner, struct session, turns);
}

static void
stage(struct session *session, const struct stage_rule *rule,
    const struct incoming *in)
{
	struct staged *staged = turns_stage(
	    &session->native->turns, &session->turns, sizeof(*staged));

	staged->rule = rule;
	staged->in = *in;
	if (in->bytes.blob != NULL)
		blob_ref(in->bytes.blob);
}

void
stage_incoming(struct session *session, const struct stage_rule *rule,
    const struct incoming *in)
{
	session->is_polling |= in->f.type == FRAME_STATS;
	session->n_leaving += in->f.type == FRAME_UNSUBSCRIBE;
	stage(session, rule, in);
}

void
stage_outgoing(struct session *session, const struct slice *frame)
{
	stage(session, NULL, &(struct incoming){ .bytes = *frame });
}

void
stage_settle(struct session *session)
{
	if (!session->has_eof || !session_is_idle(session))
		return;
	session->has_eof = false;
	drain_end_input(session);
}

/* Frames after a fatal protocol error are ignored; those before the end of the
 * connection otherwise are not. */
static bool
has_failed(const struct session *session)
{
	const struct conn_cause *cause = conn_cause(session->conn);

	return cause != NULL && cause->is_protocol;
}

static void
handle_incoming(struct session *session, const struct stage_rule *rule,
    const struct incoming *in)
{
	session->is_polling = session->is_polling && rule->type != FRAME_STATS;
	session->n_leaving -= rule->type == FRAME_UNSUBSCRIBE;
	if (!has_failed(session) &&
	    (rule->is_final || !conn_is_closing(session->conn)))
		rule->handle(session, in);
}

/* Calls `prefetch` for the entry that is `places` behind `staged`, if any. */
static inline void
look_at(const struct broker *broker, const struct turns_stage *stage,
    const struct staged *staged, size_t places,
    void (*prefetch)(const struct broker *broker, uint32_t hash))
{
	const struct staged *ahead = staged + places;

	if ((const uint8_t *)ahead < stage->at + stage->len)
		prefetch(broker, ahead->in.hash);
}

/* With a million topics a lookup waits for memory two or three times; for the
 * messages that follow this is under way while one is handled. */
static void
look_ahead(const struct broker *broker, const struct turns_stage *stage,
    const struct staged *staged)
{
	look_at(broker, stage, staged, 2 * LOOK_AHEAD, broker_prefetch);
	look_at(broker, stage, staged, LOOK_AHEAD, broker_prefetch_entry);
	look_at(broker, stage, staged, LOOK_AHEAD / 2, broker_prefetch_subs);
}

void
stage_handle(
    struct turns *turns, struct turns_stage *stage, struct turns_entry *entry)
{
	struct staged *staged = container_of(entry, struct staged, entry);
	struct session *session = session_of(entry->owner);

	look_ahead(turns->broker, stage, staged);
	if (staged->rule != NULL)
		handle_incoming(session, staged->rule, &staged->in);
	else
		conn_send(session->conn, &staged->in.bytes, false);
	blob_unref(staged->in.bytes.blob);
	stage_settle(session);
}
