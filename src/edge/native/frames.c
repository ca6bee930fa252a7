#include "edge/native/frames.h"

#include "edge/native/hello.h"
#include "edge/native/publish.h"
#include "edge/native/questions.h"
#include "edge/native/reply.h"
#include "edge/native/stage.h"
#include "edge/native/statistics.h"
#include "edge/native/subscribe.h"

/*
 * One table has, for each type of frame, the flags and fields that its header
 * may have, the limit of its body and the function that handles it; no such
 * function receives a frame before all of that has been checked.
 *
 * PUBLISH is the fast path: frames in a row with the same topic and flags are
 * handled as one run, looked up once and queued to each receiver as one slice
 * of the blob that they arrived in.
 */

#define HELLO_FRAME_MAX 4096
#define PING_BODY_MAX 1024
#define STATS_BODY_MAX 4096
#define SMALL_FRAME 4096 /* bytes that are never worth to be spliced */

/*
 * Stages `in`, a PUBLISH, and the frames that follow it in `data` with the same
 * head. Returns how many bytes they have. A run has at most the size of the
 * largest frame: a queue has room for two of those, so no receiver that keeps
 * up is cut because messages arrived together; and at most broker_run_max()
 * messages, even if all of them are empty.
 */
static size_t
stage_publish(struct session *session, const struct stage_rule *rule,
    struct incoming *in, const struct slice *data)
{
	const struct frame *f = &in->f;
	const struct native *native = session->native;
	size_t max = (size_t)native->settings.max_frame + FRAME_LENGTH_SIZE;
	size_t least = FRAME_HEADER_SIZE + f->topic_len;
	size_t n_max = broker_run_max(native->broker);

	if (!publish_may(session, f))
		return f->size;
	if (n_max < UINT32_MAX && n_max * least < max)
		max = n_max * least;
	in->bytes.len = frame_run(f, data->len, max, &in->n);
	if (!(f->flags & FRAME_SEVERAL))
		in->hash = broker_hash(session->native->broker,
		    &(struct topic_name){
			.bytes = f->topic, .len = f->topic_len });
	stage_incoming(session, rule, in);
	return in->bytes.len;
}

static void
handle_ping(struct session *session, const struct incoming *in)
{
	uint8_t head[FRAME_HEADER_SIZE];
	struct msg_writer *w = &session->native->out;

	frame_write_head(head, FRAME_PONG, 0, NULL, 0, in->f.body_len);
	msg_put_raw(w, head, sizeof(head));
	msg_put_raw(w, in->f.body, in->f.body_len);
	reply_send_out(session);
}

static void
handle_pong(struct session *session, const struct incoming *in)
{
	(void)session;
	(void)in;
}

/*
 * Staged is what others can see (PUBLISH, ASK, ANSWER), and what reports that
 * something before it has taken effect (PING, STATS). So is UNSUBSCRIBE as a
 * member: a member that leaves owes no answers, and those that it gave before
 * must count. So is a SUBSCRIBE as a member behind it: a member that leaves and
 * joins again has joined. PUBLISH and ANSWER are handled even if their client
 * has closed the connection right behind them.
 */
static const struct stage_rule rules[] = {
	{ FRAME_PUBLISH, FRAME_VOLATILE | FRAME_SEVERAL, true, true, true, 0,
	    publish_handle },
	{ FRAME_SUBSCRIBE, FRAME_BY_PREFIX | FRAME_AS_MEMBER, false, false,
	    false, 0, subscribe_handle },
	{ FRAME_UNSUBSCRIBE, FRAME_BY_PREFIX | FRAME_AS_MEMBER, false, false,
	    false, 0, subscribe_handle_end },
	{ FRAME_ASK, FRAME_TO_SUBSCRIBERS | FRAME_SEVERAL, true, true, false, 0,
	    questions_open },
	{ FRAME_ANSWER, 0, false, true, true, 0, questions_answer },
	{ FRAME_PING, 0, false, true, false, PING_BODY_MAX, handle_ping },
	{ FRAME_PONG, 0, false, false, false, 0, handle_pong },
	{ FRAME_STATS, 0, false, true, false, STATS_BODY_MAX,
	    statistics_handle },
	{ FRAME_HELLO, 0, false, false, false, 0, hello_handle },
};

