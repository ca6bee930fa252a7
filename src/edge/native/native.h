/*
 * native - the daemon's side of docs/PROTOCOL.md.
 *
 * Turns connections into sessions, frames into broker calls, and the broker's
 * calls into frames. It checks all input of peers; core and net, below it,
 * trust their callers. The native owns its sessions and borrows loop, conn_set
 * and broker.
 */
#ifndef PM2A_EDGE_NATIVE_NATIVE_H
#define PM2A_EDGE_NATIVE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/broker.h"
#include "edge/native/settings.h"
#include "net/allowed.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/loop.h"

struct hub;
struct native;

/* The ops for a listener whose user is the native. */
extern const struct listen_ops native_listen_ops;

/* settings is copied; its strings must outlive the native. */
struct native *native_new(struct loop *loop, struct conn_set *set,
    struct broker *broker, struct hub *hub,
    const struct native_settings *settings) __attribute__((returns_nonnull));

/* All connections must be gone. NULL is allowed. */
void native_free(struct native *native);

/* Applies other settings from now on. */
void native_configure(
    struct native *native, const struct native_settings *settings);

/*
 * Sends GOODBYE to every client, continues to route, and calls done(arg) when
 * all connections are gone: when every client has finished, or at the drain
 * timeout. To be called once, after the listener is closed.
 */
void native_drain(struct native *native, void (*done)(void *arg), void *arg);

#endif
