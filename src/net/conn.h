/*
 * conn - a socket: its input, its output queue, its limits, its end.
 *
 * A conn reads into blobs and shows what it has to its owner, who says how much
 * of it was used; it queues slices and writes them when the turn is over. It
 * doesn't know what the bytes mean. conn_close() may be called anywhere and any
 * number of times: the conn is freed when the turn is over, after ops->gone.
 */
#ifndef PM2A_NET_CONN_H
#define PM2A_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/blob.h"
#include "base/clock.h"
#include "net/conn_cause.h"
#include "net/conn_set.h"

struct conn;

struct conn_ops {
	/*
	 * Shows all input that has not been used. Returns how many bytes, from
	 * the beginning, need not be shown again; what it wants to keep it
	 * takes references to. *want may be set to the bytes that the next unit
	 * needs in all, once that has passed the owner's limits.
	 */
	size_t (*input)(
	    struct conn *conn, const struct slice *data, size_t *want);
	/* The peer has closed its sending side. */
	void (*eof)(struct conn *conn);
	/* The conn is about to be freed. */
	void (*gone)(struct conn *conn);
};

struct conn_stats {
	uint64_t bytes_in;
	uint64_t bytes_out; /* written to the socket */
	size_t queue_peak;  /* bytes */
	size_t n_unwritten; /* bytes that were queued and thrown away */
};

/* Takes over the non-blocking fd and starts to read. */
struct conn *conn_new(struct conn_set *set, int fd, const struct conn_ops *ops,
    void *user) __attribute__((returns_nonnull));

void *conn_user(const struct conn *conn);

enum conn_sent {
	CONN_QUEUED,
	CONN_DROPPED, /* volatile, and over the soft limit or stalled while
		       * memory is short */
	CONN_CUT,     /* over a limit: the conn is closing */
	CONN_UNREAD,  /* the conn is closing already, or its peer is gone */
};

/* Queues s, to be written when the turn is over. */
enum conn_sent conn_send(
    struct conn *conn, const struct slice *s, bool is_volatile);

/*
 * To be called by ops->input, for the unit of size bytes that is unfinished, or
 * else for the last one: nobody looks behind its first head bytes. If it is
 * large its blob is piped (net/piped.h) when it is shown, whole then, and must
 * be used. A hint, for it and for those to come.
 */
void conn_set_opaque(struct conn *conn, size_t head, size_t size);

/* The next n bytes of input are thrown away as they come. */
void conn_skip(struct conn *conn, size_t n);

/*
 * Shows and reads nothing until conn_resume(), which shows in the next turn
 * what ops->input has left unused. Both have no effect the second time. What is
 * queued is still written; the end of the connection is not noticed before.
 */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
bool conn_is_paused(const struct conn *conn);

/* Reads no more; what is queued is still written. */
void conn_stop_reading(struct conn *conn);

/* Ends it when the turn is over, after one more attempt to write. The first
 * cause counts. */
void conn_close(struct conn *conn, const struct conn_cause *cause);

/* Reads no more, and ends it once what is queued has been written. */
void conn_finish(struct conn *conn, const struct conn_cause *cause);

bool conn_is_closing(const struct conn *conn);

/* Which limit has cut it, for people; "" if none has. */
const char *conn_limit(const struct conn *conn);

/* Like conn_close(), with what conn_limit() shall return, a static text. */
void conn_cut(
    struct conn *conn, const struct conn_cause *cause, const char *limit);
const struct conn_cause *conn_cause(const struct conn *conn);
size_t conn_queue_bytes(const struct conn *conn);
struct instant conn_since(const struct conn *conn);
const struct conn_stats *conn_stats(const struct conn *conn);

#endif
