#include "edge/redis/pending_joins.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "wire/resp.h"

#define KEPT_MS 5000

static const char mark[] = "-request#";

void
pending_joins_fini(struct pending_joins *joins)
{
	for (size_t i = 0; i < PENDING_JOINS_MAX; i++)
		free(joins->at[i].topic);
}

/* The one with this topic, else the one that is forgotten first. */
static struct pending_join *
place(struct pending_joins *joins, const uint8_t *topic, size_t len)
{
	struct pending_join *found = &joins->at[0];

	for (size_t i = 0; i < PENDING_JOINS_MAX; i++) {
		struct pending_join *join = &joins->at[i];

		if (join->len == len && len > 0 &&
		    memcmp(join->topic, topic, len) == 0)
			return join;
		if (join->until_ms < found->until_ms)
			found = join;
	}
	return found;
}

/* Notes the topic of a namespace, and takes ownership of it. */
static void
note(struct pending_joins *joins, uint8_t *topic, size_t len, int64_t now_ms)
{
	struct pending_join *join = place(joins, topic, len);

	free(join->topic);
	*join = (struct pending_join){
		.topic = topic,
		.len = len,
		.until_ms = now_ms + KEPT_MS,
	};
	joins->until_ms = join->until_ms;
}

/* Returns the place of the mark, or NULL if it is no channel of requests. */
static const uint8_t *
find_mark(const struct resp_arg *channel)
{
	const uint8_t *at =
	    memmem(channel->data, channel->len, mark, sizeof(mark) - 1);

	return at != NULL && channel->data[channel->len - 1] == '#' ? at : NULL;
}

bool
pending_joins_is_requests(const struct resp_arg *channel)
{
	return find_mark(channel) != NULL;
}

void
pending_joins_note(
    struct pending_joins *joins, const struct resp_arg *channel, int64_t now_ms)
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
	note(joins, topic, prefix + rest, now_ms);
}

/* The sharded adapter's requests go to the channel of the namespace, and begin
 * with their type. */
void
pending_joins_note_sharded(struct pending_joins *joins,
    const struct resp_arg *channel, const struct resp_arg *payload,
    int64_t now_ms)
{
	static const char join[] = "{\"type\":4,";
	uint8_t *topic;

	if (channel->len == 0 || payload->len < sizeof(join) ||
	    memcmp(payload->data, join, sizeof(join) - 1) != 0)
		return;
	topic = xcalloc(1, channel->len);
	memcpy(topic, channel->data, channel->len);
	note(joins, topic, channel->len, now_ms);
}

const struct pending_join *
pending_joins_find(const struct pending_joins *joins,
    const struct resp_arg *channel, int64_t now_ms)
{
	if (now_ms > joins->until_ms)
		return NULL;
	for (size_t i = 0; i < PENDING_JOINS_MAX; i++) {
		const struct pending_join *join = &joins->at[i];

		if (join->topic == NULL)
			break;
		if (now_ms <= join->until_ms && channel->len > join->len &&
		    memcmp(channel->data, join->topic, join->len) == 0)
			return join;
	}
	return NULL;
}
