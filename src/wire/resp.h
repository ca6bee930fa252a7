/*
 * resp - requests of Redis's protocol.
 *
 * Source: the specification of RESP2 and RESP3 at redis.io and, where that is
 * silent, the behaviour of redis-server 7, since clients depend on its words.
 * This module knows the form of a request, not the commands. The parser keeps
 * its position between calls, so input that arrives in pieces is parsed once;
 * it allocates by what has arrived, never by a declared length.
 */
#ifndef PM2A_WIRE_RESP_H
#define PM2A_WIRE_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RESP_LINE_MAX 65536 /* bytes of an inline request, or of a count */

struct resp_limits {
	size_t args_max;    /* arguments of a request, its name included */
	size_t bulk_max;    /* bytes of one argument */
	size_t request_max; /* bytes of a whole request */
	bool is_restricted; /* before authentication; changes the text of errors
			     */
};

struct resp_arg {
	const uint8_t *data;
	size_t len;
};

/* The position in a request. Zeroed is before the first. */
struct resp_parser {
	size_t at;         /* bytes of the request parsed so far */
	int64_t n_left;    /* arguments to come, -1 before the count */
	int64_t bulk;      /* bytes of the next one, -1 before its length */
	struct resp_span { /* arguments so far */
		size_t off, len;
	} * spans;
	size_t n, size;
	bool is_over;   /* over request_max: dropped */
	uint64_t skip;  /* bytes of its current argument to come */
	uint8_t *words; /* words of an inline request, unquoted; or NULL */
	size_t words_len;
	char error[64]; /* on RESP_BAD: redis-server's text */
};

enum resp_verdict {
	RESP_READY, /* a whole request, perhaps an empty one */
	RESP_OVER,  /* a whole request, over request_max; it has no arguments */
	RESP_SHORT, /* more bytes are needed */
	RESP_BAD,   /* not a request, or over another limit: see `error` */
	RESP_FAULT, /* -ENOMEM happened */
};

void resp_parser_init(struct resp_parser *parser);
void resp_parser_fini(struct resp_parser *parser);

/*
 * Parses the `len` bytes at `buf`, where a request begins: the bytes of the
 * previous call, perhaps at another address, and more; without those that
 * resp_parser_pass() took. On READY parser->at is the length of the request and
 * resp_parser_arg() returns its parser->n arguments; after that,
 * resp_parser_next() prepares for the next one.
 */
enum resp_verdict must_check resp_parse(struct resp_parser *parser,
    const struct resp_limits *limits, const uint8_t *buf, size_t len);

/* Returns argument `i`, which must exist, of the request at `buf`. */
struct resp_arg resp_parser_arg(
    const struct resp_parser *parser, const uint8_t *buf, size_t i);

/* Moves parser->spans of a whole request to the caller, which frees it. */
struct resp_span *resp_parser_take_spans(struct resp_parser *parser);

void resp_parser_next(struct resp_parser *parser);

/* On SHORT, returns how many bytes, from the beginning, need not be passed
 * again. */
size_t resp_parser_pass(struct resp_parser *parser);

/* Reads a decimal number as redis-server does, for lengths and arguments: no
 * plus, no leading zero, no blank, at most 18 digits. Returns false if it is
 * not one. */
bool must_check resp_read_number(struct resp_arg text, int64_t *out);

/* On SHORT, returns the minimum size of the request, or 0 if unknown. */
size_t resp_parser_want(const struct resp_parser *parser);

#endif
