#include "edge/native/session.h"

static const char *const refusal_names[N_REFUSALS] = {
	[REFUSED_FRAME_TOO_BIG] = "frame-too-big",
	[REFUSED_BAD_TOPIC] = "bad-topic",
	[REFUSED_BAD_BODY] = "bad-body",
	[REFUSED_BUSY] = "busy",
	[REFUSED_FORBIDDEN] = "forbidden",
	[REFUSED_TOPIC_TOO_LONG] = "topic-too-long",
	[REFUSED_TOO_MANY_TOPICS] = "too-many-topics",
	[REFUSED_TOO_MANY_SUBSCRIPTIONS] = "too-many-subscriptions",
	[REFUSED_TOO_MANY_PREFIX_LENGTHS] = "too-many-prefix-lengths",
	[REFUSED_BAD_TIMEOUT] = "bad-timeout",
	[REFUSED_TOO_MANY_QUESTIONS] = "too-many-questions",
	[REFUSED_ANSWER_TOO_BIG] = "answer-too-big",
	[REFUSED_GATHER_TOO_BIG] = "gather-too-big",
	[REFUSED_REPLY_TOO_BIG] = "reply-too-big",
};

const char *
refusal_name(enum refusal refusal)
{
	return refusal_names[refusal];
}

int64_t
session_pid(const struct session *session)
{
	return session->peer.pid > 0 ? session->peer.pid : session->pid;
}

const char *
session_name(const struct session *session)
{
	return session->member == NULL ? "" : session->member->name;
}

bool
session_is_idle(const struct session *session)
{
	return session->turns.n_staged == 0 && session->report == NULL &&
	       session->topics_work == NULL && session->union_work == NULL;
}
