#include "wire/resp.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A request is an array of bulk strings, or a line of words for people at a
 * terminal. The parser stores positions as offsets, since the buffer may move
 * when more bytes arrive. An array grows as arguments come: "*1000000" costs
 * nothing by itself. A request that is too large is read to its end and
 * dropped, so that its sender can be answered and go on: clients that lose
 * their connection over it send it again.
 *
 * redis-server checks neither the line feed after a carriage return nor the end
 * of a bulk string. Clients that get this wrong work there, so they work here.
 */

#define SPANS_MIN 8
#define SPANS_KEPT 1024      /* for the next request; a million are 16 MiB */
#define BULK_MAX (512 << 20) /* bytes, as in redis-server */

void
resp_parser_init(struct resp_parser *parser)
{
	*parser = (struct resp_parser){ .n_left = -1, .bulk = -1 };
}

void
resp_parser_fini(struct resp_parser *parser)
{
	free(parser->spans);
	free(parser->words);
	resp_parser_init(parser);
}

void
resp_parser_next(struct resp_parser *parser)
{
	free(parser->words);
	parser->words = NULL;
	if (parser->size > SPANS_KEPT) {
		free(parser->spans);
		parser->spans = NULL;
		parser->size = 0;
	}
	parser->at = 0;
	parser->n = 0;
	parser->n_left = -1;
	parser->bulk = -1;
	parser->is_over = false;
}

struct resp_span *
resp_parser_take_spans(struct resp_parser *parser)
{
	struct resp_span *spans = parser->spans;

	parser->spans = NULL;
	parser->size = 0;
	return spans;
}

size_t
resp_parser_pass(struct resp_parser *parser)
{
	size_t n = parser->is_over ? parser->at : 0;

	parser->at -= n;
	return n;
}

struct resp_arg
resp_parser_arg(const struct resp_parser *parser, const uint8_t *buf, size_t i)
{
	const uint8_t *base = parser->words != NULL ? parser->words : buf;

	return (struct resp_arg){ base + parser->spans[i].off,
		parser->spans[i].len };
}

size_t
resp_parser_want(const struct resp_parser *parser)
{
	return parser->bulk < 0 ? 0 : parser->at + (size_t)parser->bulk + 2;
}

static enum resp_verdict
bad(struct resp_parser *parser, const char *what)
{
	snprintf(
	    parser->error, sizeof(parser->error), "Protocol error: %s", what);
	return RESP_BAD;
}

static enum resp_verdict
too_many(struct resp_parser *parser, const struct resp_limits *limits)
{
	return bad(parser, limits->is_restricted
			       ? "unauthenticated multibulk length"
			       : "invalid multibulk length");
}

static bool
add_span(struct resp_parser *parser, size_t off, size_t len)
{
	size_t size = parser->size == 0 ? SPANS_MIN : 2 * parser->size;
	struct resp_span *grown;

	if (parser->n == parser->size) {
		grown = reallocarray(parser->spans, size, sizeof(*grown));
		if (grown == NULL)
			return false;
		parser->spans = grown;
		parser->size = size;
	}
	parser->spans[parser->n++] = (struct resp_span){ off, len };
	return true;
}

