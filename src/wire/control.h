/*
 * control - the bodies of control frames as structs.
 *
 * Reads the frames of clients (HELLO, STATS) and writes the daemon's (WELCOME,
 * PRESENCE, ERROR, GOODBYE) as in docs/PROTOCOL.md, and explains errors of a
 * body in words. Strings in decoded structs are copies, so that nothing points
 * into a freed tree.
 */
#ifndef PM2A_WIRE_CONTROL_H
#define PM2A_WIRE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/msg.h"

#define CONTROL_PROTOCOL 1
#define CONTROL_NAME_MAX 128
#define CONTROL_CLIENT_MAX 64
#define CONTROL_KEY_MAX 256
#define CONTROL_SCRIPT_MAX 1024

#define CONTROL_ROWS_DEFAULT 100
#define CONTROL_ROWS_MAX 1000
#define CONTROL_SORT_MAX 32 /* bytes */

enum control_error {
	CONTROL_E_BODY = 1, /* not the msgpack of its type */
	CONTROL_E_FIELD, /* a key is missing, of another type or out of range */
	CONTROL_E_VERSION, /* another protocol */
	CONTROL_E_SECTION, /* STATS: an unknown section */
};

/* The reason for refusing a body, for the message of an ERROR. */
struct control_why {
	char text[160];
};

enum control_role { CONTROL_MEMBER, CONTROL_EMITTER, CONTROL_OBSERVER };

/* The client's previous connection. */
struct control_previous {
	int64_t epoch_ms;
	uint64_t id; /* 0: none, or unknown */
};

struct control_hello {
	char name[CONTROL_NAME_MAX + 1];
	char client[CONTROL_CLIENT_MAX + 1];
	char key[CONTROL_KEY_MAX + 1];
	char script[CONTROL_SCRIPT_MAX + 1];
	enum control_role role;
	int64_t pid;   /* 0: not given */
	int64_t pm_id; /* -1: not given */
	struct control_previous previous;
};

/* "member", "emitter", "observer". */
const char *control_role_name(enum control_role role);

/* Reads HELLO's body. Returns 0, CONTROL_E_* (with *why) or -ENOMEM. */
int must_check control_read_hello(const void *body, size_t len,
    struct control_hello *out, struct control_why *why);

enum control_section {
	CONTROL_OVERVIEW,
	CONTROL_CLIENTS,
	CONTROL_TOPICS,
	CONTROL_REQUESTS,
	CONTROL_CLOSED,
	CONTROL_SLOW,
	CONTROL_CONFIG,
	CONTROL_N_SECTIONS,
};

struct control_stats {
	bool wanted[CONTROL_N_SECTIONS];
	uint32_t n_rows;                 /* maximum rows of a section */
	char sort[CONTROL_SORT_MAX + 1]; /* a column; empty: none */
};

const char *control_section_name(enum control_section section);

/* Reads STATS's body. Returns 0, CONTROL_E_* (with *why) or -ENOMEM. */
int must_check control_read_stats(const void *body, size_t len,
    struct control_stats *out, struct control_why *why);

/* The end of the previous connection. */
struct control_ending {
	const char *reason;
	uint64_t n_unwritten; /* bytes */
	uint64_t n_messages;  /* of them */
	int64_t since_ms;     /* ms from the oldest of them, or the end, to now;
			       * -1: unknown */
};

struct control_welcome {
	const char *server;
	uint64_t id;
	int64_t epoch_ms;
	uint32_t max_frame;
	uint32_t max_topic;
	int64_t ping_interval_ms;
	const struct control_ending *previous; /* NULL if HELLO named none */
	bool has_handles;                      /* the feature `handles` */
};

struct control_presence {
	const void *topic;
	size_t topic_len;
	bool joined;
	uint64_t id;
	const char *name;
	uint32_t count;
};

/* Each appends one whole frame to `w`, whose fault is set on -ENOMEM. */
void control_write_welcome(
    struct msg_writer *w, const struct control_welcome *welcome);
void control_write_presence(
    struct msg_writer *w, const struct control_presence *presence);
void control_write_error(
    struct msg_writer *w, const char *code, const char *message, bool fatal);
/* An ERROR that only ends a request. */
void control_write_ask_error(struct msg_writer *w, const char *code,
    const char *message, int64_t ask_id);
void control_write_goodbye(
    struct msg_writer *w, const char *reason, int64_t retry_after_ms);

/*
 * control_begin() reserves room for the header of a frame without a topic and
 * returns the frame's offset. The caller then appends the body, and
 * control_end() writes the header.
 */
size_t control_begin(struct msg_writer *w);
void control_end(struct msg_writer *w, size_t start, uint8_t type);

#endif
