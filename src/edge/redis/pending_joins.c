#include "edge/redis/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/*
 * Emitters ask workers to let sockets join a room (a message on
 * `prefix-request#namespace#`) and then emit to that room. With Redis the
 * worker has subscribed to all rooms by a pattern, joins, and sees what comes
 * next. A native worker subscribes to the rooms that it has, so what is emitted
 * right behind the request would find nobody there: its subscription is still
 * on its way. So what goes to a room of a namespace that has just been asked
 * something goes to all workers of the namespace: they get it behind the
 * request, in order, and whether anybody is in the room the packet lets them
 * tell. Nobody waits for anybody, and a worker may take as long as it likes to
 * join; its subscription then has the time until the namespace is forgotten.
 */

#define ASKED_MS 5000

static const char mark[] = "-request#";

void
redis_asked_fini(struct redis *redis)
{
	for (size_t i = 0; i < REDIS_ASKED_MAX; i++)
		free(redis->asked[i].topic);
}

/* The one with this topic, or else the one that is forgotten first. */
static struct redis_asked *
place(struct redis *redis, const uint8_t *topic, size_t len)
{
	struct redis_asked *found = &redis->asked[0];

	for (size_t i = 0; i < REDIS_ASKED_MAX; i++) {
		struct redis_asked *asked = &redis->asked[i];

		if (asked->len == len && len > 0 &&
		    memcmp(asked->topic, topic, len) == 0)
			return asked;
		if (asked->until_ms < found->until_ms)
			found = asked;
	}
	return found;
}

/* Takes the topic of a namespace, which is ours now. */
static void
note(struct redis *redis, uint8_t *topic, size_t len)
{
	struct redis_asked *asked = place(redis, topic, len);

	free(asked->topic);
	*asked = (struct redis_asked){
		.topic = topic,
		.len = len,
		.until_ms = loop_now(redis->loop).ms + ASKED_MS,
	};
	redis->asked_until_ms = asked->until_ms;
}

/* Where the mark is in a channel of requests, or NULL. */
static const uint8_t *
find_mark(const struct resp_arg *channel)
{
	const uint8_t *at =
	    memmem(channel->data, channel->len, mark, sizeof(mark) - 1);

	return at != NULL && channel->data[channel->len - 1] == '#' ? at : NULL;
}

bool
redis_is_requests(const struct resp_arg *channel)
{
	return find_mark(channel) != NULL;
}

void
redis_asked_note(struct redis *redis, const struct resp_arg *channel)
{
	const size_t mark_len = sizeof(mark) - 1;
	const uint8_t *at = find_mark(channel);
	uint8_t *topic;
	size_t prefix, rest;

	if (at == NULL)
		return;
	prefix = (size_t)(at - channel->data);
	rest = channel->len - prefix - (mark_len - 1); /* with its '#' */
	topic = xcalloc(1, prefix + rest);
	memcpy(topic, channel->data, prefix);
	memcpy(topic + prefix, at + mark_len - 1, rest);
	note(redis, topic, prefix + rest);
}

/* The sharded adapter's requests go to the channel of the namespace, and begin
 * with their type. */
void
redis_asked_note_sharded(struct redis *redis, const struct resp_arg *channel,
    const struct resp_arg *payload)
{
	static const char join[] = "{\"type\":4,";
	uint8_t *topic;

	if (channel->len == 0 || payload->len < sizeof(join) ||
	    memcmp(payload->data, join, sizeof(join) - 1) != 0)
		return;
	topic = xcalloc(1, channel->len);
	memcpy(topic, channel->data, channel->len);
	note(redis, topic, channel->len);
}

const struct redis_asked *
redis_asked_find(const struct redis *redis, const struct resp_arg *channel)
{
	int64_t now = loop_now(redis->loop).ms;

	if (now > redis->asked_until_ms)
		return NULL;
	for (size_t i = 0; i < REDIS_ASKED_MAX; i++) {
		const struct redis_asked *asked = &redis->asked[i];

		if (asked->topic == NULL)
			break;
		if (now <= asked->until_ms && channel->len > asked->len &&
		    memcmp(channel->data, asked->topic, asked->len) == 0)
			return asked;
	}
	return NULL;
}
