/*
 * missed - the report to the caller after a reconnection: that messages may be
 * lost, for how long, and how the previous connection ended.
 */
#ifndef PM2A_CLIENT_MISSED_H
#define PM2A_CLIENT_MISSED_H

#include "pm2a.h"
#include "wire/reply.h"

/* The open connection has ended, with `why` as in on_disconnect. */
void missed_on_end(struct pm2a *p, int why);

/* Notes what the WELCOME of another connection says of the previous one. */
void missed_on_welcome(struct pm2a *p, const struct reply_welcome *welcome);

/* Another connection is open and on_connect has returned: calls on_missed if
 * it is due. */
void missed_on_open(struct pm2a *p);

#endif
