/*
 * resp - requests of Redis's protocol, and replies to them.
 *
 * Source: the specification of RESP2 and RESP3 at redis.io and, where that is
 * silent, what redis-server 7 does, since clients depend on its words. This
 * module knows what a request looks like, not which commands there are. The
 * parser keeps its place between calls, so what comes in pieces is looked at
 * once; it allocates by what has come, never by what was declared.
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
	size_t request_max; /* bytes of all of a request */
	bool is_restricted; /* before authentication: for the words of errors */
};

struct resp_arg {
	const uint8_t *data;
	size_t len;
};

/* The place in a request. Zeroed is before the first. */
struct resp_parser {
	size_t at;         /* bytes of the request that are understood */
	int64_t n_left;    /* arguments to come, or -1 before the count */
	int64_t bulk;      /* bytes of the next one, or -1 before its length */
	struct resp_span { /* arguments that have come */
		size_t off, len;
	} * spans;
	size_t n, size;
	bool is_over;   /* over request_max: it is passed over */
	uint64_t skip;  /* bytes of its argument at hand that are to come */
	uint8_t *words; /* those of an inline request, unquoted; or NULL */
	size_t words_len;
	char error[64]; /* on RESP_BAD: as redis-server says it */
};

enum resp_verdict {
	RESP_READY, /* a whole request, perhaps an empty one */
	RESP_OVER,  /* a whole request, over request_max; it has no arguments */
	RESP_SHORT, /* more bytes are needed */
	RESP_BAD,   /* no request, or over another limit: see error */
	RESP_FAULT, /* -ENOMEM happened */
};

void resp_parser_init(struct resp_parser *parser);
void resp_parser_fini(struct resp_parser *parser);

/*
 * Looks at the len bytes at buf, where a request begins: the same ones as
 * before, perhaps elsewhere, and more; what resp_parser_pass() has taken is no
 * more among them. On READY parser->at is how long the request is and
 * resp_parser_arg() gives its parser->n arguments; after that,
 * resp_parser_next() makes it ready for the next one.
 */
enum resp_verdict must_check resp_parse(struct resp_parser *parser,
    const struct resp_limits *limits, const uint8_t *buf, size_t len);

/* Argument i, which must be there, of the request at buf. */
struct resp_arg resp_parser_arg(
    const struct resp_parser *parser, const uint8_t *buf, size_t i);

/* Gives the caller parser->spans, which it frees, of a whole request. */
struct resp_span *resp_parser_take_spans(struct resp_parser *parser);

void resp_parser_next(struct resp_parser *parser);

/* On SHORT: how many bytes, from the beginning, need not be shown again. */
size_t resp_parser_pass(struct resp_parser *parser);

/* Reads a decimal number as redis-server takes it, whether it is a length or an
 * argument: no plus, no leading zero, no blank, at most 18 digits. False where
 * it is none. */
bool must_check resp_read_number(struct resp_arg text, int64_t *out);

/* On SHORT: the bytes that the request needs at least, or 0: not known. */
size_t resp_parser_want(const struct resp_parser *parser);

#endif
