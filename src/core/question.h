/*
 * question - plain data that the registry of open requests, the broker and the
 * edges share. docs/PROTOCOL.md defines the meaning.
 */
#ifndef PM2A_CORE_QUESTION_H
#define PM2A_CORE_QUESTION_H

#include "base/blob.h"
#include <stddef.h>
#include <stdint.h>

#include "base/question.h"

enum request_error {
	REQUEST_E_LATE = 1, /* the request has ended */
	REQUEST_E_DOUBLED,  /* it has been answered by the same owner */
	REQUEST_E_FOREIGN,  /* no question of the owner has that id */
	REQUEST_E_VERDICT,  /* VERDICT_MORE is not allowed here */
};

/* Of what one owes. */
enum debt_state {
	DEBT_OWED,
	DEBT_PAID,
	DEBT_LEFT,        /* its owner has gone */
	DEBT_LATE,        /* the deadline came first */
	DEBT_TOO_BIG,     /* the answer was */
	DEBT_UNENCODABLE, /* likewise, for its form */
	DEBT_FAILED,      /* there is none, for another reason */
	DEBT_DISMISSED,   /* the request ended without it */
};

/* How a request is opened. */
struct request_spec {
	int64_t ask_id;
	enum gather gather;
	int64_t timeout_ms; /* at least 1 */
	const void *scope;  /* see request_release(); NULL: none */
	size_t gather_max_bytes;
	uint64_t parts_max_bytes; /* of a stream; 0: no limit */
	int64_t opened_us;        /* kept for the asker */
	const void *label;        /* its name in statistics */
	size_t label_len;
};

struct answer {
	uint64_t question; /* the request's id */
	enum verdict verdict;
	enum debt_state failure; /* VERDICT_FAILED: of the debt */
	const void *bytes;
	size_t len;
	struct blob *blob; /* that `bytes` are in; NULL: they are copied */
	/* GATHER_UNION: the strings in `bytes`. */
	const struct answer_string {
		const void *bytes;
		size_t len;
	} * strings;
	size_t n_strings;
};

#endif
