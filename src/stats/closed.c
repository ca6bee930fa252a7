#include "stats/closed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

void
closed_keep(struct closed *closed, const struct closed_entry *entry)
{
	if (closed->ring == NULL)
		closed->ring = xcalloc(CLOSED_KEPT, sizeof(*closed->ring));
	closed->ring[closed->next] = *entry;
	closed->next = (closed->next + 1) % CLOSED_KEPT;
	if (closed->n < CLOSED_KEPT)
		closed->n++;
}

static struct closed_counter *
counter(struct closed *closed, const char *reason)
{
	for (size_t i = 0; i < closed->n_counters; i++)
		if (strcmp(closed->counters[i].reason, reason) == 0)
			return &closed->counters[i];
	closed->counters = xreallocarray(closed->counters,
	    closed->n_counters + 1, sizeof(*closed->counters));
	closed->counters[closed->n_counters] =
	    (struct closed_counter){ .reason = reason };
	return &closed->counters[closed->n_counters++];
}

void
closed_register(struct closed *closed, const struct conn_cause *const *causes)
{
	for (; *causes != NULL; causes++)
		counter(closed, (*causes)->name);
}

void
closed_count(struct closed *closed, const struct conn *conn)
{
	counter(closed, conn_cause(conn)->name)->n++;
}

static const char *
detail_of(const struct closed_note *note)
{
	return note->detail == NULL || *note->detail == '\0'
		   ? conn_limit(note->conn)
		   : note->detail;
}

static struct closed_entry
entry_of(const struct closed_note *note)
{
	const struct conn_stats *stats = conn_stats(note->conn);
	struct closed_entry e = {
		.id = note->id,
		.wall_ms = clock_wall_ms(),
		.age_ms = note->now.ms - conn_since(note->conn).ms,
		.pid = note->pid,
		.uid = note->uid,
		.bytes_in = stats->bytes_in,
		.bytes_out = stats->bytes_out,
		.queue_bytes = stats->n_unwritten,
		.n_unwritten = note->n_unwritten,
		.lost_since =
		    instant_earlier(conn_oldest(note->conn), note->now),
		.queue_peak_bytes = stats->queue_peak,
		.reason = conn_cause(note->conn)->name,
	};

	snprintf(
	    e.name, sizeof(e.name), "%s", note->name == NULL ? "" : note->name);
	snprintf(e.detail, sizeof(e.detail), "%s", detail_of(note));
	return e;
}

static enum log_level
level_of(const struct closed_note *note)
{
	if (!conn_cause(note->conn)->is_orderly)
		return LOG_WARN;
	return note->is_quiet ? LOG_DEBUG : LOG_INFO;
}

void
closed_note(struct closed *closed, const struct closed_note *note)
{
	struct closed_entry e = entry_of(note);
	char name[CLOSED_NAME_SIZE * 4 + 3], detail[CLOSED_DETAIL_SIZE * 4 + 3];

	closed_count(closed, note->conn);
	if (!note->is_unkept || conn_cause(note->conn) != &conn_eof)
		closed_keep(closed, &e);
	log_line(level_of(note), note->event,
	    "id=%" PRIu64 " name=%s pid=%" PRId64 " reason=%s age_ms=%" PRId64
	    " bytes_in=%" PRIu64 " bytes_out=%" PRIu64 " queue_bytes=%" PRIu64
	    " detail=%s",
	    e.id, log_quote(name, sizeof(name), e.name, strlen(e.name)), e.pid,
	    e.reason, e.age_ms, e.bytes_in, e.bytes_out, e.queue_bytes,
	    log_quote(detail, sizeof(detail), e.detail, strlen(e.detail)));
}

uint64_t
closed_n(const struct closed *closed, const struct conn_cause *cause)
{
	for (size_t i = 0; i < closed->n_counters; i++)
		if (strcmp(closed->counters[i].reason, cause->name) == 0)
			return closed->counters[i].n;
	return 0;
}

const struct closed_entry *
closed_get(const struct closed *closed, size_t i)
{
	return &closed
		    ->ring[(closed->next + CLOSED_KEPT - 1 - i) % CLOSED_KEPT];
}

const struct closed_entry *
closed_find(const struct closed *closed, uint64_t id)
{
	for (size_t i = 0; i < closed->n; i++)
		if (closed_get(closed, i)->id == id)
			return closed_get(closed, i);
	return NULL;
}

void
closed_fini(struct closed *closed)
{
	free(closed->ring);
	free(closed->counters);
	*closed = (struct closed){ 0 };
}
