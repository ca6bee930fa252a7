/*
 * loop_memory - libevent's memory.
 *
 * libevent keeps a small piece for each descriptor that it has ever watched, as
 * long as its base lives. Between the pieces of connections, thousands of which
 * open and close, each of them holds a page of malloc's heap: after 10,000
 * connections 10 MiB stayed resident. So they have a pool of their own.
 */
#ifndef PM2A_NET_LOOP_MEMORY_H
#define PM2A_NET_LOOP_MEMORY_H

/* Makes libevent allocate here. Must be called before libevent allocates; no
 * effect from the second call on. */
void loop_memory_init(void);

#endif
