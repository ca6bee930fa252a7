#include "wire/resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct resp_limits limits = {
	.args_max = 8, .bulk_max = 100, .request_max = 200
};

/* "<len>:<bytes> " for each argument. */
static void
describe(const struct resp_parser *parser, const uint8_t *buf, char *out,
    size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < parser->n; i++) {
		const struct resp_span *span = &parser->spans[i];

		ck_assert_uint_le(span->off + span->len,
		    parser->words == NULL ? parser->at : parser->words_len);
		struct resp_arg arg = resp_parser_arg(parser, buf, i);

		used += (size_t)snprintf(out + used, size - used, "%zu:%.*s ",
		    arg.len, (int)arg.len, (const char *)arg.data);
	}
}

static const struct {
	const char *bytes;
	size_t used;
	const char *args;
} requests[] = {
	{ "*1\r\n$4\r\nPING\r\n", 14, "4:PING " },
	{ "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", 20, "4:ECHO 0: " },
	{ "*2\r\n$3\r\na\r\n\r\n$1\r\nb\r\nrest", 20, "3:a\r\n 1:b " },
	{ "*0\r\n*1\r\n", 4, "" },
	{ "*-1\r\n", 5, "" },
	/* Which bytes end a bulk string is not looked at. */
	{ "*1\r\n$1\r\naxy", 11, "1:a " },
	/* Lines. */
	{ "PING\r\n", 6, "4:PING " },
	{ "PING\n", 5, "4:PING " },
	{ "\r\n", 2, "" },
	{ "  a   b\t c  \r\nd", 14, "1:a 1:b 1:c " },
	{ "\"a b\" 'c d'\n", 12, "3:a b 3:c d " },
	{ "\"\\x41\\n\\\"\\q\\xzz\"\n", 17, "7:A\n\"qxzz " },
	{ "'\\'\\n'\n", 7, "3:'\\n " },
	{ "a\"b\"\n", 5, "2:ab " },
	{ "\"\"\n", 3, "0: " },
};

TEST_EACH(a_request_has_its_arguments, requests)
{
	const char *bytes = requests[row].bytes;
	struct buffer b = exactly(bytes, strlen(bytes));
	struct resp_parser parser;
	char text[256];

	resp_parser_init(&parser);
	ck_assert_int_eq(
	    resp_parse(&parser, &limits, b.data, b.len), RESP_READY);
	ck_assert_uint_eq(parser.at, requests[row].used);
	describe(&parser, b.data, text, sizeof(text));
	ck_assert_str_eq(text, requests[row].args);
	resp_parser_fini(&parser);
	free(b.data);
}

/* Shown a byte more each time, in another place each time. */
TEST_EACH(a_request_may_come_in_pieces, requests)
{
	const char *bytes = requests[row].bytes;
	struct resp_parser parser;
	char text[256];

	resp_parser_init(&parser);
	for (size_t len = 0; len < requests[row].used; len++) {
		struct buffer part = exactly(bytes, len);
		enum resp_verdict verdict =
		    resp_parse(&parser, &limits, part.data, len);

		ck_assert_int_eq(verdict, RESP_SHORT);
		ck_assert_uint_le(
		    resp_parser_want(&parser), requests[row].used);
		free(part.data);
	}
	struct buffer whole = exactly(bytes, requests[row].used);

	ck_assert_int_eq(
	    resp_parse(&parser, &limits, whole.data, whole.len), RESP_READY);
	describe(&parser, whole.data, text, sizeof(text));
	ck_assert_str_eq(text, requests[row].args);
	resp_parser_fini(&parser);
	free(whole.data);
}

static const struct {
	const char *bytes, *error;
} mistakes[] = {
	{ "*x\r\n", "invalid multibulk length" },
	{ "*\r\n", "invalid multibulk length" },
	{ "*+1\r\n", "invalid multibulk length" },
	{ "*01\r\n", "invalid multibulk length" },
	{ "*9\r\n", "invalid multibulk length" },
	{ "*9999999999999999999999\r\n", "invalid multibulk length" },
	{ "*1\r\n:1\r\n", "expected '$', got ':'" },
	{ "*1\r\n\r\n", "expected '$', got '\r'" },
	{ "*1\r\n$x\r\n", "invalid bulk length" },
	{ "*1\r\n$-1\r\n", "invalid bulk length" },
	{ "*1\r\n$536870913\r\n", "invalid bulk length" },
	{ "\"a\n", "unbalanced quotes in request" },
	{ "'a\n", "unbalanced quotes in request" },
	{ "\"a\"b\n", "unbalanced quotes in request" },
	{ "1 2 3 4 5 6 7 8 9\n", "invalid multibulk length" },
};

