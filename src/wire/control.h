/*
 * control - the bodies of control frames as structs.
 *
 * Reads what clients send (HELLO, STATS), writes what the daemon sends
 * (WELCOME, PRESENCE, ERROR, GOODBYE), as docs/PROTOCOL.md lays down, and says
 * in words what is wrong with a body. Strings in decoded structs are copies, so
 * that nothing points into a tree that is gone.
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
	CONTROL_E_BODY = 1, /* not the msgpack that the type wants */
	CONTROL_E_FIELD,   /* a key is missing, of another type, out of range */
	CONTROL_E_VERSION, /* another protocol */
	CONTROL_E_SECTION, /* STATS: a section that isn't known */
};

/* Why a body was refused, for the message of an ERROR. */
struct control_why {
	char text[160];
};

enum control_role { CONTROL_MEMBER, CONTROL_EMITTER, CONTROL_OBSERVER };

/* Which connection a client had before. */
struct control_previous {
	int64_t epoch_ms;
	uint64_t id; /* 0: it had none, or doesn't say */
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
	uint32_t n_rows;                 /* a section's rows at most */
	char sort[CONTROL_SORT_MAX + 1]; /* a column; empty: none */
};

const char *control_section_name(enum control_section section);

/* Reads STATS's body. Returns 0, CONTROL_E_* (with *why) or -ENOMEM. */
int must_check control_read_stats(const void *body, size_t len,
    struct control_stats *out, struct control_why *why);

/* How the connection before has ended. */
struct control_ending {
	const char *reason;
	uint64_t n_unwritten; /* bytes */
};

struct control_welcome {
	const char *server;
	uint64_t id;
	int64_t epoch_ms;
	uint32_t max_frame;
	uint32_t max_topic;
	int64_t ping_interval_ms;
	const struct control_ending *previous; /* NULL: HELLO named none */
};

struct control_presence {
	const void *topic;
	size_t topic_len;
	bool joined;
	uint64_t id;
	const char *name;
	uint32_t count;
};

/* Each appends one whole frame to w; msg_writer says whether memory was had. */
void control_write_welcome(
    struct msg_writer *w, const struct control_welcome *welcome);
void control_write_presence(
    struct msg_writer *w, const struct control_presence *presence);
void control_write_error(
    struct msg_writer *w, const char *code, const char *message, bool fatal);
/* An ERROR that ends a question, and nothing else. */
void control_write_ask_error(struct msg_writer *w, const char *code,
    const char *message, int64_t ask_id);
void control_write_goodbye(
    struct msg_writer *w, const char *reason, int64_t retry_after_ms);

/*
 * control_begin() leaves room for the header of a frame without a topic;
 * the caller then puts the body, and control_end() fills the header in.
 * Returns where the frame begins.
 */
size_t control_begin(struct msg_writer *w);
void control_end(struct msg_writer *w, size_t start, uint8_t type);

#endif
