#include "client/client.h"
#include "client/interest.h"
#include "client/send.h"
#include "wire/sent.h"

static const uint8_t kind_flags[] = {
	[PM2A_EXACT] = 0,
	[PM2A_PREFIX] = FRAME_BY_PREFIX,
	[PM2A_MEMBER] = FRAME_AS_MEMBER,
};

static int
check_topic(const struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	if ((unsigned)kind > PM2A_MEMBER ||
	    (topic.len == 0 && kind != PM2A_PREFIX) ||
	    (kind == PM2A_MEMBER && p->options.role != PM2A_ROLE_MEMBER))
		return PM2A_E_ARGUMENT;
	if (state_is_closing(p->state))
		return PM2A_E_CLOSED;
	return topic.len > CLIENT_TOPIC_MAX ? PM2A_E_TOO_BIG : 0;
}

/* Tells the daemon, if connected: the next WELCOME is followed by all topics.
 */
static int
tell_topic(struct pm2a *p, enum frame_type type, enum pm2a_kind kind,
    struct pm2a_bytes topic)
{
	struct sent_bytes name = { topic.data, topic.len };
	struct msg_writer w = { 0 };
	int r;

	if (!state_can_send(p->state))
		return 0;
	sent_write_topics(&w, type, kind_flags[kind], &name, 1);
	r = send_control(p, &w);
	interest_tell(p);
	return r;
}

int
pm2a_subscribe(struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	bool is_new;
	int r = check_topic(p, kind, topic);

	if (r != 0)
		return r;
	if (state_can_send(p->state) && !topics_fits(topic.len, p->max_frame))
		return PM2A_E_TOO_BIG;
	r = topics_add(
	    &p->topics, kind_flags[kind], topic.data, topic.len, &is_new);
	if (r != 0 || !is_new)
		return r;
	r = tell_topic(p, FRAME_SUBSCRIBE, kind, topic);
	if (r != 0)
		topics_remove(
		    &p->topics, kind_flags[kind], topic.data, topic.len);
	return r;
}

int
pm2a_unsubscribe(struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic)
{
	int r = check_topic(p, kind, topic);

	if (r != 0 ||
	    !topics_has(&p->topics, kind_flags[kind], topic.data, topic.len))
		return r;
	r = tell_topic(p, FRAME_UNSUBSCRIBE, kind, topic);
	if (r == 0)
		topics_remove(
		    &p->topics, kind_flags[kind], topic.data, topic.len);
	return r;
}
