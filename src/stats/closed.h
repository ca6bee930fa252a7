/*
 * closed - how connections end, for all edges: the log line, the ring behind
 * `--stats closed`, and a counter for each cause, all from one note, so that
 * they agree. The ring owns copies of names.
 */
#ifndef PM2A_STATS_CLOSED_H
#define PM2A_STATS_CLOSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/conn.h"

#define CLOSED_KEPT 256
#define CLOSED_NAME_SIZE 129
#define CLOSED_DETAIL_SIZE 161

struct closed_entry {
	uint64_t id;     /* 0 when it ended before HELLO was through */
	int64_t wall_ms; /* when, milliseconds since 1970 */
	int64_t age_ms;  /* how long it was connected */
	int64_t pid;
	int64_t uid;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t queue_bytes; /* that waited at the end, and are lost */
	uint64_t n_unwritten; /* messages of them, if the edge counts them */
	struct instant lost_since; /* of the oldest of them, or of the end */
	uint64_t queue_peak_bytes;
	const char *reason;              /* static */
	char name[CLOSED_NAME_SIZE];     /* empty before HELLO */
	char detail[CLOSED_DETAIL_SIZE]; /* the ERROR's message, or empty */
};

struct closed {
	struct closed_entry *ring; /* CLOSED_KEPT entries, or NULL */
	size_t next;
	size_t n;
	/* Counters, by the names of causes: two edges may have the same. */
	struct closed_counter {
		const char *reason;
		uint64_t n;
	} * counters;
	size_t n_counters;
};

/* An edge's description of a connection that ends. Texts are borrowed. */
struct closed_note {
	const char *event; /* of the log line: "conn-closed" */
	const struct conn *conn;
	struct instant now;
	uint64_t id;      /* 0 if the client was never admitted */
	const char *name; /* or NULL, or empty */
	int64_t pid;
	int64_t uid;
	const char *detail;   /* of the error that ends it, or NULL */
	uint64_t n_unwritten; /* messages that waited at the end */
	bool is_quiet;        /* an orderly end is logged at the level debug */
	bool is_unkept;       /* an end by eof is not kept in the ring */
};

/* Adds a counter of 0 for each cause of the list, which ends with NULL. */
void closed_register(
    struct closed *closed, const struct conn_cause *const *causes);

/* Logs, counts and keeps the end of note->conn, to be called from its
 * ops->gone. A detail that is missing is the limit that has cut it. */
void closed_note(struct closed *closed, const struct closed_note *note);

/* Keeps a copy of `entry`, in the place of the oldest if the ring is full. */
void closed_keep(struct closed *closed, const struct closed_entry *entry);

/* Counts the end of a connection, and neither logs nor keeps it. */
void closed_count(struct closed *closed, const struct conn *conn);

/* How many connections have ended with this cause. */
uint64_t closed_n(const struct closed *closed, const struct conn_cause *cause);

/* Entry number i, newest first; i is less than closed->n. */
const struct closed_entry *closed_get(const struct closed *closed, size_t i);

/* The entry of the connection with this id, or NULL. */
const struct closed_entry *closed_find(
    const struct closed *closed, uint64_t id);

void closed_fini(struct closed *closed);

#endif
