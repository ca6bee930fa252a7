/*
 * connection - the life of a connection; connection.c says how it goes.
 */
#ifndef PM2A_CLIENT_CONNECTION_H
#define PM2A_CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pm2a.h"
#include "wire/msg.h"

/* Whether frames may be sent now, and whether they may soon. */
bool connection_can_send(const struct pm2a *p);
bool connection_is_trying(const struct pm2a *p);

/* Closes the fd. */
void connection_close_socket(struct pm2a *p);

/* Sends a frame of the connection's own: what the writer holds, whose memory is
 * freed. Returns 0 or -ENOMEM. */
int must_check connection_send(struct pm2a *p, struct msg_writer *w);

/*
 * Ends the connection, or the attempt: why and text as for on_disconnect().
 * Tells the caller, and waits for the next attempt, or is closed.
 */
void connection_end(struct pm2a *p, int why, const char *text);

/* The same, for an error of the socket. */
void connection_end_by_errno(struct pm2a *p, int error);

/* Something has come that no daemon sends: counts it, and ends. */
void connection_end_malformed(struct pm2a *p, const char *text);

/* Makes an attempt to connect. Returns 0 or -ENOMEM. */
int must_check connection_start(struct pm2a *p, struct instant now);

/* WELCOME has come: sends all that is due. Returns 0 or -ENOMEM. */
int must_check connection_join(struct pm2a *p);

/* The PONG behind the subscriptions has come. */
void connection_on_joined(struct pm2a *p);

/* GOODBYE has come. */
void connection_leave(struct pm2a *p, int64_t retry_after_ms);

#endif
