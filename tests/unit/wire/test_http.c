#include "wire/http.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static struct http_text
text_of(const char *s)
{
	return (struct http_text){ s, s == NULL ? 0 : strlen(s) };
}

static const struct {
	const char *host;
	bool is_own;
} hosts[] = {
	{ "localhost", true },
	{ "localhost:9000", true },
	{ "LOCALHOST", true },
	{ "LocalHost:1", true },
	{ "127.0.0.1", true },
	{ "127.0.0.1:9000", true },
	{ "127.0.0.1:65535", true },
	{ "10.1.2.3:80", true },
	{ "[::1]", true },
	{ "[::1]:9000", true },
	{ "[0:0:0:0:0:0:0:1]:9000", true },
	{ "[::FFFF:127.0.0.1]", true },
	{ NULL, false },
	{ "", false },
	{ "[::1].evil.com", false },
	{ "[::1]evil", false },
	{ "[::1]:9000.evil.com", false },
	{ "[::1]:", false },
	{ "[::1", false },
	{ "[", false },
	{ "[]", false },
	{ "[]:80", false },
	{ "[localhost]", false },
	{ "[127.0.0.1]", false },
	{ "[::1%25lo]", false },
	{ "[::1%lo]", false },
	{ "[[::1]]", false },
	{ "[::1]]", false },
	{ "::1", false },
	{ "localhost.evil.com", false },
	{ "127.0.0.1.evil.com", false },
	{ "evil.com", false },
	{ "evil.localhost", false },
	{ "localhost.", false },
	{ "127.0.0.1.", false },
	{ "127.0.0", false },
	{ "127.1", false },
	{ "2130706433", false },
	{ "0x7f.0.0.1", false },
	{ "256.0.0.1", false },
	{ "127.0.0.1.1", false },
	{ "....", false },
	{ "1", false },
	{ ":9000", false },
	{ "localhost:", false },
	{ "localhost:x", false },
	{ "localhost:+80", false },
	{ "localhost:-1", false },
	{ "localhost:65536", false },
	{ "localhost:000080", false },
	{ "localhost:80:80", false },
	{ "localhost :80", false },
	{ " localhost", false },
	{ "localhost ", false },
	{ "localhost,evil.com", false },
	{ "localhost/evil", false },
	{ "evil@localhost", false },
	{ "localhost@evil.com", false },
	{ "127.0.0.1@evil.com", false },
	{ "user:pass@127.0.0.1:80", false },
	{ "http://localhost", false },
	{ "localhost#", false },
	{ "\xc2\xaa", false },
};

TEST_EACH(a_host_is_ours_if_no_dns_can_make_it_another, hosts)
{
	const char *s = hosts[row].host;
	struct buffer exact =
	    exactly(s == NULL ? "" : s, s == NULL ? 0 : strlen(s));
	struct http_text host = { s == NULL ? NULL : (char *)exact.data,
		exact.len };

	ck_assert_msg(http_is_own_host(&host) == hosts[row].is_own, "%s",
	    s == NULL ? "NULL" : s);
	free(exact.data);
}

TEST(a_zero_in_a_host_ends_nothing)
{
	const struct http_text host = { "127.0.0.1\0.evil", 15 };
	const struct http_text local = { "localhost\0", 10 };

	ck_assert(!http_is_own_host(&host));
	ck_assert(!http_is_own_host(&local));
}

