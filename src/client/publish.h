/*
 * publish - the topic field of what goes to one topic, or to several.
 */
#ifndef PM2A_CLIENT_PUBLISH_H
#define PM2A_CLIENT_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pm2a.h"
#include "wire/ask.h"

/* The topic field of one topic, or of several. */
struct publish_topic {
	struct ask_bytes field;
	uint8_t flags;
	struct msg_writer w;
};

/* Returns 0, with publish_topic_fini() due, PM2A_E_TOO_BIG or -ENOMEM. */
int must_check publish_topic_init(
    struct publish_topic *out, const struct pm2a_bytes *topics, size_t n);
void publish_topic_fini(struct publish_topic *topic);

#endif
