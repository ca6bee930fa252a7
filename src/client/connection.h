/*
 * connection - begins and ends connections, and sends what is due in between.
 */
#ifndef PM2A_CLIENT_CONNECTION_H
#define PM2A_CLIENT_CONNECTION_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pm2a.h"

/* Closes the fd, if there is one, and tells the caller's event loop before. */
void connection_close_socket(struct pm2a *p);

/*
 * Ends the connection, or the attempt to connect: `why` and `text` as in
 * on_disconnect. Calls back, and schedules the next attempt unless the client
 * is closing.
 */
void connection_end(struct pm2a *p, int why, const char *text);

/* Likewise, with an errno of the socket. */
void connection_end_by_errno(struct pm2a *p, int error);

/* Likewise, because bytes came that no daemon sends; counts it. */
void connection_end_malformed(struct pm2a *p, const char *text);

/* Makes an attempt to connect. Returns 0 or -ENOMEM. */
int must_check connection_start(struct pm2a *p, struct instant now);

/* WELCOME: sends everything that waits for it. Returns 0 or -ENOMEM. */
int must_check connection_join(struct pm2a *p);

/* PONG: the first one after WELCOME means that subscriptions are active. */
void connection_on_pong(struct pm2a *p);

/* GOODBYE: the next attempt is made after `retry_after_ms` at the earliest. */
void connection_on_goodbye(struct pm2a *p, int64_t retry_after_ms);

#endif
