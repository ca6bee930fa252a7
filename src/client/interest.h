/*
 * interest - the events that the caller's event loop watches, and reporting
 * them to it.
 */
#ifndef PM2A_CLIENT_INTEREST_H
#define PM2A_CLIENT_INTEREST_H

#include "base/clock.h"
#include "pm2a.h"

/* Returns the earliest of all deadlines. */
struct instant interest_deadline(const struct pm2a *p);

/* Returns when the daemon has been silent for one more ping interval. */
struct instant interest_ping_deadline(const struct pm2a *p);

/* Tells the caller's event loop if its interest has changed; during a dispatch
 * only the end of it does. */
void interest_tell(struct pm2a *p);

#endif
