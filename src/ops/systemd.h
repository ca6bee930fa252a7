/*
 * systemd - tells the service manager the daemon's state: the datagrams of
 * sd_notify(3), spoken here since they are few.
 *
 * Reports to the manager: ready, STATUS, reloading, stopping, and, from the
 * loop, watchdog pings as often as WatchdogSec= of the unit requires. Never
 * waits: a datagram that cannot be sent at once is dropped.
 */
#ifndef PM2A_OPS_SYSTEMD_H
#define PM2A_OPS_SYSTEMD_H

#include "net/loop.h"
#include "stats/hub.h"

struct notify;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of
 * the environment. Returns NULL if no manager listens. `hub` must outlive it.
 */
struct notify *notify_new(struct loop *loop, struct hub *hub);

/* NULL is allowed in all of these. */
void notify_free(struct notify *notify);
void notify_ready(struct notify *notify);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);

#endif
