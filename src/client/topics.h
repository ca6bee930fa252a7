/*
 * topics - the caller's subscriptions, which outlive connections. A tree finds
 * them (topics come from outside, and a tree of strings has no worst case that
 * an attacker can cause), and a list keeps their order. Owns copies.
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

/* Adds a topic, with the flags of SUBSCRIBE. *is_new: it was not there.
 * Returns 0 or -ENOMEM. */
int must_check topics_add(struct topics *topics, uint8_t flags,
    const void *data, size_t len, bool *is_new);

bool topics_is_empty(const struct topics *topics);

bool topics_has(
    const struct topics *topics, uint8_t flags, const void *data, size_t len);

/* Removes a topic. Returns false if it was not there. */
bool topics_remove(
    struct topics *topics, uint8_t flags, const void *data, size_t len);

/*
 * Appends SUBSCRIBE frames for all topics to `w`, none with a length field
 * above `max_frame`. Returns the number of topics that are too long for that.
 */
size_t topics_write(
    const struct topics *topics, struct msg_writer *w, uint32_t max_frame);

/* Returns true if a SUBSCRIBE with a single topic of `len` bytes fits. */
bool topics_fits(size_t len, uint32_t max_frame);

#endif
