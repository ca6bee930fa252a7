#include "edge/redis/translate.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "edge/redis/reply.h"
#include "wire/msg.h"

/*
 * Messages of native workers, for clients of Redis (wire/adapter).
 *
 * A run is translated when the first client of Redis is to get it, once for all
 * of them, and never if there is none. The result is a run too: frames
 * without a change, encoded broadcasts as packets, commands as requests on the
 * topic of requests, all in the order in which they were published. Nothing is
 * copied if no frame changes.
 *
 * A message for several rooms is one message to a Redis adapter, which has
 * subscribed to all rooms of its namespace by a pattern, and takes the rooms
 * from the packet. So such a frame gets the topic of the namespace as its
 * first, and a client gets it for the first of them that it has subscribed to.
 */

#define TOPIC_SHOWN 256 /* bytes of a topic in the log */

/* One message is matched against the channels and patterns of all clients as
 * often as it has topics: steps as in patterns.c. */
#define STEPS_MAX (8u << 20)
#define STEPS_CHANNEL 256

static const struct {
	const char *reason;
	size_t counter; /* in struct redis_stats */
} failures[] = {
	[TRANSCODE_E_MALFORMED] = { "malformed",
	    offsetof(struct redis_stats, n_malformed) },
	[TRANSCODE_E_DEEP] = { "too-deep",
	    offsetof(struct redis_stats, n_too_deep) },
	[TRANSCODE_E_COSTLY] = { "too-costly",
	    offsetof(struct redis_stats, n_too_costly) },
};

void
redis_count_untranslated(struct redis *redis, const struct frame *f, int e)
{
	char shown[TOPIC_SHOWN];

	if (e < 0) {
		log_fatal("out-of-memory", "translating=%zu", f->body_len);
		return;
	}
	++*(uint64_t *)((char *)&redis->stats + failures[e].counter);
	log_warn("redis-untranslated", "reason=%s bytes=%zu topic=%s",
	    failures[e].reason, f->body_len,
	    log_quote(shown, sizeof(shown), f->topic, f->topic_len));
}

/* Reads the topics of a frame. Returns false if there are none. */
static bool
open_topics(const struct frame *f, struct msg_topics *all)
{
	return (f->flags & FRAME_SEVERAL) &&
	       msg_topics_open(f->topic, f->topic_len, all) == 0;
}

size_t
redis_first_topic(const struct frame *f, const uint8_t **topic, size_t *len)
{
	struct msg_topics all;

	*topic = f->topic;
	*len = f->topic_len;
	if ((f->flags & FRAME_SEVERAL) &&
	    (!open_topics(f, &all) || !msg_topics_next(&all, topic, len)))
		return 0;
	return adapter_key(*topic, *len);
}

bool
redis_make_topic(struct redis_topic *out, const uint8_t *key, size_t key_len,
    const char *middle, const struct adapter_message *m)
{
	size_t middle_len = strlen(middle);

	out->len = key_len + middle_len + m->nsp.len + 1;
	if (out->len > sizeof(out->bytes))
		return false;
	memcpy(out->bytes, key, key_len);
	memcpy(out->bytes + key_len, middle, middle_len);
	memcpy(out->bytes + key_len + middle_len, m->nsp.at, m->nsp.len);
	out->bytes[out->len - 1] = '#';
	return true;
}

bool
redis_topic_begins(
    const uint8_t *topic, size_t len, const struct redis_topic *name)
{
	return len >= name->len && memcmp(topic, name->bytes, name->len) == 0;
}

/* A run on its way. */
struct translating {
	struct redis *redis;
	struct forms_translation *out;
	const uint8_t *start; /* of the run */
	bool has_changed;     /* all up to here is in scratch */
};

/* A frame whose body follows in scratch. Returns where it begins. */
static size_t
begin_frame(struct msg_writer *w, uint8_t flags, const void *topic, size_t len)
{
	size_t at = w->len;
	uint8_t *out = msg_reserve(w, FRAME_HEADER_SIZE + len);

	if (out != NULL)
		w->len +=
		    frame_write_head(out, FRAME_PUBLISH, flags, topic, len, 0);
	return at;
}

static void
end_frame(struct msg_writer *w, size_t at)
{
	uint32_t length = htonl((uint32_t)(w->len - at - FRAME_LENGTH_SIZE));

	if (!w->fault)
		memcpy(w->data + at, &length, sizeof(length));
}

/* Whether the topics of a frame are too many to try each for each client. */
static bool
is_dear(const struct redis *redis, const struct frame *f)
{
	size_t price =
	    redis->pattern_steps + STEPS_CHANNEL * redis->stats.n_open;
	struct msg_topics all;

	return open_topics(f, &all) && all.n_left > STEPS_MAX / (price + 1);
}

/* Whether all topics of a frame are of the namespace. */
static bool
is_of(const struct frame *f, const struct redis_topic *nsp)
{
	struct msg_topics all;
	const uint8_t *topic;
	size_t len;

	if (!open_topics(f, &all))
		return false;
	while (msg_topics_next(&all, &topic, &len))
		if (!redis_topic_begins(topic, len, nsp))
			return false;
	return true;
}

/* Begins a frame with the topics of f, the namespace's before them; or with
 * that alone if they are too many. */
