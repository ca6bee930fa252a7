#include "wire/transcode.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

#define SPARE 16 /* bytes beyond three times those of the text */

/* Transcodes a text in memory of exactly its size. */
static int
transcode(struct msg_writer *w, const char *text, size_t len,
    const struct transcode_bin *bins, size_t n_bins)
{
	struct buffer in = exactly(text, len);
	size_t most = 3 * len + SPARE;
	int e = transcode_json(w, in.data, in.len, bins, n_bins);

	for (size_t i = 0; i < n_bins; i++)
		most += bins[i].len;
	ck_assert_uint_le(w->len, e == 0 ? most : 0);
	free(in.data);
	return e;
}

static const struct {
	const char *text, *hex;
} values[] = {
	{ "[]", "dd00000000" },
	{ "{}", "df00000000" },
	{ " [ ] \n", "dd00000000" },
	{ "[null,true,false]", "dd00000003 c0c3c2" },
	{ "[0,-0,127,128,255,256,65535,65536]",
	    "dd00000008 00 00 7f cc80 ccff cd0100 cdffff ce00010000" },
	{ "[4294967295,4294967296,9007199254740991]",
	    "dd00000003 ceffffffff cf0000000100000000 cf001fffffffffffff" },
	{ "[-1,-32,-33,-128,-129,-32768,-32769]",
	    "dd00000007 ff e0 d0df d080 d1ff7f d18000 d2ffff7fff" },
	{ "[-2147483648,-2147483649,-9007199254740991]",
	    "dd00000003 d280000000 d3ffffffff7fffffff d3ffe0000000000001" },
	{ "[9007199254740992,-9007199254740993,18446744073709551616]",
	    "dd00000003 cb4340000000000000 cbc340000000000000 "
	    "cb43f0000000000000" },
	{ "[1.5,-0.25,1e2,1E+2,100.0,12.5e-1,1e400,5e-324]",
	    "dd00000008 cb3ff8000000000000 cbbfd0000000000000 64 64 64 "
	    "cb3ff4000000000000 cb7ff0000000000000 cb0000000000000001" },
	{ "[0.1,123456789012345678901234567890]",
	    "dd00000002 cb3fb999999999999a cb45f8ee90ff6c373e" },
	{ "[\"\",\"a\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
	    "dd00000003 a0 a161 a8225c2f080c0a0d09" },
	{ "[\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\u0000\"]",
	    "dd00000001 d90b 41c3a9e282acf09f988000" },
	{ "[\"\\ud83d\",\"\\ude00\\ud83d\",\"\\ud83dx\",\"\\ud83d\\u0041\"]",
	    "dd00000004 a3efbfbd a6efbfbdefbfbd a4efbfbd78 a4efbfbd41" },
	{ "[\"r\xc3\xa4um \xe2\x98\x83 \xf0\x9f\x98\x80\"]",
	    "dd00000001 ae72c3a4756d20e2988320f09f9880" },
	{ "[\"01234567890123456789012345678901\"]",
	    "dd00000001 d920 3031323334353637383930313233343536373839"
	    "303132333435363738393031" },
	{ "{\"a\":{\"b\":[1,{}]},\"a\":2}",
	    "df00000002 a161 df00000001 a162 dd00000002 01 df00000000 a161 "
	    "02" },
	{ "[{\"_placeholder\":true,\"num\":0}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c3 a36e756d "
	    "00" },
};

TEST_EACH(a_text_becomes_msgpack, values)
{
	struct buffer wanted = hex(values[row].hex);
	struct msg_writer w = { 0 };

	ck_assert_int_eq(
	    transcode(&w, values[row].text, strlen(values[row].text), NULL, 0),
	    0);
	ck_assert_uint_eq(w.len, wanted.len);
	ck_assert_mem_eq(w.data, wanted.data, wanted.len);
	msg_writer_fini(&w);
	free(wanted.data);
}

static const char *const broken[] = { "", " ", "[", "]", "1", "null", "\"a\"",
	"[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{]", "[1]]", "[1] 2",
	"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}",
	"{\"a\":1 \"b\":2}", "[01]", "[-]", "[+1]", "[.5]", "[1.]", "[1e]",
	"[1e+]", "[0x10]", "[NaN]", "[Infinity]", "[-Infinity]", "[nul]",
	"[tru]", "[truex]", "[\"a]", "[\"a\\\"]", "[\"\\x41\"]",
	"[\"\\u12g4\"]", "[\"\\u123\"]", "[\"\\", "[\"\\\"", "[\"a\nb\"]",
	"[\"a\tb\"]", "[\"\x80\"]", "[\"\xc3\"]", "[\"\xc0\xaf\"]",
	"[\"\xed\xa0\x80\"]", "[\"\xf5\x80\x80\x80\"]", "[\"\xe2\x98\"]",
	"['a']", "[1]/**/", "\xef\xbb\xbf[]" };

