#include <errno.h>
#include <string.h>

#include "client/client.h"
#include "client/interest.h"
#include "client/limits.h"
#include "client/send.h"
#include "wire/frame.h"

static int
drop(struct pm2a *p, int r, size_t bytes)
{
	limits_count_lost(p, &(struct outbox_loss){ 1, bytes });
	return r;
}

/* Returns 0 or why a message of `size` bytes is refused. */
static int
check_room(const struct pm2a *p, size_t size, bool is_volatile)
{
	int r = limits_check_frame(p, size);

	if (r == PM2A_E_TOO_BIG || !is_volatile)
		return r;
	if (!state_can_send(p->state))
		return PM2A_E_AWAY;
	return outbox_is_blocked(&p->out) ? PM2A_E_FULL : r;
}

static int
queue_message(struct pm2a *p, const struct topic_field *topic,
    struct pm2a_bytes body, unsigned flags)
{
	bool is_volatile = (flags & PM2A_VOLATILE) != 0;
	size_t size = FRAME_HEADER_SIZE + topic->len + body.len, head;
	struct outbox_item *item;
	int r;

	limits_drop_expired(p);
	r = check_room(p, size, is_volatile);
	if (r != 0)
		return drop(p, r, size);
	item = outbox_item_new(
	    is_volatile ? OUTBOX_VOLATILE : OUTBOX_MESSAGE, 0, size);
	if (item == NULL)
		return -ENOMEM;
	head = frame_write_head(item->bytes, FRAME_PUBLISH,
	    (uint8_t)(topic->flags | (is_volatile ? FRAME_VOLATILE : 0)),
	    topic->data, topic->len, body.len);
	if (body.len > 0)
		memcpy(item->bytes + head, body.data, body.len);
	send_item(p, item);
	p->stats.published++;
	interest_tell(p);
	return 0;
}

int
pm2a_publish(struct pm2a *p, const struct pm2a_bytes *topics, size_t n_topics,
    struct pm2a_bytes body, unsigned flags)
{
	struct topic_field topic;
	int r;

	if (n_topics == 0 || (flags & ~PM2A_VOLATILE) != 0)
		return PM2A_E_ARGUMENT;
	for (size_t i = 0; i < n_topics; i++)
		if (topics[i].len == 0)
			return PM2A_E_ARGUMENT;
	if (state_is_closing(p->state))
		return PM2A_E_CLOSED;
	r = limits_check_topics(p, topics, n_topics);
	if (r != 0)
		return drop(p, r, body.len);
	r = send_topics(&topic, topics, n_topics);
	if (r != 0)
		return r < 0 ? r : drop(p, r, body.len);
	r = queue_message(p, &topic, body, flags);
	topic_field_fini(&topic);
	return r;
}
