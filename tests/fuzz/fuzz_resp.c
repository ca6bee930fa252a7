/*
 * Requests of Redis's protocol: the requests that are found do not depend on
 * how the bytes come in pieces, and lie within them; nothing too long is kept.
 * Patterns: every name that one matches begins with glob_prefix().
 *
 * The first byte says how: the length of pieces, and whether the client has
 * said its password.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/glob.h"
#include "wire/resp.h"

#define RESTRICTED 0x80
#define OVER_SLACK 64 /* bytes of heads in a request at its limit */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* All that was found, in order. */
struct found {
	uint8_t *data;
	size_t len, size;
};

static void
note(struct found *found, const void *data, size_t len)
{
	if (found->size - found->len < len) {
		found->size = 2 * (found->size + len);
		found->data = realloc(found->data, found->size);
		assert(found->data != NULL);
	}
	memcpy(found->data + found->len, data, len);
	found->len += len;
}

static void
note_request(struct found *found, const struct resp_parser *parser,
    const uint8_t *buf, size_t len)
{
	assert(parser->at <= len);
	note(found, &parser->n, sizeof(parser->n));
	for (size_t i = 0; i < parser->n; i++) {
		struct resp_arg arg = resp_parser_arg(parser, buf, i);

		assert(parser->words != NULL ||
		       arg.data + arg.len + 2 <= buf + parser->at);
		note(found, &arg.len, sizeof(arg.len));
		note(found, arg.data, arg.len);
	}
}

/* Notes what is found in data, of which piece bytes more are shown each time,
 * in a buffer of their length. */
static void
parse(struct found *found, const struct resp_limits *limits,
    const uint8_t *data, size_t len, size_t piece)
{
	struct resp_parser parser;
	enum resp_verdict verdict = RESP_SHORT;
	size_t begin = 0, end = 0;

	resp_parser_init(&parser);
	while (verdict != RESP_BAD && (verdict != RESP_SHORT || end < len)) {
		uint8_t *buf;

		if (verdict == RESP_SHORT)
			end = len - end < piece ? len : end + piece;
		buf = malloc(end - begin + 1);
		memcpy(buf, data + begin, end - begin);
		verdict = resp_parse(&parser, limits, buf, end - begin);
		if (verdict == RESP_READY || verdict == RESP_OVER) {
			note(found, &verdict, sizeof(verdict));
			note_request(found, &parser, buf, end - begin);
			begin += parser.at;
			resp_parser_next(&parser);
		} else if (verdict == RESP_SHORT) {
			begin += resp_parser_pass(&parser);
			assert(begin <= end);
		}
		free(buf);
	}
	if (verdict == RESP_BAD)
		note(found, parser.error, strlen(parser.error));
	resp_parser_fini(&parser);
}

static void
check_requests(const uint8_t *data, size_t len, uint8_t how)
{
	const struct resp_limits limits =
	    how & RESTRICTED
		? (struct resp_limits){ 10, 32, SIZE_MAX, true }
		: (struct resp_limits){ 16, 64, 128 + OVER_SLACK, false };
	struct found whole = { 0 }, pieces = { 0 };

	parse(&whole, &limits, data, len, len == 0 ? 1 : len);
	parse(&pieces, &limits, data, len, 1u + (how & ~RESTRICTED));
	assert(whole.len == pieces.len);
	assert(
	    whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
	free(whole.data);
	free(pieces.data);
}

/* A character of a pattern that isn't a star: the bytes that it takes. */
struct taken {
	bool bytes[256];
};

/* Reads what begins at pattern[i]. Returns where the next one begins. */
static size_t
read_class(const uint8_t *pattern, size_t len, size_t i, struct taken *out)
{
	bool is_none = i < len && pattern[i] == '^';

	for (i += is_none; i < len && pattern[i] != ']'; i++) {
		int from = pattern[i], to = from;

		if (from == '\\' && i + 1 < len)
			from = to = pattern[++i];
		else if (i + 2 < len && pattern[i + 1] == '-')
			to = pattern[i += 2];
		for (int c = 0; c < 256; c++)
			out->bytes[c] |=
			    (from <= c && c <= to) || (to <= c && c <= from);
	}
	for (int c = 0; c < 256; c++)
		out->bytes[c] ^= is_none;
	return i < len ? i + 1 : i;
}

static size_t
read_character(const uint8_t *pattern, size_t len, size_t i, struct taken *out)
{
	uint8_t c = pattern[i++];

	memset(out, 0, sizeof(*out));
	if (c == '[')
		return read_class(pattern, len, i, out);
	if (c == '\\' && i < len)
		c = pattern[i++];
	else if (c == '?')
		memset(out, true, sizeof(*out));
	out->bytes[c] = true;
	return i;
}

/* As glob_match(): keeps how much of the name each part of the pattern can
 * take, for every length. */
static bool
matches_slowly(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len)
{
	bool *can = calloc(name_len + 1, sizeof(bool)), is_match;
	struct taken taken;
	size_t i = 0;

	can[0] = true;
	while (i < pattern_len) {
		if (pattern[i] == '*') {
			for (size_t k = 0; k < name_len; k++)
				can[k + 1] |= can[k];
			i++;
			continue;
		}
		i = read_character(pattern, pattern_len, i, &taken);
		for (size_t k = name_len; k > 0; k--)
			can[k] = can[k - 1] && taken.bytes[name[k - 1]];
		can[0] = false;
	}
	is_match = name_len == 0 ? pattern_len == 0 : can[name_len];
	free(can);
	return is_match;
}

static void
check_pattern(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len)
{
	uint8_t *prefix = malloc(pattern_len + 1);
	bool matches, begins;
	size_t n = glob_prefix(pattern, pattern_len, prefix), cost;

	assert(n <= pattern_len);
	matches = glob_match(pattern, pattern_len, name, name_len);
	begins = n <= name_len && memcmp(prefix, name, n) == 0;
	assert(!matches || begins);
	assert(matches == matches_slowly(pattern, pattern_len, name, name_len));
	if (glob_cost(pattern, pattern_len, name_len, &cost))
		assert(cost > pattern_len);
	free(prefix);
}

/* A name of few letters, so that it nearly matches: each bit of data is one. */
static void
check_near(
    const uint8_t *pattern, size_t pattern_len, const uint8_t *data, size_t len)
{
	uint8_t *name = malloc(8 * len + 1);

	for (size_t i = 0; i < 8 * len; i++)
		name[i] = (data[i / 8] >> i % 8 & 1) ? 'a' : 'b';
	check_pattern(pattern, pattern_len, name, 8 * len);
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t how = len == 0 ? 0 : *data;
	size_t half;

	if (len == 0)
		return 0;
	data++;
	len--;
	check_requests(data, len, how);
	half = len < 2u * how ? len / 2 : how;
	check_pattern(data, half, data + half, len - half);
	check_near(data, half, data + half, len - half);
	return 0;
}
