/*
 * conn_parts - what a connection and the set of all of them are: shared by
 * conn.c, which is their life and their input, conn_output.c, and conn_set.c,
 * which has deadlines and memory. Nobody else includes it.
 */
#ifndef PM2A_NET_CONN_PARTS_H
#define PM2A_NET_CONN_PARTS_H

#include <bsd/sys/queue.h>
#include <event2/event_struct.h>

#include "net/conn.h"
#include "net/input.h"
#include "net/loop.h"
#include "net/memory.h"
#include "net/outq.h"

struct conn {
	LIST_ENTRY(conn) in_set;
	TAILQ_ENTRY(conn) in_slow;
	TAILQ_ENTRY(conn) in_unread;
	struct conn_set *set;
	const struct conn_ops *ops;
	void *user;
	int fd;
	struct event readable;
	struct event writable;
	struct loop_task flush;
	struct loop_task reap;
	struct outq out;
	struct input in;
	struct holder holder;
	bool is_stalled; /* waits for EV_WRITE */
	bool is_unread;  /* on the set's unread list, and not watched */
	bool is_slow;    /* on the set's slow list */
	bool is_mute;    /* the peer reads no more: output is thrown away */
	struct instant slow_since;
	struct instant since;
	enum conn_cause finish; /* what to close with once all is written */
	enum conn_cause cause;
	struct conn_stats stats;
};

struct conn_set {
	struct loop *loop;
	struct loop_source source;
	struct conn_limits limits;
	LIST_HEAD(conn_list, conn) conns;
	size_t n_open;
	TAILQ_HEAD(slow_list, conn)
	slow; /* over the soft limit, oldest first */
	TAILQ_HEAD(unread_list, conn) unread; /* until there is memory */
	struct input_shared shared;
	struct memory memory;
	struct loop_task end_turn;
	struct loop_task recheck;
	unsigned n_rechecks;
	uint8_t *scratch;
	struct conn_set_stats stats;
};

/* conn_set.c: the account of memory is looked at when all that this turn frees
 * is free. */
void conn_end_turn_later(struct conn_set *set);

/* conn_output.c: writes what waits, as much as the socket takes. */
void conn_flush(struct conn *conn);

/* What waits is thrown away, and counted. */
void conn_drop_output(struct conn *conn);

/* It no longer counts as slow. */
void conn_leave_slow(struct conn *conn);

/* Callbacks of the loop and of libevent. */
void conn_on_flush(struct loop_task *task);
void conn_on_writable(evutil_socket_t fd, short what, void *arg);

#endif