#define HEAD "GET /p?q=1 HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static const struct {
	const char *head;
	enum http_verdict verdict;
	int status;
	bool keeps;
} heads[] = {
	{ HEAD HOST "\r\n", HTTP_READY, 0, true },
	{ HEAD "\r\n", HTTP_READY, 0, true },
	{ HEAD HOST "connection: Close\r\n\r\n", HTTP_READY, 0, false },
	{ HEAD HOST "Connection: te , close\r\n\r\n", HTTP_READY, 0, false },
	{ HEAD HOST "Connection: closed\r\n\r\n", HTTP_READY, 0, true },
	{ HEAD HOST "Content-Length: 0\r\n\r\n", HTTP_READY, 0, true },
	{ HEAD HOST "X-A: \xc3\xa4\r\nx-a:\tb \r\n\r\n", HTTP_READY, 0, true },
	{ HEAD HOST "Accept: a\r\nAccept: b\r\n\r\n", HTTP_READY, 0, true },
	{ "HEAD / HTTP/1.0\r\n\r\n", HTTP_READY, 0, false },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", HTTP_READY, 0,
	    true },
	{ "GET / HTTP/2.0\r\n\r\n", HTTP_BAD, 505, false },
	{ "GET / HTTP/1.10\r\n\r\n", HTTP_BAD, 505, false },
	{ "GET / http/1.1\r\n\r\n", HTTP_BAD, 400, false },
	{ "GET /\r\n\r\n", HTTP_BAD, 400, false },
	{ "GET  / HTTP/1.1\r\n\r\n", HTTP_BAD, 400, false },
	{ "GET /a b HTTP/1.1\r\n\r\n", HTTP_BAD, 400, false },
	{ "GET http://localhost/ HTTP/1.1\r\n\r\n", HTTP_BAD, 400, false },
	{ "GET * HTTP/1.1\r\n\r\n", HTTP_BAD, 400, false },
	{ "POST / HTTP/1.1\r\n", HTTP_BAD, 405, false },
	{ "OPTIONS / HTTP/1.1\r\n", HTTP_BAD, 405, false },
	{ "get / HTTP/1.1\r\n", HTTP_BAD, 405, false },
	{ "G{T / HTTP/1.1\r\n", HTTP_BAD, 400, false },
	{ " GET / HTTP/1.1\r\n", HTTP_BAD, 400, false },
	{ "\r\n" HEAD HOST "\r\n", HTTP_BAD, 400, false },
	{ "GET / HTTP/1.1\n", HTTP_BAD, 400, false },
	{ HEAD "Host: a\n\r\n", HTTP_BAD, 400, false },
	{ HEAD "Host: a\rb\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD "Host: a\x01\r\n\r\n", HTTP_BAD, 400, false },
	{ "\x16\x03\x01", HTTP_BAD, 400, false }, /* TLS */
	{ HEAD HOST " folded\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD "Host : a\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD "Host\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD ": a\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD HOST HOST "\r\n", HTTP_BAD, 400, false },
	{ HEAD HOST "hOST: b\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD HOST "Host:\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD "Host:\r\nHost: a\r\n\r\n", HTTP_BAD, 400, false },
	{ HEAD HOST "Content-Length: 1\r\n\r\n", HTTP_BAD, 413, false },
	{ HEAD HOST "Content-Length: -0\r\n\r\n", HTTP_BAD, 413, false },
	{ HEAD HOST "Content-Length:\r\n\r\n", HTTP_BAD, 413, false },
	{ HEAD HOST "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", HTTP_BAD,
	    400, false },
	{ HEAD HOST "Transfer-Encoding: chunked\r\n\r\n", HTTP_BAD, 413,
	    false },
};

TEST_EACH(a_head_is_read_strictly, heads)
{
	struct http_request request;
	struct buffer head = exactly(heads[row].head, strlen(heads[row].head));
	enum http_verdict verdict =
	    http_read((char *)head.data, head.len, &request);

	ck_assert_msg(verdict == heads[row].verdict, "%s", heads[row].head);
	ck_assert_int_eq(request.status, heads[row].status);
	if (verdict == HTTP_READY) {
		ck_assert_uint_eq(request.len, head.len);
		ck_assert(request.keeps == heads[row].keeps);
	} else {
		ck_assert_ptr_nonnull(request.why);
	}
	free(head.data);
}

TEST_EACH(what_a_head_begins_with_is_short_until_it_is_ready, heads)
{
	const char *s = heads[row].head;
	struct http_request request;

	for (size_t n = 0; n < strlen(s); n++) {
		struct buffer part = exactly(s, n);
		enum http_verdict verdict =
		    http_read((char *)part.data, n, &request);

		ck_assert(verdict != HTTP_READY);
		ck_assert(
		    verdict == HTTP_SHORT || heads[row].verdict == HTTP_BAD);
		free(part.data);
	}
}