TEST_EACH(what_is_no_json_is_refused, broken)
{
	struct msg_writer w = { 0 };

	ck_assert_int_eq(
	    transcode(&w, broken[row], strlen(broken[row]), NULL, 0),
	    TRANSCODE_E_MALFORMED);
	msg_writer_fini(&w);
}

TEST(a_zero_byte_is_no_end_of_the_text)
{
	struct msg_writer w = { 0 };

	ck_assert_int_eq(
	    transcode(&w, "[1\0]", 4, NULL, 0), TRANSCODE_E_MALFORMED);
	ck_assert_int_eq(
	    transcode(&w, "[1]\0", 4, NULL, 0), TRANSCODE_E_MALFORMED);
	msg_writer_fini(&w);
}

TEST(every_prefix_of_a_text_is_refused)
{
	static const char text[] =
	    "[\"name\",{\"a\":[1.5e3,-20,true,null],\"\\u00e9\":\"\xc3\xa9\"}]";
	struct msg_writer w = { 0 };

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		ck_assert_int_eq(
		    transcode(&w, text, len, NULL, 0), TRANSCODE_E_MALFORMED);
	ck_assert_int_eq(transcode(&w, text, sizeof(text) - 1, NULL, 0), 0);
	msg_writer_fini(&w);
}

/* n times open and n times close. */
static char *
nested(size_t n)
{
	char *text = malloc(2 * n + 1);

	memset(text, '[', n);
	memset(text + n, ']', n);
	text[2 * n] = '\0';
	return text;
}

TEST(a_text_nests_to_the_limit_and_no_deeper)
{
	static const size_t depths[] = { TRANSCODE_DEPTH_MAX,
		TRANSCODE_DEPTH_MAX + 1, 100000 };
	static const int wanted[] = { 0, TRANSCODE_E_DEEP, TRANSCODE_E_DEEP };

	for (size_t i = 0; i < N_ELEMENTS(depths); i++) {
		struct msg_writer w = { 0 };
		char *text = nested(depths[i]);

		ck_assert_int_eq(
		    transcode(&w, text, strlen(text), NULL, 0), wanted[i]);
		msg_writer_fini(&w);
		free(text);
	}
}

/* Each level has a head of 5 bytes, and no bracket that would pay for it. */
TEST(levels_that_the_text_leaves_open_fit_in_the_room)
{
	static const char *const units[] = { "[", "[-0,", "{\"\":", "[[],",
		"{\"\":-0,\"\":" };

	for (size_t i = 0; i < N_ELEMENTS(units); i++) {
		size_t n = strlen(units[i]);
		char *text = malloc(n * TRANSCODE_DEPTH_MAX + 4);

		for (size_t depth = 1; depth < TRANSCODE_DEPTH_MAX; depth++) {
			struct msg_writer w = { 0 };

			memcpy(text + (depth - 1) * n, units[i], n);
			memcpy(text + depth * n, "true", 4);
			ck_assert_int_eq(
			    transcode(&w, text, depth * n + 4, NULL, 0),
			    TRANSCODE_E_MALFORMED);
			msg_writer_fini(&w);
		}
		free(text);
	}
}

/* An array of so many bytes, of unit over and over. */
static char *
repeated(const char *unit, size_t len)
{
	size_t n = strlen(unit);
	char *text = malloc(len + n + 3), *at = text;

	*at++ = '[';
	for (; (size_t)(at - text) < len; at += n)
		memcpy(at, unit, n + 1);
	at[-1] = ']';
	return text;
}

