/*
 * clients - the table of clients of STATS: one row for each connection, of
 * whatever protocol, in the same columns.
 */
#ifndef PM2A_STATS_CLIENTS_H
#define PM2A_STATS_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/member.h"
#include "net/conn.h"
#include "net/listen.h"
#include "wire/msg.h"

/* Strings are borrowed and never NULL. */
struct client_row {
	int64_t id;
	const char *name;
	int64_t pid;
	int64_t uid;
	int64_t pm_id; /* -1: none, which is shown as nil */
	const char *role;
	const char *client;
	const char *key;
	const char *script;
	int64_t age_ms;
	int64_t messages_in;
	int64_t messages_out;
	int64_t bytes_in;
	int64_t bytes_out;
	int64_t queue_bytes;
	int64_t queue_peak_bytes;
	int64_t subscriptions;
	int64_t asked;
	int64_t asked_open;
	int64_t questions;
	int64_t questions_owed;
	int64_t drops;
	int64_t errors;
};

/* Returns a row with the fields that every connection has; the rest is empty.
 */
struct client_row rows_client(const struct conn *conn,
    const struct member *member, const struct peer *peer, struct instant now);

/*
 * Rows that grow one by one; free `at`. With `max`, only the first so many in
 * the order of `sort` (a column, or NULL: as they come) are kept, and up to
 * twice as many until rows_trim().
 */
struct client_rows {
	struct client_row *at;
	size_t n, size, max;
	const char *sort;
	bool is_trimmed; /* at[max - 1] is the last one that is kept */
};

/* Sorts the rows, and drops those beyond `max`. */
void rows_trim(struct client_rows *rows);

/* Appends a copy of row to rows, a struct client_rows: as native_each_client()
 * calls it. */
void rows_add(const struct client_row *row, void *rows);

/* Returns whether there is a column of this name. */
bool rows_has_column(const char *name);

/* Sorts by a column: numbers the largest first, texts in their order; equal
 * rows keep their order. */
void rows_sort(struct client_row *rows, size_t n, const char *column);

/* Puts one row as a map. */
void rows_put(struct msg_writer *w, const struct client_row *row);

#endif
