/*
 * http - the head of an HTTP/1.x request without a body, and the meaning of its
 * Host and query.
 *
 * Source: RFC 9112 and RFC 3986. Strict if two readings are possible: lines end
 * with CRLF, a name is followed by its colon, and a request with a body is
 * refused, so no bytes can be read as a second request by one side alone. Pure;
 * all texts point into the given bytes.
 */
#ifndef PM2A_WIRE_HTTP_H
#define PM2A_WIRE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HTTP_HEAD_MAX 8192 /* bytes of a head, its empty line included */

/* Borrowed, not terminated; data is NULL if it is absent. */
struct http_text {
	const char *data;
	size_t len;
};

struct http_request {
	struct http_text path, query;
	struct http_text host, origin, accept;
	struct http_text fetch_site, fetch_mode, fetch_dest;
	bool is_head;    /* HEAD; otherwise GET */
	bool keeps;      /* the connection may go on after the reply */
	size_t len;      /* bytes of the head */
	int status;      /* with HTTP_BAD: the status that refuses it */
	const char *why; /* with HTTP_BAD: the body of the reply, one line */
};

enum http_verdict {
	HTTP_READY,
	HTTP_SHORT, /* more bytes are needed */
	HTTP_BAD,   /* refused; the bytes after it must be ignored */
};

/* Parses the head at `data`. */
enum http_verdict http_read(
    const char *data, size_t len, struct http_request *out);

/* Returns true if `text` equals the string `word`. */
bool http_is(const struct http_text *text, const char *word);

/* Returns true if `host` names this host in a way that no DNS can: an IPv4
 * address, an IPv6 address in brackets, or localhost in any case, with an
 * optional port. */
bool http_is_own_host(const struct http_text *host);

enum http_query_error {
	HTTP_E_ABSENT = 1, /* the query has no such name */
	HTTP_E_UNREADABLE, /* %00, a % without two digits, or over size */
};

/* Writes the first value of `name` to `out`, decoded and terminated. Returns 0
 * or HTTP_E_*. */
int must_check http_query_value(
    const struct http_text *query, const char *name, char *out, size_t size);

#endif
