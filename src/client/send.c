#include "client/send.h"

#include <errno.h>
#include <string.h>

#include "client/client.h"
#include "wire/sent.h"

int
send_control(struct pm2a *p, struct msg_writer *w)
{
	int r = w->fault ? -ENOMEM : 0;
	struct outbox_item *item;

	if (r == 0 && w->len > 0) {
		item = outbox_item_new(OUTBOX_CONTROL, 0, w->len);
		if (item == NULL) {
			r = -ENOMEM;
		} else {
			memcpy(item->bytes, w->data, w->len);
			outbox_add(&p->out, item);
		}
	}
	msg_writer_fini(w);
	return r;
}

int
send_ping(struct pm2a *p)
{
	static const struct sent_bytes nothing;
	struct msg_writer w = { 0 };

	sent_write_opaque(&w, FRAME_PING, 0, nothing, nothing);
	return send_control(p, &w);
}

void
send_item(struct pm2a *p, struct outbox_item *item)
{
	if (state_can_send(p->state)) {
		outbox_add(&p->out, item);
		return;
	}
	item->since = clock_now();
	outbox_add(&p->waiting, item);
}

int
send_topics(struct topic_field *out, const struct pm2a_bytes *topics, size_t n)
{
	int r;

	topic_field_begin(out, n);
	for (size_t i = 0; i < n; i++)
		topic_field_add(out, topics[i].data, topics[i].len);
	r = topic_field_end(out);
	return r == TOPIC_FIELD_E_TOO_BIG ? PM2A_E_TOO_BIG : r;
}
