/*
 * send - queues frames: those of the connection itself, and those of the caller
 * that may wait for a connection.
 */
#ifndef PM2A_CLIENT_SEND_H
#define PM2A_CLIENT_SEND_H

#include <stddef.h>

#include "base/err.h"
#include "client/outbox.h"
#include "pm2a.h"
#include "wire/msg.h"
#include "wire/topic_field.h"

/* Queues the frames that `w` holds for this connection, and releases `w`.
 * Returns 0 or -ENOMEM. */
int must_check send_control(struct pm2a *p, struct msg_writer *w);

/* Queues a PING for this connection. Returns 0 or -ENOMEM. */
int must_check send_ping(struct pm2a *p);

/* Queues `item`, which it takes over: for this connection if frames can be
 * sent, otherwise for the next one. */
void send_item(struct pm2a *p, struct outbox_item *item);

/* Writes the topic field of `n` topics, at least 1. Returns 0 (end it with
 * topic_field_fini()), PM2A_E_TOO_BIG or -ENOMEM. */
int must_check send_topics(
    struct topic_field *out, const struct pm2a_bytes *topics, size_t n);

#endif
