#include "client/publish.h"

#include <errno.h>
#include <string.h>

#include "client/client.h"
#include "client/connection.h"
#include "client/interest.h"
#include "client/limits.h"
#include "wire/frame.h"

int
publish_topic_init(
    struct publish_topic *out, const struct pm2a_bytes *topics, size_t n)
{
	int r = 0;

	*out = (struct publish_topic){ .flags = 0 };
	if (n == 1) {
		out->field = (struct ask_bytes){ topics->data, topics->len };
	} else {
		out->flags = FRAME_SEVERAL;
		msg_put_array(&out->w, n);
		for (size_t i = 0; i < n; i++)
			msg_put_strn(&out->w, topics[i].data, topics[i].len);
		out->field = (struct ask_bytes){ out->w.data, out->w.len };
	}
	if (out->w.fault)
		r = -ENOMEM;
	else if (out->field.len > ASK_TOPIC_MAX)
		r = PM2A_E_TOO_BIG;
	if (r != 0)
		publish_topic_fini(out);
	return r;
}

void
publish_topic_fini(struct publish_topic *topic)
{
	msg_writer_fini(&topic->w);
}

static int
drop(struct pm2a *p, int r, size_t bytes)
{
	limits_count_lost(p, &(struct outbox_loss){ 1, bytes });
	return r;
}

/* Whether a message of that size can't be taken, and why. */
static int
check_room(const struct pm2a *p, size_t size, unsigned flags)
{
	if (limits_is_too_big(p, size))
		return PM2A_E_TOO_BIG;
	if ((flags & PM2A_VOLATILE) != 0 && !connection_can_send(p))
		return PM2A_E_AWAY;
	if (((flags & PM2A_VOLATILE) != 0 && p->is_blocked) ||
	    limits_is_full(p, size))
		return PM2A_E_FULL;
	return 0;
}

static int
queue_message(struct pm2a *p, const struct publish_topic *topic,
    struct pm2a_bytes body, unsigned flags)
{
	bool is_volatile = (flags & PM2A_VOLATILE) != 0;
	size_t size = FRAME_HEADER_SIZE + topic->field.len + body.len, head;
	struct outbox_item *item;
	int r = check_room(p, size, flags);

	if (r != 0)
		return drop(p, r, size);
	item = outbox_item_new(
	    is_volatile ? OUTBOX_VOLATILE : OUTBOX_MESSAGE, 0, size);
	if (item == NULL)
		return -ENOMEM;
	head = frame_write_head(item->bytes, FRAME_PUBLISH,
	    (uint8_t)(topic->flags | (is_volatile ? FRAME_VOLATILE : 0)),
	    topic->field.data, topic->field.len, body.len);
	if (body.len > 0)
		memcpy(item->bytes + head, body.data, body.len);
	outbox_add(connection_can_send(p) ? &p->out : &p->waiting, item);
	p->stats.published++;
	interest_tell(p);
	return 0;
}

int
pm2a_publish(struct pm2a *p, const struct pm2a_bytes *topics, size_t n_topics,
    struct pm2a_bytes body, unsigned flags)
{
	struct publish_topic topic;
	int r;

	if (n_topics == 0 || (flags & ~PM2A_VOLATILE) != 0)
		return PM2A_E_ARGUMENT;
	for (size_t i = 0; i < n_topics; i++)
		if (topics[i].len == 0)
			return PM2A_E_ARGUMENT;
	if (p->is_closing)
		return PM2A_E_CLOSED;
	r = limits_check_topics(p, topics, n_topics);
	if (r != 0)
		return drop(p, r, body.len);
	r = publish_topic_init(&topic, topics, n_topics);
	if (r != 0)
		return r < 0 ? r : drop(p, r, body.len);
	r = queue_message(p, &topic, body, flags);
	publish_topic_fini(&topic);
	return r;
}
