#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct {
	const char *text, *hex;
} values[] = {
	{ "null", "c0" },
	{ "true", "c3" },
	{ "false", "c2" },
	{ "0", "00" },
	{ "-1", "ff" },
	{ "5000", "cd1388" },
	{ "9223372036854775807", "cf7fffffffffffffff" },
	{ "-9223372036854775808", "d38000000000000000" },
	{ "1.5", "cb3ff8000000000000" },
	{ "\"\"", "a0" },
	{ "\"r\xc3\xa4um\"", "a572c3a4756d" },
	{ "\"a\\u0000b\"", "a3610062" },
	{ "\"a\\n\\t\\\"\\\\\"", "a5610a09225c" },
	{ "[]", "90" },
	{ "[1,[2],[]]", "93 01 91 02 90" },
	{ "{}", "80" },
	{ "{\"json\":1}", "81 a46a736f6e 01" },
	{ "{\"a\":{\"b\":[null]}}", "81 a161 81 a162 91 c0" },
};

TEST_EACH(a_text_becomes_msgpack, values)
{
	struct buffer wanted = hex(values[row].hex);
	struct msg_writer w = { 0 };
	struct json_why why;

	ck_assert_int_eq(json_read(&w, values[row].text, &why), 0);
	ck_assert_uint_eq(w.len, wanted.len);
	ck_assert_mem_eq(w.data, wanted.data, wanted.len);
	msg_writer_fini(&w);
	free(wanted.data);
}

static char *
print(const void *data, size_t len, bool *is_value)
{
	struct bytes b = bytes_over(data, len);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	*is_value = json_print(out, &b);
	fclose(out);
	if (*is_value)
		ck_assert_uint_eq(bytes_left(&b), 0);
	return text;
}

static void
check_print(const char *digits, const char *wanted)
{
	struct buffer bytes = hex(digits);
	bool is_value;
	char *text = print(bytes.data, bytes.len, &is_value);

	ck_assert(is_value);
	ck_assert_str_eq(text, wanted);
	free(text);
	free(bytes.data);
}

/* Escapes come out in one form, whichever they had. */
TEST_EACH(msgpack_becomes_the_text, values)
{
	if (strchr(values[row].text, '\\') == NULL)
		check_print(values[row].hex, values[row].text);
}

static const struct {
	const char *hex, *text;
} printed[] = {
	{ "cfffffffffffffffff", "18446744073709551615" },
	{ "ca3fc00000", "1.5" },
	{ "cb7ff8000000000000", "null" },
	{ "cb7ff0000000000000", "null" },
	{ "c4020aff", "{\"bin\":\"0aff\"}" },
	{ "d40501", "{\"ext\":\"0501\"}" },
	{ "a41b5b316d", "\"\\u001b[1m\"" },
	{ "a2c29b", "\"\\u009b\"" },
	{ "a17f", "\"\\u007f\"" },
	{ "a1ff", "\"\xef\xbf\xbd\"" },
	{ "81 05 a161", "{\"5\":\"a\"}" },
	{ "81 c0 01", "{\"null\":1}" },
	{ "81 c3 01", "{\"true\":1}" },
	{ "81 c4010a 01", "{\"0a\":1}" },
	{ "82 9101 02 a162 03", "{\"\":2,\"b\":3}" },
};

TEST_EACH(what_json_does_not_have_is_said_otherwise, printed)
{
	check_print(printed[row].hex, printed[row].text);
}

static const char *const wrong[] = { "", " ", "{", "[1,]", "01", "'a'", "{a:1}",
	"[1] 2", "\"a", "1e999", "\xff", "9223372036854775808",
	"{\"a\":1,\"a\":2}" };

TEST_EACH(what_is_no_json_is_refused, wrong)
{
	struct msg_writer w = { 0 };
	struct json_why why = { "" };

	ck_assert_int_eq(json_read(&w, wrong[row], &why), JSON_E_SYNTAX);
	ck_assert_str_ne(why.text, "");
	msg_writer_fini(&w);
}

static const char *const cut_off[] = { "", "92 01", "81 a161", "a261", "c1",
	"dd ffffffff 01", "81 9101", "91 81 c1" };

TEST_EACH(what_is_no_value_is_not_printed_as_one, cut_off)
{
	struct buffer bytes = hex(cut_off[row]);
	bool is_value;
	char *text = print(bytes.data, bytes.len, &is_value);

	ck_assert(!is_value);
	free(text);
	free(bytes.data);
}

TEST(reading_is_bounded_in_depth)
{
	char text[2 * JSON_DEPTH_MAX + 8] = "";
	struct json_why why;

	for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		struct msg_writer w = { 0 };

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		text[2 * depth] = '\0';
		ck_assert_int_eq(json_read(&w, text, &why),
		    depth <= JSON_DEPTH_MAX ? 0 : JSON_E_SYNTAX);
		msg_writer_fini(&w);
	}
}

TEST(what_nests_too_deep_is_cut)
{
	size_t len = 100000;
	uint8_t *deep = malloc(len);
	bool is_value;
	char *text;

	memset(deep, 0x91, len);
	deep[len - 1] = 0xc0;
	text = print(deep, len, &is_value);
	ck_assert(is_value);
	ck_assert_uint_eq(strspn(text, "["), JSON_DEPTH_MAX);
	ck_assert_ptr_nonnull(strstr(text, "[\"\xe2\x80\xa6\"]"));
	free(text);
	free(deep);
}