static const struct stage_rule *
find_rule(uint8_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

/* Judges the header of `f`. Returns NULL if the session has failed. */
static const struct stage_rule *
judge(struct session *session, const struct frame *f)
{
	const struct stage_rule *rule = find_rule(f->type);

	if (rule == NULL)
		reply_fail(session, &native_unknown_type,
		    "a frame of type 0x%02x (%s); only the daemon sends those",
		    f->type, frame_type_name(f->type));
	else if (f->flags & ~rule->flags)
		reply_fail(session, &native_bad_flags,
		    "%s: flags 0x%02x; known: 0x%02x", frame_type_name(f->type),
		    f->flags, rule->flags);
	else if (f->topic_len > 0 && !rule->has_topic)
		reply_fail(session, &native_bad_topic,
		    "%s: a topic where none belongs", frame_type_name(f->type));
	else if (rule->body_max > 0 && f->body_len > rule->body_max)
		reply_fail(session, &native_bad_body,
		    "%s: a body of %zu bytes; at most %u",
		    frame_type_name(f->type), f->body_len, rule->body_max);
	else
		return rule;
	return NULL;
}

static bool
is_staged(const struct session *session, const struct stage_rule *rule,
    const struct frame *f)
{
	bool is_of_member = f->flags == FRAME_AS_MEMBER;

	return rule->is_staged ||
	       (is_of_member && f->type == FRAME_UNSUBSCRIBE) ||
	       (is_of_member && f->type == FRAME_SUBSCRIBE &&
		   session->n_leaving > 0);
}

/* Frames after one with many topics must not take effect before it is done. */
static void
stage_one(struct session *session, const struct stage_rule *rule,
    const struct incoming *in)
{
	bool takes_steps = rule->type == FRAME_UNSUBSCRIBE ||
			   rule->type == FRAME_SUBSCRIBE ||
			   rule->type == FRAME_ANSWER;

	stage_incoming(session, rule, in);
	if (takes_steps && in->f.body_len > STAGE_LARGE_BODY)
		conn_pause(session->conn);
}

/* Handles or stages in->f, at the beginning of `data`. Returns how many bytes
 * were used. */
static size_t
take_frame(
    struct session *session, struct incoming *in, const struct slice *data)
{
	const struct frame *f = &in->f;
	const struct stage_rule *rule = judge(session, f);

	if (rule == NULL)
		return f->size;
	in->bytes = (struct slice){ data->blob, data->off, f->size };
	in->n = 1;
	in->hash = 0;
	if (f->type == FRAME_PUBLISH)
		return stage_publish(session, rule, in, data);
	if (f->type == FRAME_STATS && session->is_polling)
		reply_refuse(session, REFUSED_BUSY,
		    "STATS: the one before it is not yet answered");
	else if (is_staged(session, rule, f))
		stage_one(session, rule, in);
	else
		rule->handle(session, in);
	return f->size;
}

static size_t
take_too_big(struct session *session, const struct frame *f)
{
	uint32_t max = session->native->settings.max_frame;

	if (session->member == NULL)
		max = HELLO_FRAME_MAX;
	if (f->type != FRAME_PUBLISH || session->member == NULL) {
		reply_fail(session, &native_frame_too_big,
		    "%s: a length of %zu bytes; the limit is %u",
		    frame_type_name(f->type), f->size - FRAME_LENGTH_SIZE, max);
		return 0;
	}
	reply_refuse(session, REFUSED_FRAME_TOO_BIG,
	    "PUBLISH: a length of %zu bytes; max-frame is %u",
	    f->size - FRAME_LENGTH_SIZE, max);
	conn_skip(session->conn, f->size - FRAME_HEADER_SIZE);
	return FRAME_HEADER_SIZE;
}

/* The type is judged as soon as it arrives, so a client of another protocol is
 * refused at once. */
static bool
is_stranger(struct session *session, const struct frame *f)
{
	if (session->member != NULL || f->size == 0 || f->type == FRAME_HELLO)
		return false;
	reply_fail(session, &native_hello_expected,
	    "a frame of type 0x%02x came before HELLO", f->type);
	return true;
}

static enum frame_verdict
peek(struct session *session, const struct slice *data, struct frame *f)
{
	uint32_t max = session->native->settings.max_frame;

	if (session->member == NULL && max > HELLO_FRAME_MAX)
		max = HELLO_FRAME_MAX;
	return frame_peek(slice_data(data), data->len, max, f);
}

/* The payload of a message is not read. */
static void
tell_opaque(struct session *session, const struct frame *f)
{
	size_t head = FRAME_HEADER_SIZE + f->topic_len;

	conn_set_opaque(
	    session->conn, f->type == FRAME_PUBLISH ? head : 0, f->size);
}

size_t
frames_input(struct conn *conn, const struct slice *data, size_t *want)
{
	struct session *session = conn_user(conn);
	struct slice rest = *data;
	enum frame_verdict verdict;
	struct incoming in;
	size_t used;

	if (session->is_unwelcome) {
		reply_tell_unwelcome(session);
		return data->len;
	}
	while (rest.len > 0 && !conn_is_closing(conn) &&
	       !conn_is_paused(conn) && session->failing == NULL) {
		verdict = peek(session, &rest, &in.f);
		if (verdict != FRAME_ALIEN && is_stranger(session, &in.f))
			break;
		switch (verdict) {
		case FRAME_READY:
			if (in.f.size > SMALL_FRAME)
				tell_opaque(session, &in.f);
			used = take_frame(session, &in, &rest);
			break;
		case FRAME_SHORT:
			*want = in.f.size;
			tell_opaque(session, &in.f);
			return rest.off - data->off;
		case FRAME_TOO_BIG:
			used = take_too_big(session, &in.f);
			rest.off += used;
			return rest.off - data->off;
		default:
			reply_fail(session, &native_bad_frame,
			    "the length field and the topic length of a frame "
			    "contradict each other");
			return rest.off - data->off;
		}
		rest.off += used;
		rest.len -= used;
	}
	return rest.off - data->off;
}
