/*
 * stats - requests for the daemon's statistics, opened with pm2a_stats().
 *
 * A STATS_REPLY has no id, and the daemon refuses a STATS while it owes the
 * reply to another one. So one request is sent at a time and the others wait;
 * the reply to a request that has timed out is received and dropped before the
 * next one is sent.
 */
#ifndef PM2A_CLIENT_STATS_H
#define PM2A_CLIENT_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "pm2a.h"

/* The largest STATS_REPLY that is accepted: it may exceed max_frame. */
#define STATS_REPLY_MAX (64u << 20)

void stats_init(struct pm2a *p);

/* A connection accepts frames: sends the first request, or ends all of them if
 * this daemon has no statistics. */
void stats_on_welcome(struct pm2a *p);

/* Returns true if the daemon owes a STATS_REPLY. */
bool stats_is_owed(const struct pm2a *p);

/* STATS_REPLY: ends the request that was sent. Returns 0, or PM2A_E_PROTOCOL
 * if the body is not one msgpack map. */
int must_check stats_on_reply(struct pm2a *p, const void *body, size_t len);

/* ERROR: ends the request that was sent if `code` can only mean that one.
 * Returns false if it means something else. */
bool stats_on_refusal(struct pm2a *p, const char *code, const char *message);

/* Ends all requests: with the error `sent` if they were sent, otherwise with
 * `unsent`. */
void stats_end(struct pm2a *p, int sent, int unsent);

/* Ends every request whose deadline is at or before `now`. */
void stats_expire(struct pm2a *p, struct instant now);

#endif