static size_t
begin_several(const struct redis *redis, struct msg_writer *w,
    const struct frame *f, const struct redis_topic *nsp)
{
	struct msg_writer topics = { 0 };
	struct msg_topics all;
	size_t at;

	if (!open_topics(f, &all) || !is_of(f, nsp))
		return begin_frame(w, f->flags, f->topic, f->topic_len);
	msg_put_array(&topics, (size_t)all.n_left + 1);
	msg_put_strn(&topics, nsp->bytes, nsp->len);
	msg_put_raw(&topics, all.rest.at, bytes_left(&all.rest));
	if (topics.fault || topics.len > UINT16_MAX || is_dear(redis, f))
		at = begin_frame(
		    w, f->flags & ~FRAME_SEVERAL, nsp->bytes, nsp->len);
	else
		at = begin_frame(
		    w, f->flags | REDIS_FIRST_TOPIC, topics.data, topics.len);
	msg_writer_fini(&topics);
	return at;
}

/* Writes the translation of a message that changes. Returns 0, TRANSCODE_E_* or
 * -ENOMEM. */
static int
write_message(const struct redis *redis, struct msg_writer *w,
    const struct frame *f, const struct redis_topic *nsp,
    const struct redis_topic *requests, const struct adapter_message *m)
{
	size_t at;
	int e = 0;

	if (m->kind == ADAPTER_COMMAND)
		at = begin_frame(w, f->flags & ~FRAME_SEVERAL, requests->bytes,
		    requests->len);
	else
		at = begin_several(redis, w, f, nsp);
	if (m->kind == ADAPTER_COMMAND)
		e = adapter_put_request(w, m);
	else if (m->kind == ADAPTER_ENCODED)
		e = adapter_put_packet(w, m);
	else
		msg_put_raw(w, f->body, f->body_len);
	if (e == 0)
		end_frame(w, at);
	else
		w->len = at;
	return e;
}

/* From here on all is written to scratch. */
static void
change(struct translating *t, const struct frame *f)
{
	if (!t->has_changed)
		msg_put_raw(&t->redis->scratch, t->start,
		    (size_t)(f->start - t->start));
	t->has_changed = true;
}

static void
keep(struct translating *t, const struct frame *f)
{
	if (t->has_changed)
		msg_put_raw(&t->redis->scratch, f->start, f->size);
	t->out->run.n++;
}

static void
translate_message(struct translating *t, const struct frame *f,
    const uint8_t *topic, size_t key, const struct adapter_message *m)
{
	static struct redis_topic nsp, requests;
	int e = TRANSCODE_E_MALFORMED;

	change(t, f);
	if (redis_make_topic(&nsp, topic, key, "#", m) &&
	    redis_make_topic(&requests, topic, key, "-request#", m))
		e = write_message(
		    t->redis, &t->redis->scratch, f, &nsp, &requests, m);
	if (e != 0) {
		redis_count_untranslated(t->redis, f, e);
		return;
	}
	t->out->run.n++;
	t->out->has_one_topic &= m->kind != ADAPTER_COMMAND;
	t->redis->stats.n_translated += m->kind != ADAPTER_PACKET;
}

static void
translate_frame(struct translating *t, const struct frame *f)
{
	struct adapter_message m;
	const uint8_t *topic;
	size_t len, key = redis_first_topic(f, &topic, &len);
	int e = key == 0 ? 0 : adapter_read(f->body, f->body_len, &m);

	if (e != 0) {
		change(t, f);
		redis_count_untranslated(t->redis, f, e);
	} else if ((key == 0 || m.kind == ADAPTER_OPAQUE) &&
		   is_dear(t->redis, f)) {
		change(t, f);
		redis_count_untranslated(t->redis, f, TRANSCODE_E_COSTLY);
	} else if (key == 0 || m.kind == ADAPTER_OPAQUE ||
		   (m.kind == ADAPTER_PACKET && !(f->flags & FRAME_SEVERAL))) {
		keep(t, f);
	} else {
		translate_message(t, f, topic, key, &m);
	}
}

void
redis_each_frame(const struct message_run *run,
    void (*act)(void *arg, const struct frame *f), void *arg)
{
	struct slice rest = run->bytes;
	struct frame f;

	while (rest.len > 0 && frame_peek(slice_data(&rest), rest.len,
				   UINT32_MAX, &f) == FRAME_READY) {
		act(arg, &f);
		rest.off += f.size;
		rest.len -= f.size;
	}
}

static void
on_frame(void *arg, const struct frame *f)
{
	translate_frame(arg, f);
}

const struct forms_translation *
redis_translate(struct redis *redis, const struct message_run *run)
{
	struct forms_translation *out = &redis->forms.translation;
	struct translating t = { redis, out, slice_data(&run->bytes), false };

	if (out->source.blob == run->bytes.blob &&
	    out->source.off == run->bytes.off &&
	    out->source.len == run->bytes.len)
		return out;
	forms_drop_translation(&redis->forms);
	out->source = run->bytes;
	blob_ref(out->source.blob);
	out->has_one_topic =
	    !(slice_data(&run->bytes)[FRAME_LENGTH_SIZE + 1] & FRAME_SEVERAL);
	out->run.is_volatile = run->is_volatile;
	redis_each_frame(run, on_frame, &t);
	if (!t.has_changed) {
		out->run.bytes = run->bytes;
		blob_ref(run->bytes.blob);
	} else if (out->run.n > 0) {
		out->run.bytes = redis_take_scratch(redis);
	}
	forms_drop_later(&redis->forms);
	return out;
}
