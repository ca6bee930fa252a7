/*
 * question - the terms of requests and questions, with the values and the names
 * that docs/PROTOCOL.md gives them.
 *
 * A request is what an asker opens; a question is what one worker is asked; an
 * answer settles a debt; a result ends the request. Every layer uses these
 * enums, so that nothing is mapped between them.
 */
#ifndef PM2A_BASE_QUESTION_H
#define PM2A_BASE_QUESTION_H

#include <stdbool.h>
#include <stddef.h>

/* How the answers to a request are gathered. */
enum gather {
	GATHER_LIST,   /* each yes */
	GATHER_UNION,  /* strings, each once */
	GATHER_FIRST,  /* the first yes, which ends the request */
	GATHER_STREAM, /* nothing: answers go on to the asker */
	N_GATHERS,
};

/* The verdict of an answer. */
enum verdict {
	VERDICT_NO,
	VERDICT_YES,
	VERDICT_MORE,   /* a part; the debt stands. GATHER_STREAM alone */
	VERDICT_FAILED, /* no answer can be given; the payload is the reason */
	N_VERDICTS,
};

/* How a request ends. */
enum outcome {
	OUTCOME_OPEN,     /* the request has not ended */
	OUTCOME_COMPLETE, /* no answer is owed any more */
	OUTCOME_FOUND,    /* GATHER_FIRST: an answer was a yes */
	OUTCOME_UNKNOWN,  /* GATHER_FIRST: no answer was a yes */
	OUTCOME_TIMEOUT,  /* the deadline came first */
	OUTCOME_FULL,     /* the answers exceeded a limit: refused, no RESULT */
	N_OUTCOMES,
};

/* "list", "union", "first" or "stream". */
const char *gather_name(enum gather gather);

/* "complete", "found", "unknown" or "timeout"; NULL for the others. */
const char *outcome_name(enum outcome outcome);

/* Finds a value by its name of `len` bytes. Returns false if there is none. */
bool gather_find(const char *name, size_t len, enum gather *out);
bool outcome_find(const char *name, size_t len, enum outcome *out);

#endif
