/*
 * native - the daemon's side of docs/PROTOCOL.md.
 *
 * Turns connections into sessions, frames into broker calls, and what the
 * broker says into frames. It judges everything that comes from a peer; below
 * it, core and net take what they get on trust. The native owns its sessions
 * and borrows loop, conn_set and broker.
 */
#ifndef PM2A_EDGE_NATIVE_NATIVE_H
#define PM2A_EDGE_NATIVE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/broker.h"
#include "net/allowed.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/loop.h"
#include "wire/msg.h"

struct native;
struct timing;

struct native_settings {
	const char *server;      /* name and version, for WELCOME */
	const char *socket;      /* where we listen, for STATS */
	uint32_t max_frame;      /* largest length field, bytes */
	struct allowed *allowed; /* borrowed, or NULL: everybody */
	uint32_t max_connections;
	int64_t hello_timeout_ms;
	int64_t ping_interval_ms; /* for WELCOME; 0: never */
	int64_t drain_timeout_ms;
	size_t topic_max_bytes;     /* the broker's limit, for messages */
	uint32_t subscriptions_max; /* likewise, and so are these */
	uint32_t questions_max;
	uint32_t questions_all_max;
	size_t answer_max_bytes;
	int64_t slow_turn_us; /* STATS keeps what takes as long; 0: none */
	int64_t slow_question_us;
	/* Puts a map of the configuration, for STATS. */
	void (*put_config)(struct msg_writer *w, void *arg);
	void *put_config_arg;
};

/* The ops for a listener whose user is the native. */
extern const struct listen_ops native_listen_ops;

/* settings is copied; its strings must outlive the native. */
struct native *native_new(struct loop *loop, struct conn_set *set,
    struct broker *broker, const struct native_settings *settings)
    __attribute__((returns_nonnull));

/* All connections must be gone. NULL is fine. */
void native_free(struct native *native);

/* Other settings for what comes from now on. */
void native_configure(
    struct native *native, const struct native_settings *settings);

/* The configuration was read again, or refused: for STATS. said is one line. */
void native_note_reload(struct native *native, bool is_done, const char *said);

/* Who has gone: for other edges, whose connections belong there too. */
struct closed *native_closed(struct native *native);

struct control_stats;

/* Whether a section that is wanted can be sorted so. */
bool native_can_sort(const struct control_stats *wanted);

/*
 * Gathers what STATS answers, in steps if it has to look at many topics, and
 * calls ready(report, arg) once, perhaps before it returns. native_report() may
 * be called there and nowhere else; the report is freed behind it. Returns the
 * report, or NULL if ready() has been called.
 */
struct report;
struct report *native_gather(struct native *native,
    const struct control_stats *wanted,
    void (*ready)(struct report *report, void *arg), void *arg);

/* Frees the report, whose ready() is not called. NULL is allowed. */
void native_report_cancel(struct report *report);

/* Appends what STATS answers: a map of the wanted sections. */
void native_report(struct report *report, struct msg_writer *w);

/* Both at once, however long it takes. */
void native_report_now(struct native *native,
    const struct control_stats *wanted, struct msg_writer *w);

/* Calls each(row, arg) for every client that is in, of all protocols. */
struct client_row;
void native_each_client(struct native *native,
    void (*each)(const struct client_row *row, void *arg), void *arg);

/* How long things take: for other edges, whose messages count too. */
struct timing *native_timing(struct native *native);

struct figures;

#define NATIVE_OTHERS_MAX 2

/* What another edge adds to STATS; arg is handed to each. Either function may
 * be NULL. */
struct native_others {
	void *arg;
	/* Sets the figures that are its own, and adds to those it shares. */
	void (*figures)(struct figures *figures, void *arg);
	/* Calls each(row, each_arg) for every client that is in. */
	void (*each_client)(
	    void (*each)(const struct client_row *row, void *each_arg),
	    void *each_arg, void *arg);
};

/* `others` is copied; at most NATIVE_OTHERS_MAX. */
void native_add_others(
    struct native *native, const struct native_others *others);

/* The listener whose counters STATS shows, or NULL. */
void native_set_listener(
    struct native *native, const struct listener *listener);

/*
 * Says GOODBYE to everybody, still routes, and calls done(arg) when all
 * connections are gone: when every client has finished, or at the drain
 * timeout. To be called once, after the listener is closed.
 */
void native_drain(struct native *native, void (*done)(void *arg), void *arg);

#endif
