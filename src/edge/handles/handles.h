/*
 * handles - sockets of clients that one worker hands over to another.
 *
 * A Socket.IO client upgrades to WebSocket at any worker, and its session is at
 * another. Workers can't pass descriptors to each other, but each can pass them
 * to its child processes: Node's IPC channel is a pair of sockets. So a worker
 * starts `pm2adapterd --lend-channel`, which connects to handles' listener and
 * passes the child's end of that channel itself. From then on the daemon is the
 * child, for each worker, and relays descriptors between them.
 *
 * The channels speak JSON lines (wire/handle_line). The broker, its topics and
 * members have nothing to do with them.
 */
#ifndef PM2A_EDGE_HANDLES_HANDLES_H
#define PM2A_EDGE_HANDLES_HANDLES_H

#include <stdint.h>

#include "edge/handles/settings.h"
#include "net/listen.h"
#include "net/loop.h"
#include "stats/hub.h"

struct handles;

#define HANDLES_CHANNELS_MAX 1024

/* The ops for a listener whose user is the handles. Its clients must be
 * processes of the daemon's own user. */
extern const struct listen_ops handles_listen_ops;

/* Copies `settings`; borrows the rest, which must outlive it. */
struct handles *handles_new(struct loop *loop, struct hub *hub,
    const struct handles_settings *settings) __attribute__((returns_nonnull));

/* Closes everything. NULL is allowed. */
void handles_free(struct handles *handles);

/* Applies other settings from now on. */
void handles_configure(
    struct handles *handles, const struct handles_settings *settings);

/* Calls done(arg) when no descriptor waits for a worker that is slow to read,
 * or at the drain timeout. Channels work on until handles_free(). To be called
 * once, after the listener is closed. */
void handles_drain(struct handles *handles, void (*done)(void *arg), void *arg);

#endif
