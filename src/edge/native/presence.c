#include "edge/native/presence.h"

#include <string.h>

#include "base/log.h"
#include "edge/native/reply.h"
#include "wire/frame.h"

/* Whether native->news is the frame of this event. */
static bool
is_last_news(const struct native *native, const struct presence *p)
{
	return native->news.blob != NULL && native->news_id == p->who->id &&
	       native->news_joined == p->joined &&
	       native->news_count == p->count &&
	       native->news_topic_len == p->topic_len &&
	       memcmp(slice_data(&native->news) + FRAME_HEADER_SIZE, p->topic,
		   p->topic_len) == 0;
}

static void
write_news(struct native *native, const struct presence *p)
{
	struct msg_writer *w = &native->out;

	control_write_presence(w, &(struct control_presence){
				      .topic = p->topic,
				      .topic_len = p->topic_len,
				      .joined = p->joined,
				      .id = p->who->id,
				      .name = p->who->name,
				      .count = p->count,
				  });
	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	blob_unref(native->news.blob);
	native->news = (struct slice){ blob_copy(w->data, w->len), 0, w->len };
	native->news_id = p->who->id;
	native->news_joined = p->joined;
	native->news_count = p->count;
	native->news_topic_len = p->topic_len;
	w->len = 0;
}

void
presence_on_change(struct member *to, const struct presence *presence)
{
	struct session *session = to->user;
	struct native *native = session->native;

	if (conn_is_closing(session->conn) ||
	    (native->is_draining && !presence->joined))
		return;
	if (!is_last_news(native, presence))
		write_news(native, presence);
	reply_send(session, &native->news);
}
