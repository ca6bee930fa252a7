/*
 * translate - messages of native workers, as Redis's adapters have them
 * (wire/adapter).
 */
#ifndef PM2A_EDGE_REDIS_TRANSLATE_H
#define PM2A_EDGE_REDIS_TRANSLATE_H

#include "edge/redis/client.h"
#include "wire/adapter.h"
#include "wire/frame.h"

/* A flag of frames that a translation has written, and that is never sent: a
 * client gets the message for the first topic alone that it has subscribed to.
 */
#define REDIS_FIRST_TOPIC 0x80

/* A topic that is made here. */
struct redis_topic {
	uint8_t bytes[TOPIC_NAME_MAX];
	size_t len;
};

/* Returns the messages of a run of native workers as Redis clients receive
 * them. The blob of the run is settled. Valid until the end of the turn or the
 * next run. */
const struct forms_translation *redis_translate(
    struct redis *redis, const struct message_run *run);

/* Counts a frame that Redis clients do not receive; `e` is TRANSCODE_E_*, or
 * -ENOMEM, which ends the daemon. */
void redis_count_untranslated(
    struct redis *redis, const struct frame *f, int e);

/* The first topic of a frame. Returns the length of its key, or 0 if the topic
 * is not one of Socket.IO's workers. */
size_t redis_first_topic(
    const struct frame *f, const uint8_t **topic, size_t *len);

/* Makes a topic of `key`, `middle`, the namespace of m and a #. Returns false
 * if it is too long for one. */
bool redis_make_topic(struct redis_topic *out, const uint8_t *key,
    size_t key_len, const char *middle, const struct adapter_message *m);

/* Whether a topic begins with `name`. */
bool redis_topic_begins(
    const uint8_t *topic, size_t len, const struct redis_topic *name);

/* Calls act() for each frame of a run. */
void redis_each_frame(const struct message_run *run,
    void (*act)(void *arg, const struct frame *f), void *arg);

#endif
