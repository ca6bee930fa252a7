/*
 * loop_memory - where libevent's memory comes from.
 *
 * libevent keeps a small piece for each descriptor that it has ever watched,
 * for as long as its base lives. Among the pieces of connections, which come
 * and go by the thousand, each of them holds a page of malloc's heap: after
 * 10,000 connections 10 MiB stayed resident. So they come from a pool of their
 * own.
 */
#ifndef PM2A_NET_LOOP_MEMORY_H
#define PM2A_NET_LOOP_MEMORY_H

/* Has libevent allocate here. To be called before libevent allocates; no effect
 * from the second time on. */
void loop_memory_init(void);

#endif
