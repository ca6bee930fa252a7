/*
 * topics - what the caller has subscribed to, which outlives connections. A
 * tree finds them (topics come from outside, and a tree of strings can't be
 * flooded), a list keeps the order in which they came. Owns copies.
 */
#ifndef PM2A_CLIENT_TOPICS_H
#define PM2A_CLIENT_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "wire/msg.h"

struct topic;
TAILQ_HEAD(topic_list, topic);

struct topics {
	void *tree;
	struct topic_list list;
};

void topics_init(struct topics *topics);
void topics_fini(struct topics *topics);

/* flags: those of SUBSCRIBE. *is_new: it was not there. Returns 0 or -ENOMEM.
 */
int must_check topics_add(struct topics *topics, uint8_t flags,
    const void *data, size_t len, bool *is_new);

bool topics_is_empty(const struct topics *topics);

bool topics_has(
    const struct topics *topics, uint8_t flags, const void *data, size_t len);

/* Whether it was there. */
bool topics_remove(
    struct topics *topics, uint8_t flags, const void *data, size_t len);

/*
 * Appends SUBSCRIBE frames for all of them to w, none with a length field
 * above max_frame. Returns how many topics are too long for that.
 */
size_t topics_write(
    const struct topics *topics, struct msg_writer *w, uint32_t max_frame);

/* Whether a frame that subscribes to a topic of len bytes alone fits. */
bool topics_fits(size_t len, uint32_t max_frame);

#endif
