#include "edge/native/publish.h"

#include "edge/native/names.h"
#include "edge/native/observer.h"
#include "edge/native/reply.h"

enum sink_verdict
publish_on_message(struct member *to, const struct message_run *run)
{
	struct session *session = to->user;

	if (session->role == CONTROL_OBSERVER)
		return observer_on_message(session, run);
	return drops_send(&session->native->drops, session->conn, run);
}

/* Whether it is an ordinary message: to one topic, without a reason to refuse
 * it.
 */
static bool
is_plain(const struct session *session, const struct frame *f)
{
	return !(f->flags & FRAME_SEVERAL) &&
	       session->role != CONTROL_OBSERVER &&
	       broker_check_topic(session->native->broker,
		   &(struct topic_name){
		       .bytes = f->topic, .len = f->topic_len }) == 0;
}

bool
publish_may(struct session *session, const struct frame *f)
{
	size_t n;

	if (is_plain(session, f))
		return true;
	if (session->role == CONTROL_OBSERVER) {
		reply_refuse(session, REFUSED_FORBIDDEN,
		    "PUBLISH: the role observer can't publish");
		return false;
	}
	return names_check(session, f, -1, &n);
}

void
publish_handle(struct session *session, const struct incoming *in)
{
	const struct frame *f = &in->f;
	struct native *native = session->native;
	struct message_run run = {
		.bytes = in->bytes,
		.n = in->n,
		.is_volatile = f->flags & FRAME_VOLATILE,
	};
	size_t n_names;

	if (!(f->flags & FRAME_SEVERAL))
		broker_publish(native->broker, session->member,
		    &(struct topic_name){ f->topic, f->topic_len, in->hash }, 1,
		    &run);
	else if (!names_read(native, f, &n_names))
		return;
	else if (broker_check_walk(native->broker, native->names, n_names) != 0)
		names_refuse_walk(session, f, -1);
	else
		broker_publish(native->broker, session->member, native->names,
		    n_names, &run);
}
