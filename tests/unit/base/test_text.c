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
	/* Bidi, zero-width, ignorable characters, and their neighbours. */
	{ "e280ae", "\\xe2\\x80\\xae", "\"\\u202e\"" },
	{ "e280ad61", "\\xe2\\x80\\xada", "\"\\u202da\"" },
	{ "e281a6", "\\xe2\\x81\\xa6", "\"\\u2066\"" },
	{ "e281a9", "\\xe2\\x81\\xa9", "\"\\u2069\"" },
	{ "d89c", "\\xd8\\x9c", "\"\\u061c\"" },
	{ "e2808b", "\\xe2\\x80\\x8b", "\"\\u200b\"" },
	{ "e2808d", "\\xe2\\x80\\x8d", "\"\\u200d\"" },
	{ "e2808f", "\\xe2\\x80\\x8f", "\"\\u200f\"" },
	{ "e28090", "\xe2\x80\x90", "\"\xe2\x80\x90\"" },
	{ "e2808a", "\xe2\x80\x8a", "\"\xe2\x80\x8a\"" },
	{ "e280a8", "\\xe2\\x80\\xa8", "\"\\u2028\"" },
	{ "e280af", "\xe2\x80\xaf", "\"\xe2\x80\xaf\"" },
	{ "c2ad", "\\xc2\\xad", "\"\\u00ad\"" },
	{ "efbbbf", "\\xef\\xbb\\xbf", "\"\\ufeff\"" },
	{ "efb88f", "\\xef\\xb8\\x8f", "\"\\ufe0f\"" },
	{ "efbfbd", "\xef\xbf\xbd", "\"\xef\xbf\xbd\"" },
	{ "e385a4", "\\xe3\\x85\\xa4", "\"\\u3164\"" },
	{ "f3a08081", "\\xf3\\xa0\\x80\\x81", "\"\\udb40\\udc01\"" },
	{ "f09d85b3", "\\xf0\\x9d\\x85\\xb3", "\"\\ud834\\udd73\"" },
	{ "f48fbfbf", "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"" },
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
