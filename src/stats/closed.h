/*
 * closed - the last connections that ended, and why: a ring for `--stats
 * closed`. The ring owns copies of names.
 */
#ifndef PM2A_STATS_CLOSED_H
#define PM2A_STATS_CLOSED_H

#include <stddef.h>
#include <stdint.h>

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
	uint64_t queue_peak_bytes;
	const char *reason;              /* static */
	char name[CLOSED_NAME_SIZE];     /* empty before HELLO */
	char detail[CLOSED_DETAIL_SIZE]; /* the ERROR's message, or empty */
};

struct closed {
	struct closed_entry *ring; /* CLOSED_KEPT entries, or NULL */
	size_t next;
	size_t n;
};

/* The entry to overwrite: a free one, or else the oldest. */
struct closed_entry *closed_add(struct closed *closed);

/* Entry number i, newest first; i is less than closed->n. */
const struct closed_entry *closed_get(const struct closed *closed, size_t i);

/* The entry of the connection with this id, or NULL. */
const struct closed_entry *closed_find(
    const struct closed *closed, uint64_t id);

void closed_fini(struct closed *closed);

#endif
