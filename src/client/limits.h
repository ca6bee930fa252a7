/*
 * limits - bounds of the queue and of frames that the daemon accepts, as far as
 * they are known, and the count of messages dropped because of them.
 */
#ifndef PM2A_CLIENT_LIMITS_H
#define PM2A_CLIENT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "client/outbox.h"
#include "pm2a.h"

/* Returns the bytes that wait to be sent. */
size_t limits_queued_bytes(const struct pm2a *p);

/* Returns true if a frame of `size` bytes would exceed queue_max_bytes. */
bool limits_is_full(const struct pm2a *p, size_t size);

/* Returns true if a frame of `size` bytes is above the daemon's max_frame. */
bool limits_is_too_big(const struct pm2a *p, size_t size);

/* Returns 0, PM2A_E_TOO_BIG or PM2A_E_FULL for a frame of `size` bytes. */
int must_check limits_check_frame(const struct pm2a *p, size_t size);

/* Returns PM2A_E_TOO_BIG if a topic is above the daemon's max_topic, or else 0.
 */
int must_check limits_check_topics(
    const struct pm2a *p, const struct pm2a_bytes *topics, size_t n);

/* Drops the messages that have waited longer than queue_max_age_ms. */
void limits_drop_expired(struct pm2a *p);

/* Counts messages that are dropped. */
void limits_count_lost(struct pm2a *p, const struct outbox_loss *lost);

#endif