bool
resp_read_number(struct resp_arg text, int64_t *out)
{
	const uint8_t *p = text.data;
	bool is_negative = text.len > 0 && p[0] == '-';
	size_t i = is_negative;
	int64_t v = 0;

	if (text.len == i || text.len - i > 18)
		return false;
	if (p[i] == '0' && (text.len - i > 1 || is_negative))
		return false;
	for (; i < text.len; i++) {
		if (!isdigit(p[i]))
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = is_negative ? -v : v;
	return true;
}

/*
 * Finds the line at parser->at that "\r" ends and whose "\n" has arrived. *line
 * is after its first character. Returns SHORT if it is incomplete.
 */
static enum resp_verdict
find_line(struct resp_parser *parser, const uint8_t *buf, size_t len,
    const char *too_big, struct resp_arg *line)
{
	const uint8_t *start = buf + parser->at, *end;
	size_t left = len - parser->at;

	end = left == 0 ? NULL : memchr(start, '\r', left);
	if (end == NULL && left > RESP_LINE_MAX)
		return bad(parser, too_big);
	if (end == NULL || (size_t)(end - start) + 2 > left)
		return RESP_SHORT;
	*line = (struct resp_arg){ start + 1, (size_t)(end - start) - 1 };
	return RESP_READY;
}

static enum resp_verdict
take_count(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	struct resp_arg line;
	int64_t n;
	enum resp_verdict verdict =
	    find_line(parser, buf, len, "too big mbulk count string", &line);

	if (verdict != RESP_READY)
		return verdict;
	if (!resp_read_number(line, &n) || n > INT_MAX)
		return bad(parser, "invalid multibulk length");
	if (n > 0 && (uint64_t)n > limits->args_max)
		return too_many(parser, limits);
	parser->at += line.len + 3;
	parser->n_left = n < 0 ? 0 : n;
	return RESP_READY;
}

static enum resp_verdict
take_length(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	char text[32];
	struct resp_arg line;
	int64_t n;
	enum resp_verdict verdict =
	    find_line(parser, buf, len, "too big bulk count string", &line);

	if (verdict != RESP_READY)
		return verdict;
	if (buf[parser->at] != '$') {
		snprintf(text, sizeof(text), "expected '$', got '%c'",
		    buf[parser->at]);
		return bad(parser, text);
	}
	if (!resp_read_number(line, &n) || n < 0 || n > BULK_MAX)
		return bad(parser, "invalid bulk length");
	if (limits->is_restricted && (uint64_t)n > limits->bulk_max)
		return bad(parser, "unauthenticated bulk length");
	parser->at += line.len + 3;
	parser->bulk = n;
	if (parser->at + (size_t)n > limits->request_max ||
	    (uint64_t)n > limits->bulk_max) {
		parser->is_over = true;
		parser->n = 0;
	}
	return RESP_READY;
}

/* Skips the received part of a dropped argument. */
static enum resp_verdict
skip_bulk(struct resp_parser *parser, size_t len)
{
	size_t n = len - parser->at;

	if (n > parser->skip)
		n = (size_t)parser->skip;
	parser->at += n;
	parser->skip -= n;
	return parser->skip == 0 ? RESP_READY : RESP_SHORT;
}

/* Adds an argument. */
static enum resp_verdict
take_bulk(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	enum resp_verdict verdict = RESP_READY;
	size_t n;

	if (parser->skip > 0)
		return skip_bulk(parser, len);
	if (parser->bulk < 0)
		verdict = take_length(parser, limits, buf, len);
	if (verdict != RESP_READY)
		return verdict;
	n = (size_t)parser->bulk;
	if (parser->is_over) {
		parser->skip = n + 2;
		parser->bulk = -1;
		parser->n_left--;
		return RESP_READY;
	}
	if (len - parser->at < n + 2)
		return RESP_SHORT;
	if (!add_span(parser, parser->at, n))
		return RESP_FAULT;
	parser->at += n + 2;
	parser->bulk = -1;
	parser->n_left--;
	return RESP_READY;
}

static enum resp_verdict
parse_array(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	enum resp_verdict verdict = RESP_READY;

	if (parser->n_left < 0)
		verdict = take_count(parser, limits, buf, len);
	while (
	    verdict == RESP_READY && (parser->n_left > 0 || parser->skip > 0))
		verdict = take_bulk(parser, limits, buf, len);
	return verdict == RESP_READY && parser->is_over ? RESP_OVER : verdict;
}

/* The rest of a line, and the buffer for its words. */
struct words {
	const uint8_t *at, *end;
	uint8_t *out;
};

static int
hex_digit(uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c == 0 ? NULL : strchr(digits, tolower(c));

	return p == NULL ? -1 : (int)(p - digits);
}

/* Takes one character, or an escape in double quotes. */
static void
take_quoted(struct words *w)
{
	static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
	const char *escape;

	if (*w->at != '\\' || w->end - w->at < 2) {
		*w->out++ = *w->at++;
		return;
	}
	if (w->end - w->at >= 4 && w->at[1] == 'x' &&
	    hex_digit(w->at[2]) >= 0 && hex_digit(w->at[3]) >= 0) {
		*w->out++ =
		    (uint8_t)(hex_digit(w->at[2]) << 4 | hex_digit(w->at[3]));
		w->at += 4;
		return;
	}
	escape = w->at[1] == 0 ? NULL : strchr(from, w->at[1]);
	*w->out++ = escape == NULL ? w->at[1] : (uint8_t)to[escape - from];
	w->at += 2;
}

/* Takes a quoted word, w->at being after the opening quote. Returns false if
 * the closing one is missing or directly followed by other text. */
static bool
take_string(struct words *w, uint8_t quote)
{
	while (w->at < w->end && *w->at != quote) {
		if (quote == '"') {
			take_quoted(w);
			continue;
		}
		if (w->end - w->at >= 2 && w->at[0] == '\\' && w->at[1] == '\'')
			w->at++;
		*w->out++ = *w->at++;
	}
	if (w->at == w->end)
		return false;
	w->at++;
	return w->at == w->end || isspace(*w->at);
}

/* Takes one word; returns false if its quotes are not balanced. */
static bool
take_word(struct words *w)
{
	while (w->at < w->end && !isspace(*w->at)) {
		uint8_t c = *w->at;

		if (c != '"' && c != '\'') {
			*w->out++ = *w->at++;
			continue;
		}
		w->at++;
		if (!take_string(w, c))
			return false;
	}
	return true;
}

static enum resp_verdict
split_line(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *line, size_t len)
{
	struct words w = { .at = line, .end = line + len };

	w.out = parser->words = malloc(len + 1);
	if (parser->words == NULL)
		return RESP_FAULT;
	for (;;) {
		uint8_t *word = w.out;

		while (w.at < w.end && isspace(*w.at))
			w.at++;
		if (w.at == w.end)
			break;
		if (!take_word(&w))
			return bad(parser, "unbalanced quotes in request");
		if (parser->n == limits->args_max)
			return too_many(parser, limits);
		if (!add_span(parser, (size_t)(word - parser->words),
			(size_t)(w.out - word)))
			return RESP_FAULT;
	}
	parser->words_len = (size_t)(w.out - parser->words);
	return RESP_READY;
}

static enum resp_verdict
parse_line(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	const uint8_t *end = memchr(buf, '\n', len);
	size_t n;

	if (end == NULL)
		return len > RESP_LINE_MAX
			   ? bad(parser, "too big inline request")
			   : RESP_SHORT;
	n = (size_t)(end - buf);
	parser->at = n + 1;
	return split_line(
	    parser, limits, buf, n > 0 && buf[n - 1] == '\r' ? n - 1 : n);
}

enum resp_verdict
resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
    const uint8_t *buf, size_t len)
{
	if (len == 0)
		return RESP_SHORT;
	if (parser->n_left >= 0 || buf[0] == '*')
		return parse_array(parser, limits, buf, len);
	return parse_line(parser, limits, buf, len);
}