static const struct {
	const char *unit;
	size_t len;
	int e;
} works[] = {
	{ "0,", 1 << 20, 0 },
	{ "0,", 4 << 20, TRANSCODE_E_COSTLY },
	{ "\"\",", 8 << 20, TRANSCODE_E_COSTLY },
	{ "1e-300,", 1 << 20, TRANSCODE_E_COSTLY },
	{ "1e-300,", 64 << 10, 0 },
	{ "\"\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\",", 1 << 20, 0 },
	{ "\"\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\",", 8 << 20,
	    TRANSCODE_E_COSTLY },
	{ "                                1,", 16 << 20, TRANSCODE_E_COSTLY },
	{ "{\"name\":\"somebody\",\"text\":\"Lorem ipsum dolor sit amet, "
	  "consectetur adipiscing elit, sed do eiusmod tempor\",\"at\":"
	  "1700000000000},",
	    8 << 20, 0 },
};

TEST_EACH(what_costs_too_much_is_refused, works)
{
	struct msg_writer w = { 0 };
	char *text = repeated(works[row].unit, works[row].len);

	ck_assert_int_eq(
	    transcode(&w, text, strlen(text), NULL, 0), works[row].e);
	msg_writer_fini(&w);
	free(text);
}

static const struct transcode_bin bins[] = {
	{ (const uint8_t *)"\x01\x02\x03", 3 },
	{ NULL, 0 },
	{ (const uint8_t *)"\xff", 1 },
};

static const struct {
	const char *text, *hex;
} placeholders[] = {
	{ "[{\"_placeholder\":true,\"num\":0}]", "dd00000001 c403010203" },
	{ "[{\"num\":2,\"_placeholder\":true}]", "dd00000001 c401ff" },
	{ "[{\"_placeholder\":true,\"num\":1.0,\"more\":[{}]}]",
	    "dd00000001 c400" },
	{ "{\"a\":{\"_placeholder\":true,\"num\":2},\"b\":1}",
	    "df00000002 a161 c401ff a162 01" },
	/* The last of equal keys. */
	{ "[{\"_placeholder\":1,\"_placeholder\":true,\"num\":9,\"num\":2}]",
	    "dd00000001 c401ff" },
	/* Data as it is. */
	{ "[{\"_placeholder\":true,\"num\":3}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c3 a36e756d "
	    "03" },
	{ "[{\"_placeholder\":true,\"num\":-1}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c3 a36e756d "
	    "ff" },
	{ "[{\"_placeholder\":true,\"num\":\"0\"}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c3 a36e756d "
	    "a130" },
	{ "[{\"_placeholder\":true,\"num\":0.5}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c3 a36e756d "
	    "cb3fe0000000000000" },
	{ "[{\"_placeholder\":true,\"num\":0,\"num\":[]}]",
	    "dd00000001 df00000003 ac5f706c616365686f6c646572 c3 a36e756d 00 "
	    "a36e756d dd00000000" },
	{ "[{\"_placeholder\":false,\"num\":0}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 c2 a36e756d "
	    "00" },
	{ "[{\"_placeholder\":[true],\"num\":0}]",
	    "dd00000001 df00000002 ac5f706c616365686f6c646572 dd00000001 c3 "
	    "a36e756d 00" },
	{ "[{\"_placeholder\":true}]",
	    "dd00000001 df00000001 ac5f706c616365686f6c646572 c3" },
};

TEST_EACH(a_placeholder_becomes_its_bin_and_nothing_else_does, placeholders)
{
	struct buffer wanted = hex(placeholders[row].hex);
	struct msg_writer w = { 0 };

	ck_assert_int_eq(
	    transcode(&w, placeholders[row].text,
		strlen(placeholders[row].text), bins, N_ELEMENTS(bins)),
	    0);
	ck_assert_uint_eq(w.len, wanted.len);
	ck_assert_mem_eq(w.data, wanted.data, wanted.len);
	msg_writer_fini(&w);
	free(wanted.data);
}

TEST(a_bin_that_is_referred_to_again_and_again_is_there_once)
{
	static const char one[] = "{\"_placeholder\":true,\"num\":0},";
	struct buffer first = hex("c403010203");
	struct msg_writer w = { 0 };
	char *text = repeated(one, 10 * (sizeof(one) - 1));
	const uint8_t *at, *end;
	size_t n = 0;

	ck_assert_int_eq(
	    transcode(&w, text, strlen(text), bins, N_ELEMENTS(bins)), 0);
	for (at = w.data, end = w.data + w.len;; n++, at += first.len) {
		at = memmem(at, (size_t)(end - at), first.data, first.len);
		if (at == NULL)
			break;
	}
	ck_assert_uint_eq(n, 1);
	msg_writer_fini(&w);
	free(first.data);
	free(text);
}
