#include "edge/redis/message.h"

#include "edge/redis/reply.h"
#include "wire/glob.h"

void
redis_put_message(struct parts *parts, int version, const char *event,
    const struct topic *pattern, const struct redis_message *m)
{
	struct msg_writer *w = parts->w;

	if (parts_is_over(parts))
		return;
	resp_put_push(w, version, pattern == NULL ? 3 : 4);
	resp_put_text(w, event);
	if (pattern != NULL)
		resp_put_bulk(w, pattern->name, pattern->len);
	parts_put(parts, PARTS_TOPIC, m->topic, m->topic_len);
	parts_put(parts, PARTS_PAYLOAD, m->payload, m->payload_len);
}

size_t
redis_put_matches(struct parts *parts, const struct redis_client *client,
    const struct redis_message *m)
{
	const struct topic_owner *patterns = &client->patterns;
	struct topic_name name = { .bytes = m->topic, .len = m->topic_len };
	size_t n = 0;

	if (client->n_channels > 0 &&
	    broker_is_subscribed(
		client->redis->broker, client->member, TOPIC_EXACT, &name)) {
		redis_put_message(parts, client->version, "message", NULL, m);
		n++;
	}
	for (size_t i = 0; i < patterns->n_subs; i++) {
		const struct topic *pattern = patterns->topics[i];

		if (!glob_match((const uint8_t *)pattern->name, pattern->len,
			m->topic, m->topic_len))
			continue;
		redis_put_message(
		    parts, client->version, "pmessage", pattern, m);
		n++;
	}
	return n;
}

void
redis_count_delivered(struct redis_client *client, size_t n)
{
	client->n_delivered += n;
	client->redis->stats.n_delivered += n;
}

struct parts *
redis_begin_parts(struct redis *redis, struct blob *source)
{
	parts_begin(&redis->parts, &redis->scratch, &redis->forms, source,
	    conn_set_limits(redis->set)->hard_bytes);
	return &redis->parts;
}

enum sink_verdict
redis_send_parts(struct redis_client *client, size_t n, bool is_volatile)
{
	struct redis *redis = client->redis;
	enum sink_verdict verdict = parts_send(
	    &redis->parts, &redis->drops, client->conn, n, is_volatile);

	redis_trim_later(redis);
	if (verdict == SINK_QUEUED)
		redis_count_delivered(client, n);
	else
		client->n_dropped += n;
	return verdict;
}

enum sink_verdict
redis_send_message(struct redis_client *client, const struct slice *s, size_t n,
    bool is_volatile)
{
	struct message_run run = {
		.bytes = *s,
		.n = (uint32_t)n,
		.is_volatile = is_volatile,
	};

	enum sink_verdict verdict =
	    drops_send(&client->redis->drops, client->conn, &run);

	if (verdict == SINK_QUEUED)
		redis_count_delivered(client, n);
	else
		client->n_dropped += n;
	return verdict;
}
