/*
 * client - struct pm2a, as the files of this layer share it.
 *
 * options judges what the caller wants, connection has the life of a
 * connection, dispatch the turns of it, interest what the caller's loop is to
 * watch, frames says what arrives to the caller, asks has the questions of both
 * sides, result what comes of them, and pm2a the rest of the API. All of it
 * runs in calls of the caller, and the socket is touched in pm2a_dispatch()
 * alone.
 */
#ifndef PM2A_CLIENT_CLIENT_H
#define PM2A_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/outbox.h"
#include "client/table.h"
#include "client/topics.h"
#include "pm2a.h"
#include "wire/ask.h"
#include "wire/frame.h"
#include "wire/reply.h"

#define CLIENT_SOCKET_MAX 107 /* sun_path, less its zero */
#define CLIENT_NAME_MAX 128
#define CLIENT_KEY_MAX 256
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

struct client_options {
	char socket[CLIENT_SOCKET_MAX + 1];
	char name[CLIENT_NAME_MAX + 1];
	char key[CLIENT_KEY_MAX + 1];
	enum pm2a_role role;
	size_t queue_max_bytes;
	int64_t pm_id; /* -1: none */
	int64_t reconnect_min_ms, reconnect_max_ms, connect_timeout_ms;
	struct pm2a_callbacks callbacks;
	void *user;
};

struct client_input {
	uint8_t *data;
	size_t len, size;
};

/* What the caller's event loop was told last. */
struct client_interest {
	int fd;
	short events;
	int64_t deadline_ms;
};

struct pm2a {
	struct client_options options;
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
	struct client_interest told;
	struct pm2a_stats stats;
};

/* Judges and copies. Returns 0 or PM2A_E_ARGUMENT. */
int must_check client_options_read(
    const struct pm2a_options *options, struct client_options *out);

/* Whether frames may be sent now, and whether they may soon. */
bool client_can_send(const struct pm2a *p);
bool client_is_trying(const struct pm2a *p);

/* The earliest of all deadlines. */
struct instant client_deadline(const struct pm2a *p);

/* When the daemon has been silent for too long to go on so. */
struct instant client_ping_deadline(const struct pm2a *p);

/* Tells the caller's event loop where its interest has changed; in a dispatch
 * not before its end. */
void client_tell_interest(struct pm2a *p);

/* Something is to be done by the next dispatch, without an event. */
void client_set_due(struct pm2a *p);

/* Closes the fd. */
void client_close_socket(struct pm2a *p);

/* Frees p, outside of any dispatch. */
void client_destroy(struct pm2a *p);

/* Bytes that wait to be sent. */
size_t client_queued_bytes(const struct pm2a *p);

/* Whether a frame of that size may not wait with the others. */
bool client_is_full(const struct pm2a *p, size_t size);

/* Whether the daemon would refuse a frame of that size. */
bool client_is_too_big(const struct pm2a *p, size_t size);

/* The topic field of one topic, or of several. */
struct client_topic {
	struct ask_bytes field;
	uint8_t flags;
	struct msg_writer w;
};

/* Returns 0, with client_topic_fini() due, PM2A_E_TOO_BIG or -ENOMEM. */
int must_check client_topic_init(
    struct client_topic *out, const struct pm2a_bytes *topics, size_t n);
void client_topic_fini(struct client_topic *topic);

/* Whether the daemon takes topics of these lengths, as far as that is known.
 * Returns 0 or PM2A_E_TOO_BIG. */
int must_check client_check_topics(
    const struct pm2a *p, const struct pm2a_bytes *topics, size_t n);

/* Sends a frame of the connection's own: what the writer holds, whose memory is
 * freed. Returns 0 or -ENOMEM. */
int must_check client_send(struct pm2a *p, struct msg_writer *w);

/* Counts messages that are dropped. */
void client_count_lost(struct pm2a *p, const struct outbox_loss *lost);

/* Something has come that no daemon sends: counts it, and ends. */
void client_end_malformed(struct pm2a *p, const char *text);

/*
 * Ends the connection, or the attempt: why and text as for on_disconnect().
 * Tells the caller, and waits for the next attempt, or is closed.
 */
void client_end(struct pm2a *p, int why, const char *text);

/* The same, for an error of the socket. */
void client_end_by_errno(struct pm2a *p, int error);

/* Makes an attempt to connect. Returns 0 or -ENOMEM. */
int must_check client_start(struct pm2a *p, struct instant now);

/* WELCOME has come: sends all that is due. Returns 0 or -ENOMEM. */
int must_check client_join(struct pm2a *p);

/* The PONG behind the subscriptions has come. */
void client_is_joined(struct pm2a *p);

/* GOODBYE has come. */
void client_leave(struct pm2a *p, int64_t retry_after_ms);

/*
 * What a frame means; the frame is in the input. May end the connection.
 * Returns 0 or -ENOMEM.
 */
int must_check client_on_frame(struct pm2a *p, const struct frame *f);

/* Ends all open questions of ours: those that were sent with this error, the
 * others with that. */
void client_end_asks(struct pm2a *p, int sent, int unsent);

/* Questions of ours that waited for a connection are on their way. */
void client_ask_is_sent(struct pm2a *p, uint64_t id, struct instant now);

/* Ends those whose deadline has come. */
void client_expire_asks(struct pm2a *p, struct instant now);

/* Ends one that can't be sent. */
void client_refuse_ask(
    struct pm2a *p, uint64_t id, int error, const char *refusal);

/* RESULT and PART. Returns 0 or -ENOMEM. */
int must_check client_on_result(struct pm2a *p, struct reply_result *reply);
void client_on_part(struct pm2a *p, const struct reply_part *part);

/* QUESTION: notes it and asks the caller. Returns 0 or -ENOMEM. */
int must_check client_on_question(
    struct pm2a *p, const struct pm2a_question *question);

/* Questions that we owe end with their connection. */
void client_forget_questions(struct pm2a *p);

/* "list" and so on, and back; false where there is none of that name. */
const char *client_gather_name(enum pm2a_gather gather);
bool client_gather_find(const struct reply_text *name, enum pm2a_gather *out);

#endif
