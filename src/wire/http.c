#include "wire/http.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define TOKEN                                                             \
	DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%" \
	       "&'*+-.^_`|~"
#define PORT_MAX 65535

/* The headers that matter; the others are skipped. */
struct head {
	struct http_request *request;
	struct http_text connection, content_length, transfer_encoding;
};

static enum http_verdict
refuse(struct http_request *request, int status, const char *why)
{
	request->status = status;
	request->why = why;
	return HTTP_BAD;
}

static size_t
span(const struct http_text *text, const char *set)
{
	size_t n = 0;

	while (n < text->len && text->data[n] != '\0' &&
	       strchr(set, text->data[n]) != NULL)
		n++;
	return n;
}

static struct http_text
skip(struct http_text text, size_t n)
{
	return (struct http_text){ text.data + n, text.len - n };
}

static struct http_text
trim(struct http_text text)
{
	text = skip(text, span(&text, " \t"));
	while (text.len > 0 && (text.data[text.len - 1] == ' ' ||
				   text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Removes the part before the first `c`, and `c`, from `text`; all of it if
 * there is none. */
static struct http_text
cut(struct http_text *text, char c)
{
	const char *end =
	    text->len == 0 ? NULL : memchr(text->data, c, text->len);
	struct http_text first = *text;

	if (end != NULL)
		first.len = (size_t)(end - text->data);
	*text = skip(*text, first.len + (end != NULL));
	return first;
}

static bool
is_word(const struct http_text *text, const char *word)
{
	return text->len == strlen(word) &&
	       strncasecmp(text->data, word, text->len) == 0;
}

bool
http_is(const struct http_text *text, const char *word)
{
	return text->data != NULL && text->len == strlen(word) &&
	       memcmp(text->data, word, text->len) == 0;
}

/* Returns true if word is an element of a list with commas. */
static bool
lists(struct http_text list, const char *word)
{
	while (list.len > 0) {
		struct http_text element = cut(&list, ',');

		element = trim(element);
		if (is_word(&element, word))
			return true;
	}
	return false;
}

/* Returns true if the bytes contain a control that is invalid in a head. */
static bool
has_control(const struct http_text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static enum http_verdict
read_line(struct http_text *rest, struct http_text *line,
    struct http_request *request)
{
	static const char why[] =
	    "a head is text, in lines that end with CR LF\n";
	const char *end = memchr(rest->data, '\n', rest->len);

	*line = *rest;
	if (end != NULL)
		line->len = (size_t)(end - rest->data);
	/* The CR at the end, perhaps of an incomplete head. */
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	else if (end != NULL)
		return refuse(request, 400, why);
	if (has_control(line))
		return refuse(request, 400, why);
	if (end == NULL)
		return HTTP_SHORT;
	*rest = skip(*rest, (size_t)(end - rest->data) + 1);
	return HTTP_READY;
}

static enum http_verdict
read_first_line(struct http_text line, struct http_request *request)
{
	struct http_text method = cut(&line, ' ');
	struct http_text target = cut(&line, ' ');

	if (method.len == 0 || span(&method, TOKEN) != method.len)
		return refuse(request, 400, "not an HTTP request\n");
	if (line.len < 5 || memcmp(line.data, "HTTP/", 5) != 0)
		return refuse(request, 400, "not an HTTP/1 request\n");
	if (!http_is(&line, "HTTP/1.1") && !http_is(&line, "HTTP/1.0"))
		return refuse(request, 505, "HTTP/1.1 or HTTP/1.0\n");
	request->keeps = http_is(&line, "HTTP/1.1");
	request->is_head = http_is(&method, "HEAD");
	if (!request->is_head && !http_is(&method, "GET"))
		return refuse(request, 405, "GET and HEAD alone\n");
	if (target.len == 0 || target.data[0] != '/')
		return refuse(
		    request, 400, "the target must be a path with a /\n");
	request->path = cut(&target, '?');
	request->query = target;
	return HTTP_READY;
}

static enum http_verdict
read_header(struct http_text line, struct head *head)
{
	struct http_request *request = head->request;
	const struct {
		const char *name;
		struct http_text *value;
		bool may_repeat; /* the first counts */
	} known[] = {
		{ "host", &request->host, false },
		{ "origin", &request->origin, false },
		{ "accept", &request->accept, true },
		{ "sec-fetch-site", &request->fetch_site, false },
		{ "sec-fetch-mode", &request->fetch_mode, false },
		{ "sec-fetch-dest", &request->fetch_dest, false },
		{ "connection", &head->connection, false },
		{ "content-length", &head->content_length, false },
		{ "transfer-encoding", &head->transfer_encoding, false },
	};
	struct http_text value = line, name = cut(&value, ':');

	if (name.len == 0 || name.len == line.len ||
	    span(&name, TOKEN) != name.len)
		return refuse(
		    request, 400, "a header is a name, a colon and a value\n");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!is_word(&name, known[i].name))
			continue;
		if (known[i].value->data == NULL)
			*known[i].value = trim(value);
		else if (!known[i].may_repeat)
			return refuse(request, 400,
			    "a header that may occur only once is repeated\n");
	}
	return HTTP_READY;
}

static enum http_verdict
finish(const struct head *head)
{
	struct http_request *request = head->request;
	const struct http_text *length = &head->content_length;

	if (head->transfer_encoding.data != NULL ||
	    (length->data != NULL &&
		(length->len == 0 || span(length, "0") != length->len)))
		return refuse(request, 413, "a request must not have a body\n");
	if (lists(head->connection, "close"))
		request->keeps = false;
	else if (lists(head->connection, "keep-alive"))
		request->keeps = true;
	return HTTP_READY;
}

static enum http_verdict
read_lines(struct http_text *rest, struct http_request *request)
{
	struct head head = { .request = request };
	struct http_text line;
	enum http_verdict verdict = read_line(rest, &line, request);

	if (verdict == HTTP_READY)
		verdict = read_first_line(line, request);
	while (verdict == HTTP_READY) {
		verdict = read_line(rest, &line, request);
		if (verdict == HTTP_READY && line.len == 0)
			return finish(&head);
		if (verdict == HTTP_READY)
			verdict = read_header(line, &head);
	}
	return verdict;
}

enum http_verdict
http_read(const char *data, size_t len, struct http_request *out)
{
	struct http_text rest = { data,
		len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX };
	enum http_verdict verdict;

	*out = (struct http_request){ .len = 0 };
	if (len == 0)
		return HTTP_SHORT;
	verdict = read_lines(&rest, out);
	out->len = (size_t)(rest.data - data);
	if (verdict == HTTP_SHORT && len >= HTTP_HEAD_MAX)
		return refuse(out, out->path.data == NULL ? 414 : 431,
		    "a head has at most 8192 bytes\n");
	return verdict;
}

static bool
is_port(const struct http_text *text)
{
	unsigned port = 0;

	if (text->len == 0 || text->len > 5 || span(text, DIGITS) != text->len)
		return false;
	for (size_t i = 0; i < text->len; i++)
		port = port * 10 + (unsigned)(text->data[i] - '0');
	return port <= PORT_MAX;
}

static bool
is_address(int family, const struct http_text *text)
{
	char copy[INET6_ADDRSTRLEN], address[sizeof(struct in6_addr)];

	if (text->len >= sizeof(copy) || memchr(text->data, '\0', text->len))
		return false;
	memcpy(copy, text->data, text->len);
	copy[text->len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

bool
http_is_own_host(const struct http_text *host)
{
	struct http_text port, name;
	bool is_bracketed;

	if (host->data == NULL || host->len == 0)
		return false;
	port = *host;
	is_bracketed = host->data[0] == '[';
	if (is_bracketed) {
		port = skip(port, 1);
		name = cut(&port, ']');
		/* Without the bracket, cut() removed everything. */
		if (port.data[-1] != ']')
			return false;
	} else {
		name.data = host->data;
		name.len = 0;
		while (name.len < host->len && host->data[name.len] != ':')
			name.len++;
		port = skip(port, name.len);
	}
	if (port.len > 0) {
		struct http_text digits = skip(port, 1);

		if (port.data[0] != ':' || !is_port(&digits))
			return false;
	}
	if (is_bracketed)
		return is_address(AF_INET6, &name);
	return is_word(&name, "localhost") || is_address(AF_INET, &name);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Writes the text decoded and terminated. */
static int
decode(const struct http_text *text, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i] == '+' ? ' ' : text->data[i];

		if (c == '%') {
			int high = -1, low = -1;

			if (i + 2 < text->len) {
				high = hex_digit(text->data[i + 1]);
				low = hex_digit(text->data[i + 2]);
			}
			if (high < 0 || low < 0)
				return HTTP_E_UNREADABLE;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= size)
			return HTTP_E_UNREADABLE;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

int
http_query_value(
    const struct http_text *query, const char *name, char *out, size_t size)
{
	struct http_text rest = *query;

	while (rest.len > 0) {
		struct http_text value = cut(&rest, '&');
		struct http_text key = cut(&value, '=');

		if (http_is(&key, name))
			return decode(&value, out, size);
	}
	return HTTP_E_ABSENT;
}
