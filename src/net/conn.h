/*
 * conn - a socket: its input, its output queue, its limits, its end.
 *
 * A conn reads into blobs and shows all unused input to its owner, which
 * returns how much of it was used; it queues slices and writes them at the end
 * of the turn. It does not know what the bytes mean. conn_close() may be called
 * anywhere and any number of times: the conn is freed at the end of the turn,
 * after ops->gone.
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
	 * Shows all unused input. Returns how many bytes, from the beginning,
	 * need not be shown again. The owner takes references to the bytes that
	 * it keeps, and may set *want to the size of the next unit, after
	 * checking it against its limits.
	 */
	size_t (*input)(
	    struct conn *conn, const struct slice *data, size_t *want);
	/* The peer has closed its sending side. */
	void (*eof)(struct conn *conn);
	/* The conn ends, and drops its queue after this call. NULL is
	 * allowed. */
	void (*unwritten)(struct conn *conn);
	/* Returns whether all that the conn has sent is done with. Called at
	 * the end of each turn of a closing conn, until it returns true; NULL:
	 * at once. */
	bool (*settle)(struct conn *conn);
	/* The conn is about to be freed. */
	void (*gone)(struct conn *conn);
};

struct conn_stats {
	uint64_t bytes_in;
	uint64_t bytes_out; /* written to the socket */
	size_t queue_peak;  /* bytes */
	size_t n_unwritten; /* bytes that were queued and dropped */
};

/* Takes ownership of the non-blocking `fd` and starts reading. */
struct conn *conn_new(struct conn_set *set, int fd, const struct conn_ops *ops,
    void *user) __attribute__((returns_nonnull));

void *conn_user(const struct conn *conn);

enum conn_sent {
	CONN_QUEUED,
	CONN_DROPPED, /* volatile, and over the soft limit, or stalled while
		       * memory is short */
	CONN_CUT,     /* over a limit; the conn is closing */
	CONN_UNREAD,  /* the conn is closing already, or its peer is gone */
};

/* Queues `s`, which is written at the end of the turn. */
enum conn_sent conn_send(
    struct conn *conn, const struct slice *s, bool is_volatile);

/* As conn_send(), for a message in `n` parts: queues all of them or none. */
enum conn_sent conn_send_parts(
    struct conn *conn, const struct slice *parts, size_t n, bool is_volatile);

/* Writes what is queued before the end of the turn, as far as the socket takes
 * it. */
void conn_flush_now(struct conn *conn);

/*
 * Hints that in the unfinished unit of `size` bytes, or else in the last one,
 * only the first `head` bytes are looked at. For ops->input. A large unit's
 * blob is then piped (net/piped.h) when it is shown, which is when it is
 * complete, and must be used. Also applies to later units.
 */
void conn_set_opaque(struct conn *conn, size_t head, size_t size);

/* Discards the next `n` bytes of input as they arrive. */
void conn_skip(struct conn *conn, size_t n);

/*
 * Stop showing and reading input, and resume in the next turn with the input
 * that ops->input left unused. No effect the second time. Queued output is
 * still written; the end of the connection is not noticed while paused.
 */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
bool conn_is_paused(const struct conn *conn);

/* Stops reading; queued output is still written. */
void conn_stop_reading(struct conn *conn);

/* Ends the connection at the end of the turn, after one more attempt to write.
 * The first cause counts. */
void conn_close(struct conn *conn, const struct conn_cause *cause);

/* Stops reading, and ends the connection after the queued output is written. */
void conn_finish(struct conn *conn, const struct conn_cause *cause);

bool conn_is_closing(const struct conn *conn);

/* Returns the name of the limit that cut the connection, for people; "" if
 * none. */
const char *conn_limit(const struct conn *conn);

/* Like conn_close(), but conn_limit() then returns `limit`, a static text. */
void conn_cut(
    struct conn *conn, const struct conn_cause *cause, const char *limit);
const struct conn_cause *conn_cause(const struct conn *conn);
size_t conn_queue_bytes(const struct conn *conn);

/* Calls visit() with each queued slice, the first one from its beginning, of
 * which a part may be written. */
void conn_walk_queue(const struct conn *conn,
    void (*visit)(const struct slice *s, void *arg), void *arg);

/* Returns about when the oldest byte was queued that waits or was dropped at
 * the end; INSTANT_NEVER if there is none. */
struct instant conn_oldest(const struct conn *conn);

struct instant conn_since(const struct conn *conn);
const struct conn_stats *conn_stats(const struct conn *conn);

#endif
