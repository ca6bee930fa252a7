#include "edge/native/subscribe.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/xalloc.h"
#include "edge/native/reply.h"

/*
 * SUBSCRIBE and UNSUBSCRIBE. A frame may have 65,536 topics, and one that joins
 * or leaves as a member is reported to all other members. So a large frame is
 * done in steps, once it has taken AT_ONCE_US; its connection is not read from
 * until it is done, so that no later frame takes effect before. One that is
 * staged ends the reading at once if it is large.
 */

#define BATCH 16 /* topics that are subscribed to while others are fetched */
#define AT_ONCE_US 1000

/* Topics that were refused, by the reason. */
struct topic_tally {
	uint32_t n, n_empty, n_long, n_over, n_lengths;
};

struct topics_work {
	struct job job;
	struct session *session;
	struct blob *blob; /* that the topics are in */
	struct msg_topics topics;
	enum topic_kind kind;
	bool is_leaving;
	struct topic_tally refused;
};

static void
refuse_topics(struct session *session, const struct topic_tally *n)
{
	const struct native_settings *settings = &session->native->settings;

	if (n->n_empty > 0)
		reply_refuse(session, REFUSED_BAD_TOPIC,
		    "SUBSCRIBE: %u empty topics; only a prefix may be empty",
		    n->n_empty);
	if (n->n_long > 0)
		reply_refuse(session, REFUSED_TOPIC_TOO_LONG,
		    "SUBSCRIBE: %u topics are too long; max-topic is %zu bytes",
		    n->n_long, settings->topic_max_bytes);
	if (n->n_over > 0)
		reply_refuse(session, REFUSED_TOO_MANY_SUBSCRIPTIONS,
		    "SUBSCRIBE: %u topics too many; max-subscriptions is %u",
		    n->n_over, settings->subscriptions_max);
	if (n->n_lengths > 0)
		reply_refuse(session, REFUSED_TOO_MANY_PREFIX_LENGTHS,
		    "SUBSCRIBE: %u prefixes of new lengths; this connection "
		    "has %zu, and %zu of %d are left for all: one can be "
		    "added only while it has fewer than are left",
		    n->n_lengths,
		    topic_owner_n_lengths(&session->member->topics),
		    topic_n_lengths_left(
			broker_topics(session->native->broker)),
		    TOPIC_LENGTHS_MAX);
}

/* Counts a result of the broker. */
static void
tally(struct topic_tally *n, int r)
{
	if (r == 0)
		return;
	n->n++;
	n->n_empty += r == BROKER_E_TOPIC_EMPTY;
	n->n_long += r == BROKER_E_TOPIC_LONG;
	n->n_over += r == BROKER_E_SUBSCRIPTIONS;
	n->n_lengths += r == BROKER_E_PREFIX_LENGTHS;
}

/* False when the flags contradict each other; the session has failed then. */
static bool
subscription_kind(
    struct session *session, const struct frame *f, enum topic_kind *out)
{
	static const enum topic_kind kinds[] = {
		[0] = TOPIC_EXACT,
		[FRAME_BY_PREFIX] = TOPIC_PREFIX,
		[FRAME_AS_MEMBER] = TOPIC_MEMBER,
	};

	if (f->flags >= sizeof(kinds) / sizeof(*kinds)) {
		reply_fail(session, &native_bad_flags,
		    "%s: by prefix and as a member exclude each other",
		    frame_type_name(f->type));
		return false;
	}
	*out = kinds[f->flags];
	return true;
}

static bool
open_topics(
    struct session *session, const struct frame *f, struct msg_topics *out)
{
	const char *name = frame_type_name(f->type);

	if (msg_topics_open(f->body, f->body_len, out) != 0)
		reply_fail(session, &native_bad_body,
		    "%s: the body is not an array of topics", name);
	else if (out->n_left > FRAME_TOPICS_MAX)
		reply_fail(session, &native_bad_body,
		    "%s: %" PRIu32 " topics in a frame; at most %d", name,
		    out->n_left, FRAME_TOPICS_MAX);
	else
		return true;
	return false;
}

