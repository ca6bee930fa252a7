/*
 * life - creates, closes and frees a client, and keeps it while it is in use.
 *
 * Callbacks may free the client that calls them. A function that calls
 * callbacks and uses the client afterwards enters it before and leaves it after
 * that; the last one to leave a client that pm2a_free() was called for releases
 * its memory. While anybody has entered, callbacks may be running, so
 * pm2a_dispatch() refuses and the caller's event loop is told nothing.
 */
#ifndef PM2A_CLIENT_LIFE_H
#define PM2A_CLIENT_LIFE_H

#include <stdbool.h>

#include "base/err.h"
#include "pm2a.h"

void life_enter(struct pm2a *p);

/* Returns false if `p` is gone. */
bool must_check life_leave(struct pm2a *p);

#endif
