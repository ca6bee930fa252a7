/*
 * client - struct pm2a, as the files of this layer share it.
 *
 * options checks what the caller passes; life creates, closes and frees a
 * client; state is the one state that it has; connection is the life of a
 * connection and dispatch one turn of it; interest is what the caller's event
 * loop watches; frames hands incoming frames to their modules and callbacks,
 * and missed reports what did not arrive. requests are those that this process
 * opens, questions those that it receives, and stats its requests for the
 * daemon's statistics. publish and emit send messages, send queues frames, and
 * limits bounds them.
 *
 * Everything runs in calls of the caller, and only pm2a_dispatch() uses the
 * socket. This header includes no module that includes it.
 */
#ifndef PM2A_CLIENT_CLIENT_H
#define PM2A_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/options.h"
#include "client/outbox.h"
#include "client/state.h"
#include "client/table.h"
#include "client/topics.h"
#include "pm2a.h"

#define CLIENT_SERVER_MAX 64
#define CLIENT_REASON_MAX 64
#define CLIENT_TOPIC_MAX 65500 /* leaves room for a head in a topic field */

/* The largest length field that is accepted before WELCOME gives a limit. */
#define CLIENT_GREETING_MAX (1u << 20)

struct client_input {
	uint8_t *data;
	size_t len, size;
};

/* The interest last reported to the caller's event loop. */
struct client_interest {
	int fd;
	short events;
	int64_t deadline_ms;
};

/* The last connection that was open, for HELLO and for on_missed. */
struct client_previous {
	uint64_t id;             /* 0: there was none */
	int64_t epoch_ms;        /* of its daemon */
	int why;                 /* as on_disconnect was told */
	struct instant ended_at; /* never, if there is nothing to report */
	char reason[CLIENT_REASON_MAX + 1]; /* as the next WELCOME gives it */
	uint64_t n_unwritten;               /* bytes, likewise */
	uint64_t n_messages;                /* likewise */
};

/* Requests for the daemon's statistics, one of which is sent at a time. */
struct stats_request;
struct client_stats_queue {
	STAILQ_HEAD(, stats_request) list;
	size_t n, bytes;         /* bytes of frames that are not sent yet */
	unsigned n_owed;         /* replies that the daemon owes: 0 or 1 */
	struct instant deadline; /* the earliest one, or never */
};

struct pm2a {
	struct options options;
	enum state state;        /* changed by state_next() alone */
	unsigned n_entered;      /* calls that still use p: see life.h */
	unsigned n_stops;        /* calls of pm2a_stop() */
	int fd;                  /* or -1 */
	struct instant deadline; /* of the state; or never */
	struct instant closing_deadline; /* of pm2a_close(); or never */
	struct instant wake; /* when a dispatch is due without an event */

	struct outbox out;     /* for this connection */
	struct outbox waiting; /* for the next one */
	struct client_input in;
	struct topics topics;
	struct pm2a_bytes *scratch; /* topics of the frame being handled */
	size_t n_scratch;

	struct table requests;            /* struct request, by request id */
	struct instant requests_deadline; /* at or before the earliest one */
	uint64_t last_request_id;
	struct table questions; /* struct question, by the daemon's id */
	struct client_stats_queue stats_requests;

	struct instant heard_at;  /* when bytes came last */
	struct instant pinged_at; /* never, if no PING awaits an answer */
	int64_t ping_interval_ms;
	struct client_previous previous;

	/* Of the last WELCOME; before the first one, limits that all pass. */
	uint64_t welcome_id;
	int64_t epoch_ms;
	char server[CLIENT_SERVER_MAX + 1];
	uint32_t max_frame, max_topic;
	bool takes_requests, takes_stats, takes_failures;

	unsigned n_attempts;    /* that failed in a row */
	int64_t retry_after_ms; /* of GOODBYE */
	uint64_t random;
	uint64_t n_sent;     /* messages that this connection has begun */
	uint64_t n_doubtful; /* messages of connections that ended badly */
	int last_why;        /* why the last connection or attempt ended */

	void (*on_change)(struct pm2a *p, void *arg);
	void *change_arg;
	struct client_interest told;
	struct pm2a_stats stats;
};

#endif
