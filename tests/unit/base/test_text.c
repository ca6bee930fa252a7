#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct {
	const char *hex, *plain, *json;
} texts[] = {
	{ "", "", "\"\"" },
	{ "61", "a", "\"a\"" },
	{ "72c3a4756d", "r\xc3\xa4um", "\"r\xc3\xa4um\"" },
	{ "1b5b316d", "\\x1b[1m", "\"\\u001b[1m\"" },
	{ "0a09", "\\x0a\\x09", "\"\\u000a\\u0009\"" },
	{ "7f", "\\x7f", "\"\\u007f\"" },
	{ "c280", "\\xc2\\x80", "\"\\u0080\"" },
	{ "c29f", "\\xc2\\x9f", "\"\\u009f\"" },
	{ "c2a0", "\xc2\xa0", "\"\xc2\xa0\"" },
	{ "5c", "\\\\", "\"\\\\\"" },
	{ "22", "\"", "\"\\\"\"" },
	{ "00", "\\x00", "\"\\u0000\"" },
	{ "ff61", "\\xffa",
	    "\"\xef\xbf\xbd"
	    "a\"" },
	{ "c3", "\\xc3", "\"\xef\xbf\xbd\"" },
	{ "c080", "\\xc0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "eda080", "\\xed\\xa0\\x80",
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "f09f9880", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
};

static char *
put(void (*fn)(FILE *out, const char *text, size_t len), const char *digits)
{
	struct buffer all = hex(digits);
	struct buffer bytes = exactly(all.data, all.len);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fn(out, (const char *)bytes.data, bytes.len);
	fclose(out);
	free(bytes.data);
	free(all.data);
	return text;
}

TEST_EACH(no_control_reaches_a_terminal, texts)
{
	char *text = put(text_put_plain, texts[row].hex);

	ck_assert_str_eq(text, texts[row].plain);
	free(text);
}

TEST_EACH(a_json_string_is_utf8_whatever_it_was, texts)
{
	char *text = put(text_put_json, texts[row].hex);

	ck_assert_str_eq(text, texts[row].json);
	free(text);
}
