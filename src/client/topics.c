#include "client/topics.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "wire/sent.h"

#define FRAME_MAX ((size_t)512 * 1024)
#define N_IN_FRAME 1024
#define STR_HEAD_MAX 5 /* of msgpack's str */
#define ARRAY_HEAD_MAX 5

struct topic {
	TAILQ_ENTRY(topic) link;
	uint8_t flags;
	struct sent_bytes name; /* its bytes follow the struct */
};

static int
compare(const void *left, const void *right)
{
	const struct topic *a = left, *b = right;

	if (a->flags != b->flags)
		return a->flags < b->flags ? -1 : 1;
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;
	return a->name.len == 0
		   ? 0
		   : memcmp(a->name.data, b->name.data, a->name.len);
}

void
topics_init(struct topics *topics)
{
	topics->tree = NULL;
	TAILQ_INIT(&topics->list);
}

static void
discard(struct topics *topics, struct topic *topic)
{
	tdelete(topic, &topics->tree, compare);
	TAILQ_REMOVE(&topics->list, topic, link);
	free(topic);
}

void
topics_fini(struct topics *topics)
{
	struct topic *topic;

	while ((topic = TAILQ_FIRST(&topics->list)) != NULL)
		discard(topics, topic);
}

static struct topic *
find(const struct topics *topics, uint8_t flags, const void *data, size_t len)
{
	struct topic key = { .flags = flags, .name = { data, len } };
	struct topic *const *found = tfind(&key, &topics->tree, compare);

	return found == NULL ? NULL : *found;
}

int
topics_add(struct topics *topics, uint8_t flags, const void *data, size_t len,
    bool *is_new)
{
	struct topic *topic = find(topics, flags, data, len);

	*is_new = topic == NULL;
	if (topic != NULL)
		return 0;
	topic = malloc(sizeof(*topic) + len);
	if (topic == NULL)
		return -ENOMEM;
	topic->flags = flags;
	topic->name = (struct sent_bytes){ topic + 1, len };
	if (len > 0)
		memcpy(topic + 1, data, len);
	if (tsearch(topic, &topics->tree, compare) == NULL) {
		free(topic);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&topics->list, topic, link);
	return 0;
}

bool
topics_is_empty(const struct topics *topics)
{
	return TAILQ_EMPTY(&topics->list);
}

bool
topics_has(
    const struct topics *topics, uint8_t flags, const void *data, size_t len)
{
	return find(topics, flags, data, len) != NULL;
}

bool
topics_remove(
    struct topics *topics, uint8_t flags, const void *data, size_t len)
{
	struct topic *topic = find(topics, flags, data, len);

	if (topic == NULL)
		return false;
	discard(topics, topic);
	return true;
}

/* The most bytes that a topic takes of a length field. */
static size_t
cost_of(size_t len)
{
	return STR_HEAD_MAX + len;
}

static size_t
room_of(uint32_t max_frame)
{
	size_t max = max_frame < FRAME_MAX ? max_frame : FRAME_MAX;
	size_t head = FRAME_HEADER_SIZE - FRAME_LENGTH_SIZE + ARRAY_HEAD_MAX;

	return max > head ? max - head : 0;
}

bool
topics_fits(size_t len, uint32_t max_frame)
{
	return cost_of(len) <= room_of(max_frame);
}

/* A frame has a run of topics of one kind. Runs are as long as the caller's,
 * because the list keeps the order. */
size_t
topics_write(
    const struct topics *topics, struct msg_writer *w, uint32_t max_frame)
{
	struct sent_bytes names[N_IN_FRAME];
	const struct topic *topic;
	size_t n = 0, used = 0, n_too_long = 0;
	uint8_t flags = 0;

	TAILQ_FOREACH (topic, &topics->list, link) {
		if (!topics_fits(topic->name.len, max_frame)) {
			n_too_long++;
			continue;
		}
		if (n == N_IN_FRAME || (n > 0 && topic->flags != flags) ||
		    used + cost_of(topic->name.len) > room_of(max_frame)) {
			sent_write_topics(w, FRAME_SUBSCRIBE, flags, names, n);
			n = used = 0;
		}
		flags = topic->flags;
		names[n++] = topic->name;
		used += cost_of(topic->name.len);
	}
	if (n > 0)
		sent_write_topics(w, FRAME_SUBSCRIBE, flags, names, n);
	return n_too_long;
}
