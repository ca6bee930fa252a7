/*
 * client - struct pm2a, as the files of this layer share it.
 *
 * options judges what the caller wants, connection has the life of a
 * connection, dispatch the turns of it, interest what the caller's loop is to
 * watch, frames says what arrives to the caller, missed what did not, asks has
 * the questions of both sides, result what comes of them, publish and emit what
 * goes out, limits how much of it, and pm2a the rest of the API. All of it runs
 * in calls of the caller, and the socket is touched in pm2a_dispatch() alone.
 */
#ifndef PM2A_CLIENT_CLIENT_H
#define PM2A_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/interest.h"
#include "client/missed.h"
#include "client/options.h"
#include "client/outbox.h"
#include "client/table.h"
#include "client/topics.h"
#include "pm2a.h"

#define CLIENT_SERVER_MAX 64
#define CLIENT_TOPIC_MAX 65500 /* leaves room for a head in a topic field */

/* What is taken for max_frame until the first WELCOME has told it. */
#define CLIENT_INPUT_UNTOLD (1u << 20)

enum client_state {
	CLIENT_WAITING,  /* no fd; until the next attempt */
	CLIENT_GREETING, /* HELLO is sent */
	CLIENT_JOINING,  /* WELCOME has come; the subscriptions are sent */
	CLIENT_OPEN,     /* and in force */
	CLIENT_LEAVING, /* our side is closed, or will be when all is written */
	CLIENT_CLOSED,  /* for good */
};

struct client_input {
	uint8_t *data;
	size_t len, size;
};

struct pm2a {
	struct options options;
	enum client_state state;
	int fd; /* or -1 */
	struct instant
	    deadline; /* WAITING: of the next attempt; else of the state */
	struct instant closing_deadline; /* of pm2a_close() */
	bool is_closing;
	bool is_first;   /* no attempt was made yet */
	bool is_due;     /* something is to be done without an event */
	bool is_blocked; /* the socket took no more */
	bool is_shut;    /* our side */
	bool is_dispatching;
	bool is_announced; /* on_connect was called, on_disconnect was not */
	bool is_stopped;   /* pm2a_run() is to return */
	bool is_doomed;    /* pm2a_free() was called in a callback */
	bool is_finishing; /* pm2a_finish() is at work, and frees what is doomed
			    */

	struct outbox out;     /* for this connection */
	struct outbox waiting; /* for the next one */
	struct client_input in;
	struct topics topics;
	struct pm2a_bytes *scratch; /* topics of the message at hand */
	size_t n_scratch;

	struct table asks;            /* questions of ours: struct ask */
	struct instant asks_deadline; /* not later than the first of them */
	struct table questions;       /* that we owe an answer */
	uint64_t last_ask_id;

	struct instant heard_at, pinged_at;
	bool is_pinged; /* a PING is out, and nothing has come since */
	int64_t ping_interval_ms;
	struct missed missed;
	uint64_t welcome_id;
	int64_t epoch_ms;
	char server[CLIENT_SERVER_MAX + 1];
	bool knows_limits; /* the next three are those of the last WELCOME */
	uint32_t max_frame, max_topic;
	bool can_ask;

	unsigned n_attempts; /* that failed in a row */
	int64_t retry_after_ms;
	uint64_t random;
	bool has_sent;    /* messages, on this connection */
	bool is_doubtful; /* messages may have got lost with a connection */
	int last_why;     /* why the last connection or attempt ended */

	void (*on_change)(struct pm2a *p, void *arg);
	void *change_arg;
	struct interest told;
	struct pm2a_stats stats;
};

/* Frees p, outside of any dispatch. */
void client_destroy(struct pm2a *p);

#endif
