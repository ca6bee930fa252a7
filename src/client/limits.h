/*
 * limits - what may wait and what the daemon takes, as far as that is known,
 * and the count of what is dropped for it.
 */
#ifndef PM2A_CLIENT_LIMITS_H
#define PM2A_CLIENT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "client/outbox.h"
#include "pm2a.h"

/* Bytes that wait to be sent. */
size_t limits_queued_bytes(const struct pm2a *p);

/* Whether a frame of that size may not wait with the others. */
bool limits_is_full(const struct pm2a *p, size_t size);

/* Whether the daemon would refuse a frame of that size. */
bool limits_is_too_big(const struct pm2a *p, size_t size);

/* Whether the daemon takes topics of these lengths, as far as that is known.
 * Returns 0 or PM2A_E_TOO_BIG. */
int must_check limits_check_topics(
    const struct pm2a *p, const struct pm2a_bytes *topics, size_t n);

/* Counts messages that are dropped. */
void limits_count_lost(struct pm2a *p, const struct outbox_loss *lost);

#endif