TEST_EACH(a_mistake_is_named_as_redis_names_it, mistakes)
{
	const char *bytes = mistakes[row].bytes;
	struct buffer b = exactly(bytes, strlen(bytes));
	struct resp_parser parser;
	char text[80];

	resp_parser_init(&parser);
	ck_assert_int_eq(resp_parse(&parser, &limits, b.data, b.len), RESP_BAD);
	snprintf(text, sizeof(text), "Protocol error: %s", mistakes[row].error);
	ck_assert_str_eq(parser.error, text);
	resp_parser_fini(&parser);
	free(b.data);
}

TEST(who_is_not_authenticated_hears_of_it)
{
	const struct resp_limits tight = { 1, 2, SIZE_MAX, true };
	static const uint8_t many[] = "*2\r\n", large[] = "*1\r\n$3\r\n";
	static const uint8_t line[] = "a b\n";
	struct resp_parser parser;

	resp_parser_init(&parser);
	ck_assert_int_eq(resp_parse(&parser, &tight, many, 4), RESP_BAD);
	ck_assert_str_eq(
	    parser.error, "Protocol error: unauthenticated multibulk length");
	resp_parser_fini(&parser);
	ck_assert_int_eq(resp_parse(&parser, &tight, line, 4), RESP_BAD);
	ck_assert_str_eq(
	    parser.error, "Protocol error: unauthenticated multibulk length");
	resp_parser_fini(&parser);
	ck_assert_int_eq(resp_parse(&parser, &tight, large, 8), RESP_BAD);
	ck_assert_str_eq(
	    parser.error, "Protocol error: unauthenticated bulk length");
	resp_parser_fini(&parser);
}

static const struct {
	const char *begin, *error;
} endless[] = {
	{ "", "too big inline request" },
	{ "*", "too big mbulk count string" },
	{ "*1\r\n$", "too big bulk count string" },
};

TEST_EACH(a_line_without_an_end_is_refused, endless)
{
	size_t head = strlen(endless[row].begin);
	size_t len = head + RESP_LINE_MAX + 1;
	uint8_t *bytes = malloc(len);
	struct resp_parser parser;

	memset(bytes, '1', len);
	memcpy(bytes, endless[row].begin, head);
	resp_parser_init(&parser);
	ck_assert_int_eq(
	    resp_parse(&parser, &limits, bytes, RESP_LINE_MAX), RESP_SHORT);
	ck_assert_int_eq(resp_parse(&parser, &limits, bytes, len), RESP_BAD);
	ck_assert_ptr_nonnull(strstr(parser.error, endless[row].error));
	resp_parser_fini(&parser);
	free(bytes);
}

static const struct {
	const char *text;
	bool is_number;
	int64_t number;
} numbers[] = {
	{ "0", true, 0 },
	{ "7", true, 7 },
	{ "-1", true, -1 },
	{ "999999999999999999", true, 999999999999999999 },
	{ "1000000000000000000", false, 0 },
	{ "", false, 0 },
	{ "-", false, 0 },
	{ "-0", false, 0 },
	{ "00", false, 0 },
	{ "+1", false, 0 },
	{ " 1", false, 0 },
	{ "1 ", false, 0 },
	{ "1x", false, 0 },
};

TEST_EACH(a_number_is_what_redis_takes_for_one, numbers)
{
	struct buffer b = exactly(numbers[row].text, strlen(numbers[row].text));
	struct resp_arg arg = { b.data, b.len };
	int64_t n = 0;

	ck_assert(resp_read_number(arg, &n) == numbers[row].is_number);
	ck_assert_int_eq(n, numbers[row].number);
	free(b.data);
}

