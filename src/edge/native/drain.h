/*
 * drain - the end of input of sessions, and of the daemon: which sessions a
 * drain waits for.
 */
#ifndef PM2A_EDGE_NATIVE_DRAIN_H
#define PM2A_EDGE_NATIVE_DRAIN_H

struct native;
struct session;

/* To be called when all input of the session has been handled: closes it, or no
 * longer waits for it during a drain. */
void drain_end_input(struct session *session);

/* In a drain, waits for the session no longer. No effect if it did not. */
void drain_settle(struct session *session);

/* Closes every connection once its queue has been written. */
void drain_finish(struct native *native);

#endif
