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

void
redis_asked_note(struct redis *redis, const struct resp_arg *channel)
{
	const size_t mark_len = sizeof(mark) - 1;
	const uint8_t *at = memmem(channel->data, channel->len, mark, mark_len);
	struct redis_asked *asked;
	uint8_t *topic;
	size_t prefix, rest;

	if (at == NULL || channel->data[channel->len - 1] != '#')
		return;
	prefix = (size_t)(at - channel->data);
	rest = channel->len - prefix - (mark_len - 1); /* with its '#' */
	topic = xcalloc(1, prefix + rest);
	memcpy(topic, channel->data, prefix);
	memcpy(topic + prefix, at + mark_len - 1, rest);
	asked = place(redis, topic, prefix + rest);
	free(asked->topic);
	*asked = (struct redis_asked){
		.topic = topic,
		.len = prefix + rest,
		.until_ms = loop_now(redis->loop).ms + ASKED_MS,
	};
	redis->asked_until_ms = asked->until_ms;
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