TEST(requests_follow_each_other)
{
	static const uint8_t bytes[] = "*1\r\n$1\r\na\r\nb c\r\n*0\r\n";
	static const char *const wanted[] = { "1:a ", "1:b 1:c ", "" };
	struct resp_parser parser;
	size_t at = 0;
	char text[64];

	resp_parser_init(&parser);
	for (size_t i = 0; i < N_ELEMENTS(wanted); i++) {
		ck_assert_int_eq(resp_parse(&parser, &limits, bytes + at,
				     sizeof(bytes) - 1 - at),
		    RESP_READY);
		describe(&parser, bytes + at, text, sizeof(text));
		ck_assert_str_eq(text, wanted[i]);
		at += parser.at;
		resp_parser_next(&parser);
	}
	ck_assert_uint_eq(at, sizeof(bytes) - 1);
	ck_assert_int_eq(resp_parse(&parser, &limits, bytes, 0), RESP_SHORT);
	resp_parser_fini(&parser);
}

/* By one argument, by their sum, and by what stands between them. */
static const struct {
	size_t len[4]; /* of its arguments; 0 ends them */
} excess[] = {
	{ { 101 } },
	{ { 5, 101, 3 } },
	{ { 100, 100 } },
	{ { 100, 84 } },
	{ { 100, 20, 5, 90 } },
};

static size_t
write_excess(int row, char *out, size_t size)
{
	size_t n = 0, used;

	while (n < 4 && excess[row].len[n] > 0)
		n++;
	used = (size_t)snprintf(out, size, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, size - used,
		    "$%zu\r\n%0*d\r\n", excess[row].len[i],
		    (int)excess[row].len[i], 0);
	return used;
}

/* In pieces of every size; skipped bytes are not shown again. */
TEST_EACH(what_is_too_long_is_passed_over, excess)
{
	char text[1024];
	size_t size = write_excess(row, text, sizeof(text));
	struct resp_parser parser;

	resp_parser_init(&parser);
	for (size_t piece = 1; piece <= size; piece++) {
		enum resp_verdict verdict = RESP_SHORT;
		size_t begin = 0, end = 0;

		while (verdict == RESP_SHORT) {
			ck_assert_uint_lt(end, size);
			end = end + piece < size ? end + piece : size;
			struct buffer b = exactly(text + begin, end - begin);

			verdict = resp_parse(&parser, &limits, b.data, b.len);
			if (verdict == RESP_SHORT)
				begin += resp_parser_pass(&parser);
			ck_assert_uint_le(
			    end - begin, limits.request_max + piece);
			free(b.data);
		}
		ck_assert_int_eq(verdict, RESP_OVER);
		ck_assert_uint_eq(begin + parser.at, size);
		ck_assert_uint_eq(parser.n, 0);
		resp_parser_next(&parser);
	}
	ck_assert_int_eq(
	    resp_parse(&parser, &limits, (const uint8_t *)"a\r\n", 3),
	    RESP_READY);
	ck_assert_uint_eq(parser.n, 1);
	resp_parser_fini(&parser);
}

/* A connection that is quiet again must not hold what one request took. */
TEST(room_for_many_arguments_is_given_back)
{
	const struct resp_limits wide = { 1 << 20, 1 << 20, SIZE_MAX, false };
	static char text[8 + 100000 * 7];
	size_t len = (size_t)snprintf(text, sizeof(text), "*%d\r\n", 100000);
	struct resp_parser parser;

	for (int i = 0; i < 100000; i++, len += 6)
		memcpy(text + len, "$0\r\n\r\n", 6);
	resp_parser_init(&parser);
	ck_assert_int_eq(
	    resp_parse(&parser, &wide, (const uint8_t *)text, len), RESP_READY);
	ck_assert_uint_eq(parser.n, 100000);
	resp_parser_next(&parser);
	ck_assert_uint_eq(parser.size, 0);
	ck_assert_int_eq(
	    resp_parse(&parser, &wide, (const uint8_t *)"PING\n", 5),
	    RESP_READY);
	ck_assert_uint_eq(parser.n, 1);
	resp_parser_fini(&parser);
}

/* Declared, not sent. */
TEST(a_count_alone_costs_nothing)
{
	const struct resp_limits wide = { 1 << 30, 1 << 30, SIZE_MAX, false };
	static const uint8_t bytes[] = "*1000000000\r\n$500000000\r\n";
	struct resp_parser parser;

	resp_parser_init(&parser);
	ck_assert_int_eq(
	    resp_parse(&parser, &wide, bytes, sizeof(bytes) - 1), RESP_SHORT);
	ck_assert_uint_eq(parser.size, 0);
	ck_assert_uint_eq(
	    resp_parser_want(&parser), sizeof(bytes) - 1 + 500000000 + 2);
	resp_parser_fini(&parser);
}