TEST(the_parts_of_a_head_are_found)
{
	static const char head[] =
	    "HEAD /a/b?c=d?e HTTP/1.1\r\nHOST: \t h:1 \r\nAccept:x\r\n"
	    "Origin: null\r\nSec-Fetch-Site: cross-site\r\n"
	    "sec-fetch-mode: navigate\r\nSec-Fetch-Dest: document\r\n"
	    "\r\nGET";
	struct http_request request;

	ck_assert_int_eq(http_read(head, strlen(head), &request), HTTP_READY);
	ck_assert_uint_eq(request.len, strlen(head) - 3);
	ck_assert(request.is_head);
	ck_assert(http_is(&request.path, "/a/b"));
	ck_assert(http_is(&request.query, "c=d?e"));
	ck_assert(http_is(&request.host, "h:1"));
	ck_assert(http_is(&request.accept, "x"));
	ck_assert(http_is(&request.origin, "null"));
	ck_assert(http_is(&request.fetch_site, "cross-site"));
	ck_assert(http_is(&request.fetch_mode, "navigate"));
	ck_assert(http_is(&request.fetch_dest, "document"));
}

/* A head of so many bytes, from a path or a header that is long. */
static int
status_of(const char *begin, size_t len)
{
	struct http_request request;
	struct buffer head = exactly(begin, strlen(begin));
	enum http_verdict verdict;

	head.data = realloc(head.data, len);
	memset(head.data + head.len, 'x', len - head.len);
	memcpy(head.data + len - 4, "\r\n\r\n", 4);
	verdict = http_read((char *)head.data, len, &request);
	free(head.data);
	return verdict == HTTP_BAD ? request.status : -(int)verdict;
}

TEST(a_head_has_8192_bytes_and_no_more)
{
	ck_assert_int_eq(status_of(HEAD "x: ", HTTP_HEAD_MAX), HTTP_READY);
	ck_assert_int_eq(status_of(HEAD "x: ", HTTP_HEAD_MAX + 1), 431);
	ck_assert_int_eq(status_of("GET /", HTTP_HEAD_MAX + 10), 414);
}

static const struct {
	const char *query, *value; /* of "k" */
	int result;
} queries[] = {
	{ "", "", HTTP_E_ABSENT },
	{ "k", "", 0 },
	{ "k=", "", 0 },
	{ "k=v", "v", 0 },
	{ "a=b&k=v&k=w", "v", 0 },
	{ "a=k=v", "", HTTP_E_ABSENT },
	{ "kk=v", "", HTTP_E_ABSENT },
	{ "&&k=v", "v", 0 },
	{ "k=a+b%2c%2C", "a b,,", 0 },
	{ "k=a=b", "a=b", 0 },
	{ "k=%00", "", HTTP_E_UNREADABLE },
	{ "k=a%", "", HTTP_E_UNREADABLE },
	{ "k=a%2", "", HTTP_E_UNREADABLE },
	{ "k=%g0", "", HTTP_E_UNREADABLE },
	{ "k=1234567", "1234567", 0 },
	{ "k=12345678", "", HTTP_E_UNREADABLE },
};

TEST_EACH(a_query_gives_the_first_value_of_a_name, queries)
{
	struct buffer exact =
	    exactly(queries[row].query, strlen(queries[row].query));
	struct http_text query = { (char *)exact.data, exact.len };
	char value[8];
	int r = http_query_value(&query, "k", value, sizeof(value));

	ck_assert_int_eq(r, queries[row].result);
	if (r == 0)
		ck_assert_str_eq(value, queries[row].value);
	free(exact.data);
}

TEST(no_query_has_no_values)
{
	struct http_text none = text_of(NULL);
	char value[8];

	ck_assert_int_eq(
	    http_query_value(&none, "k", value, sizeof(value)), HTTP_E_ABSENT);
}
