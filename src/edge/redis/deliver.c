#include "edge/redis/deliver.h"

#include "edge/redis/message.h"
#include "edge/redis/reply.h"
#include "edge/redis/translate.h"
#include "net/piped.h"

/*
 * The broker gives each receiver a message once. A client of Redis gets it once
 * for its channel and once for each pattern, and a publisher, if it speaks
 * RESP3 and has subscribed, gets its own. PUBLISH returns the number of
 * deliveries, so those beyond one for each receiver are counted while the
 * broker walks.
 *
 * A message is written once for each version of the protocol, and all clients
 * that have it by their channel share the bytes. Clients with patterns receive
 * bytes of their own and share long strings (parts.c); so do all clients if the
 * message is large.
 */

#define FORM_MAX (1 << 18) /* bytes of a run that is copied for a form */
#define STEPS_PER_WORK 64  /* of struct broker_stats */

/* Puts what the client receives of one frame. */
static size_t
put_frame(struct parts *parts, const struct redis_client *client,
    const struct frame *f)
{
	struct redis_message m = { f->topic, f->topic_len, f->body,
		f->body_len };
	struct msg_topics topics;
	size_t n = 0;

	if (!(f->flags & FRAME_SEVERAL))
		return redis_put_matches(parts, client, &m);
	if (msg_topics_open(f->topic, f->topic_len, &topics) != 0)
		return 0;
	while (msg_topics_next(&topics, &m.topic, &m.topic_len)) {
		n += redis_put_matches(parts, client, &m);
		if (client->redis->is_widened ||
		    (n > 0 && f->flags & REDIS_FIRST_TOPIC))
			break;
	}
	return n;
}

/* Puts what the client receives of a run. */
static size_t
put_run(struct parts *parts, const struct redis_client *client,
    const struct slice *run)
{
	struct slice rest = *run;
	struct frame f;
	size_t n = 0;

	while (rest.len > 0 && frame_peek(slice_data(&rest), rest.len,
				   UINT32_MAX, &f) == FRAME_READY) {
		n += put_frame(parts, client, &f);
		rest.off += f.size;
		rest.len -= f.size;
	}
	return n;
}

static bool
is_same(const struct slice *a, const struct slice *b)
{
	return a->blob == b->blob && a->off == b->off && a->len == b->len;
}

static bool
has_several_topics(const struct slice *run)
{
	return slice_data(run)[FRAME_LENGTH_SIZE + 1] & FRAME_SEVERAL;
}

/* The run for clients that receive its one topic only by its channel. */
static const struct slice *
shared_form(struct redis_client *client, const struct slice *run)
{
	struct redis *redis = client->redis;
	struct forms_written *form = &redis->forms.written[client->version - 2];
	struct parts parts = parts_written_to(&redis->scratch);

	if (form->source.blob != NULL && is_same(&form->source, run))
		return &form->bytes;
	blob_unref(form->source.blob);
	blob_unref(form->bytes.blob);
	put_run(&parts, client, run);
	form->bytes = redis_take_scratch(redis);
	form->source = *run;
	blob_ref(run->blob);
	forms_drop_later(&redis->forms);
	return &form->bytes;
}

/* Returns whether a message can only be for one of its channels. */
static bool
has_no_prefix(const struct redis_client *client)
{
	return client->member->topics.n_subs == client->n_channels;
}

enum sink_verdict
redis_on_message(struct member *to, const struct message_run *run)
{
	struct redis_client *client = to->user;
	struct redis *redis = client->redis;
	const struct forms_translation *t;
	bool has_one_topic = !has_several_topics(&run->bytes);
	size_t n;

	if (redis->sharded != NULL)
		return SINK_PASSED;
	piped_settle(run->bytes.blob);
	if (!redis->is_own) {
		t = redis_translate(redis, run);
		run = &t->run;
		has_one_topic = t->has_one_topic;
	}
	if (run->n == 0)
		return SINK_PASSED;
	if (has_no_prefix(client) && has_one_topic && run->bytes.len < FORM_MAX)
		return redis_send_message(client,
		    shared_form(client, &run->bytes), run->n, run->is_volatile);
	broker_add_work(
	    redis->broker, run->n * (client->pattern_steps / STEPS_PER_WORK));
	n = put_run(
	    redis_begin_parts(redis, run->bytes.blob), client, &run->bytes);
	if (n == 0)
		return SINK_PASSED;
	redis->n_extra += (int64_t)n - run->n;
	return redis_send_parts(client, n, run->is_volatile);
}
