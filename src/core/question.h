/*
 * question - the words of asking: how answers are gathered, what an answer
 * says, how a question ends. Plain data, which the registry of open questions,
 * the broker and the edges share; docs/PROTOCOL.md says what each means.
 */
#ifndef PM2A_CORE_QUESTION_H
#define PM2A_CORE_QUESTION_H

#include <stddef.h>
#include <stdint.h>

enum request_gather {
	REQUEST_LIST,   /* every yes */
	REQUEST_UNION,  /* strings, each once */
	REQUEST_FIRST,  /* the first yes, which ends it */
	REQUEST_STREAM, /* nothing: answers go on to the asker */
	REQUEST_N_GATHERS,
};

enum request_verdict {
	REQUEST_NO,
	REQUEST_YES,
	REQUEST_MORE, /* a part; the debt stands. REQUEST_STREAM alone */
	REQUEST_N_VERDICTS,
};

enum request_outcome {
	REQUEST_OPEN,
	REQUEST_COMPLETE, /* nobody owes an answer */
	REQUEST_FOUND,    /* REQUEST_FIRST: somebody said yes */
	REQUEST_UNKNOWN,  /* REQUEST_FIRST: nobody did, and nobody owes */
	REQUEST_TIMEOUT,  /* the deadline came first */
	REQUEST_FULL,     /* the answers were more than gather_max_bytes */
	REQUEST_N_OUTCOMES,
};

enum request_error {
	REQUEST_E_LATE = 1, /* the question has ended */
	REQUEST_E_DOUBLED,  /* it has been answered by the same owner */
	REQUEST_E_FOREIGN,  /* the owner was not asked, or there was none */
	REQUEST_E_VERDICT,  /* REQUEST_MORE where it can't be */
};

/* Of what one owes. */
enum debt_state {
	DEBT_OWED,
	DEBT_PAID,
	DEBT_LEFT,      /* its owner has gone */
	DEBT_LATE,      /* the deadline came first */
	DEBT_TOO_BIG,   /* the answer was */
	DEBT_DISMISSED, /* the question ended without it */
};

/* What is asked. */
struct request_spec {
	int64_t ask_id;
	enum request_gather gather;
	int64_t timeout_ms; /* at least 1 */
	const void *scope;  /* see request_release(); NULL: none */
	size_t gather_max_bytes;
	int64_t asked_us;  /* kept for who asks */
	const void *label; /* what it is called in statistics */
	size_t label_len;
};

struct answer {
	uint64_t question; /* the request's id */
	enum request_verdict verdict;
	const void *bytes;
	size_t len;
	/* REQUEST_UNION: what bytes holds. */
	const struct answer_string {
		const void *bytes;
		size_t len;
	} * strings;
	size_t n_strings;
};

#endif
