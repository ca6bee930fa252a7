/*
 * reply - frames to sessions, and refusals.
 *
 * Refusals come in two kinds. A frame that only a broken client sends ends the
 * connection, with an ERROR that gives the reason. A frame that an
 * application's data can lead to (a room name that is too long, an emit that is
 * too large) is refused and counted, and the connection stays open: users'
 * input must not cut a worker off.
 */
#ifndef PM2A_EDGE_NATIVE_REPLY_H
#define PM2A_EDGE_NATIVE_REPLY_H

#include "edge/native/session.h"

/* Sends a frame, after the answers to the session's staged frames. */
void reply_send(struct session *session, const struct slice *frame);

/* Sends the frame that has been written to native->out, and empties it. */
void reply_send_out(struct session *session);

/* Returns what is in native->out, and empties it. */
struct blob *reply_take_out(struct session *session);

/* Sends a frame in `n` parts. */
void reply_send_parts(
    struct session *session, const struct slice *parts, size_t n);

/* Ends the session with an ERROR that gives the reason. */
void reply_fail(struct session *session, const struct conn_cause *cause,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Answers the first bytes of a session that is_unwelcome. The client closes the
 * connection: if the daemon did, a client that is still writing could lose the
 * answer.
 */
void reply_tell_unwelcome(struct session *session);

/* Ends a session that is_unwelcome, with an ERROR unless it has had one. */
void reply_turn_away(struct session *session);

/* Answers with an ERROR; the session stays open. */
void reply_refuse(struct session *session, enum refusal why, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Answers an ASK with an ERROR, which ends the request; or another frame, if
 * `ask_id` is -1. */
void reply_refuse_request(struct session *session, enum refusal why,
    int64_t ask_id, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