/* Takes the next topics of a frame, at most BATCH, and prefetches the memory
 * that the broker will read: their cache misses overlap. */
static size_t
next_batch(const struct native *native, struct msg_topics *topics, size_t max,
    struct topic_name batch[BATCH])
{
	bool is_alone = topics->n_left == 1;
	const uint8_t *bytes;
	size_t n = 0;

	while (n < max && msg_topics_next(topics, &bytes, &batch[n].len)) {
		batch[n].bytes = bytes;
		batch[n].hash = broker_hash(native->broker, &batch[n]);
		if (!is_alone)
			broker_prefetch(native->broker, batch[n].hash);
		n++;
	}
	for (size_t i = 0; !is_alone && i < n; i++)
		broker_prefetch_entry(native->broker, batch[i].hash);
	return n;
}

static void
end_work(struct topics_work *work)
{
	blob_unref(work->blob);
	free(work);
}

/* Does a batch. Returns whether there are more. */
static bool
step(struct topics_work *work)
{
	struct session *session = work->session;
	struct native *native = session->native;
	struct topic_name batch[BATCH];
	/* The PRESENCE of one may go to thousands. */
	size_t max = work->kind == TOPIC_MEMBER ? 1 : BATCH;
	size_t n = next_batch(native, &work->topics, max, batch);

	for (size_t i = 0; i < n; i++)
		if (work->is_leaving)
			broker_unsubscribe(native->broker, session->member,
			    work->kind, &batch[i]);
		else
			tally(&work->refused,
			    broker_subscribe(native->broker, session->member,
				work->kind, &batch[i]));
	return n > 0 && work->topics.n_left > 0;
}

static bool
on_step(struct job *job)
{
	struct topics_work *work = container_of(job, struct topics_work, job);
	struct session *session = work->session;

	if (step(work))
		return true;
	session->topics_work = NULL;
	refuse_topics(session, &work->refused);
	end_work(work);
	conn_resume(session->conn);
	stage_settle(session);
	return false;
}

void
subscribe_drop(struct session *session)
{
	struct topics_work *work = session->topics_work;

	if (work == NULL)
		return;
	session->topics_work = NULL;
	job_stop(loop_jobs(session->native->loop), &work->job);
	end_work(work);
}

static void
do_later(const struct topics_work *begun)
{
	struct session *session = begun->session;
	struct topics_work *work = xcalloc(1, sizeof(*work));

	*work = *begun;
	work->job.step = on_step;
	blob_ref(work->blob);
	session->topics_work = work;
	conn_pause(session->conn);
	job_start(loop_jobs(session->native->loop), &work->job);
}

static void
take_topics(
    struct session *session, const struct frame *f, struct topics_work *work)
{
	bool is_large = f->body_len > STAGE_LARGE_BODY;
	int64_t end_us = is_large ? clock_us() + AT_ONCE_US : 0;

	work->session = session;
	while (step(work))
		if (is_large && clock_us() >= end_us) {
			do_later(work);
			return;
		}
	if (work->refused.n > 0)
		refuse_topics(session, &work->refused);
	if (is_large)
		conn_resume(session->conn);
}

void
subscribe_handle(struct session *session, const struct incoming *in)
{
	const struct frame *f = &in->f;
	struct topics_work work = { .blob = in->bytes.blob };

	if (!subscription_kind(session, f, &work.kind) ||
	    !open_topics(session, f, &work.topics))
		return;
	if (work.kind == TOPIC_MEMBER && session->role != CONTROL_MEMBER) {
		reply_refuse(session, REFUSED_FORBIDDEN,
		    "SUBSCRIBE: the role %s can't be a member of topics",
		    control_role_name(session->role));
		return;
	}
	take_topics(session, f, &work);
}

void
subscribe_handle_end(struct session *session, const struct incoming *in)
{
	const struct frame *f = &in->f;
	struct topics_work work = {
		.blob = in->bytes.blob,
		.is_leaving = true,
	};

	if (subscription_kind(session, f, &work.kind) &&
	    open_topics(session, f, &work.topics))
		take_topics(session, f, &work);
}
