/*
 * drain - the end of input of sessions, and of the daemon: which sessions a
 * drain waits for.
 */
#ifndef PM2A_EDGE_NATIVE_DRAIN_H
#define PM2A_EDGE_NATIVE_DRAIN_H

struct native;
struct session;

/* All that the session has sent has been handled: closes it, or in a drain
 * waits for it no longer. */
void drain_end_input(struct session *session);

/* In a drain, waits for the session no longer. No effect if it did not. */
void drain_settle(struct session *session);

/* Closes every connection once its queue has been written. */
void drain_finish(struct native *native);

#endif
