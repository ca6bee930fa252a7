/*
 * slow - the last turns of the loop and requests that took longer than the
 * configured time: a ring for `--stats slow`. The ring owns copies of names.
 */
#ifndef PM2A_STATS_SLOW_H
#define PM2A_STATS_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOW_KEPT 128
#define SLOW_NAME_SIZE 65
#define SLOW_MISSING_SIZE 193

/* Fields of the other kind are 0 or empty. */
struct slow_entry {
	bool is_question;
	int64_t wall_ms; /* when it ended, milliseconds since 1970 */
	int64_t took_us;
	/* Of a turn: its work. */
	int64_t messages;
	int64_t deliveries;
	int64_t bytes_in;
	int64_t bytes_out;
	/* Of a question. */
	int64_t asker_id;
	char asker[SLOW_NAME_SIZE];
	char topic[SLOW_NAME_SIZE]; /* the first one, cut */
	const char *gather;         /* static */
	const char *outcome;        /* static */
	int64_t expected;
	int64_t answered;
	char missing[SLOW_MISSING_SIZE]; /* their names, with commas, cut */
};

struct slow {
	struct slow_entry *ring; /* SLOW_KEPT entries, or NULL */
	size_t next;
	size_t n;
};

/* The entry to overwrite, emptied: a free one, or else the oldest. */
struct slow_entry *slow_add(struct slow *slow);

/* Entry number i, newest first; i is less than slow->n. */
const struct slow_entry *slow_get(const struct slow *slow, size_t i);

/* The entry as one line of key=value for the log; text of peers is quoted.
 * Returns out. */
const char *slow_line(const struct slow_entry *entry, char *out, size_t size);

void slow_fini(struct slow *slow);

#endif
