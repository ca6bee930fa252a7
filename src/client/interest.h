/*
 * interest - what the caller's event loop is to watch, and telling it.
 */
#ifndef PM2A_CLIENT_INTEREST_H
#define PM2A_CLIENT_INTEREST_H

#include <stdint.h>

#include "base/clock.h"

struct pm2a;

/* What the caller's event loop was told last. */
struct interest {
	int fd;
	short events;
	int64_t deadline_ms;
};

/* The earliest of all deadlines. */
struct instant interest_deadline(const struct pm2a *p);

/* When the daemon has been silent for too long to go on so. */
struct instant interest_ping_deadline(const struct pm2a *p);

/* Tells the caller's event loop where its interest has changed; in a dispatch
 * not before its end. */
void interest_tell(struct pm2a *p);

/* Something is to be done by the next dispatch, without an event. */
void interest_set_due(struct pm2a *p);

#endif
