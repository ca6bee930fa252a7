/*
 * reply - the daemon's frames, for its clients.
 *
 * Reads the bodies of WELCOME, QUESTION, RESULT, PART, PRESENCE, ERROR and
 * GOODBYE as in docs/PROTOCOL.md. Nothing is allocated or copied: texts and
 * payloads point into the body, unterminated. A body is checked as a whole
 * before any of it is returned. The caller knows its open requests, and whether
 * the daemon may send the frame now.
 */
#ifndef PM2A_WIRE_REPLY_H
#define PM2A_WIRE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/question.h"

enum reply_error {
	REPLY_E_MALFORMED = 1, /* not what the type wants */
};

/* Bytes of the body. */
struct reply_text {
	const char *data;
	size_t len;
};

/* How the connection before has ended. */
struct reply_ending {
	struct reply_text reason; /* empty: not told */
	uint64_t n_unwritten;     /* bytes */
	uint64_t n_messages;      /* of them */
	uint64_t since_ms; /* from the oldest of them, or the end, to now */
};

struct reply_welcome {
	struct reply_text server;
	uint64_t id;
	int64_t epoch_ms;
	uint32_t max_frame, max_topic; /* bytes; at least 1 */
	int64_t ping_interval_ms;      /* 0: never */
	bool has_requests;             /* the feature `ask` */
	bool has_failures;             /* the feature `failed` */
	bool has_stats;                /* the feature `stats` */
	struct reply_ending previous;
};

struct reply_question {
	uint64_t id;
	struct reply_text payload;
	struct reply_text gather;
};

struct reply_part {
	uint64_t ask_id;
	uint64_t from; /* the connection that answered */
	struct reply_text payload;
};

struct reply_presence {
	bool joined;
	uint64_t id;
	struct reply_text name;
	uint32_t count;
};

struct reply_refusal {
	struct reply_text code, message;
	bool fatal;
	bool has_ask_id; /* it ends that question */
	uint64_t ask_id;
};

struct reply_goodbye {
	struct reply_text reason;
	int64_t retry_after_ms; /* at least 0 */
};

struct reply_result {
	uint64_t ask_id;
	enum outcome outcome;
	uint32_t expected, answered;
	uint32_t n_missing, n_answers;
	struct bytes missing, answers; /* for the functions below */
};

struct reply_missing {
	uint64_t id;
	struct reply_text name, reason;
};

/* Of `union`, id is 0, name is empty and payload is one of the strings. */
struct reply_answer {
	uint64_t id;
	struct reply_text name;
	struct reply_text payload;
};

/* Each reads a body of len bytes, which must outlive *out. Returns 0 or
 * REPLY_E_MALFORMED. */
int must_check reply_read_welcome(
    const void *body, size_t len, struct reply_welcome *out);
int must_check reply_read_question(
    const void *body, size_t len, struct reply_question *out);
int must_check reply_read_part(
    const void *body, size_t len, struct reply_part *out);
int must_check reply_read_presence(
    const void *body, size_t len, struct reply_presence *out);
int must_check reply_read_refusal(
    const void *body, size_t len, struct reply_refusal *out);
int must_check reply_read_goodbye(
    const void *body, size_t len, struct reply_goodbye *out);
int must_check reply_read_result(
    const void *body, size_t len, struct reply_result *out);

/* The next of n_missing, and of n_answers. Not to be called more often than
 * there are any. */
struct reply_missing reply_next_missing(struct reply_result *result);
struct reply_answer reply_next_answer(struct reply_result *result);

#endif
