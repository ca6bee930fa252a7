#include "edge/native/names.h"

#include "base/xalloc.h"
#include "edge/native/reply.h"
#include "wire/frame.h"

static void
add_name(struct native *native, size_t n, struct topic_name name)
{
	if (n == native->names_size) {
		native->names_size = n == 0 ? 16 : 2 * n;
		native->names = xreallocarray(
		    native->names, native->names_size, sizeof(name));
	}
	native->names[n] = name;
}

bool
names_read(struct native *native, const struct frame *f, size_t *n)
{
	struct msg_topics topics = { .n_left = 0 };
	const uint8_t *bytes;
	size_t len;

	*n = 0;
	if (!(f->flags & FRAME_SEVERAL))
		add_name(native, (*n)++,
		    (struct topic_name){
			.bytes = f->topic, .len = f->topic_len });
	else if (msg_topics_open(f->topic, f->topic_len, &topics) != 0)
		return false;
	while (msg_topics_next(&topics, &bytes, &len))
		add_name(native, (*n)++,
		    (struct topic_name){ .bytes = bytes, .len = len });
	return true;
}

bool
names_check(
    struct session *session, const struct frame *f, int64_t ask_id, size_t *n)
{
	struct native *native = session->native;
	const char *name = frame_type_name(f->type);
	int r;

	if (!names_read(native, f, n)) {
		reply_fail(session, &native_bad_topic,
		    "%s: the topic field is not an array of topics", name);
		return false;
	}
	if (*n > FRAME_SEVERAL_MAX) {
		reply_refuse_request(session, REFUSED_TOO_MANY_TOPICS, ask_id,
		    "%s: %zu topics; at most %d: name one that all receivers "
		    "have subscribed to",
		    name, *n, FRAME_SEVERAL_MAX);
		return false;
	}
	r = broker_check_topics(native->broker, native->names, *n);
	if (r == BROKER_E_TOPIC_EMPTY)
		reply_refuse_request(session, REFUSED_BAD_TOPIC, ask_id,
		    *n == 0 ? "%s: an array of no topics; at least 1"
			    : "%s: an empty topic; at least 1 byte",
		    name);
	else if (r != 0)
		reply_refuse_request(session, REFUSED_TOPIC_TOO_LONG, ask_id,
		    "%s: a topic is too long; max-topic is %zu bytes", name,
		    native->settings.topic_max_bytes);
	return r == 0;
}

void
names_refuse_walk(
    struct session *session, const struct frame *f, int64_t ask_id)
{
	reply_refuse_request(session, REFUSED_TOO_MANY_TOPICS, ask_id,
	    "%s: its topics have more than %d subscriptions; name one that all "
	    "receivers have subscribed to",
	    frame_type_name(f->type), BROKER_WALK_MAX);
}
