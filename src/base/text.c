#include "base/text.h"

#include <stdint.h>

size_t
text_utf8_length(const unsigned char *s, size_t left)
{
	static const struct {
		unsigned char mask, head;
		size_t len;
	} forms[] = {
		{ 0x80, 0x00, 1 },
		{ 0xe0, 0xc0, 2 },
		{ 0xf0, 0xe0, 3 },
		{ 0xf8, 0xf0, 4 },
	};
	size_t k = 0, len;

	while (k < 4 && (s[0] & forms[k].mask) != forms[k].head)
		k++;
	if (k == 4 || forms[k].len > left)
		return 0;
	len = forms[k].len;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if (s[0] == 0xc0 || s[0] == 0xc1 || s[0] > 0xf4 ||
	    (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool
text_is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

/* C1 as \u0080 to \u009f: terminals obey those too. */
static bool
put_json_control(FILE *out, const unsigned char *s)
{
	if (!text_is_control(s))
		return false;
	fprintf(out, "\\u%04x", s[0] == 0xc2 ? s[1] : s[0]);
	return true;
}

void
text_put_json(FILE *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	fputc('"', out);
	for (size_t i = 0; i < len; i += n == 0 ? 1 : n) {
		n = text_utf8_length(s + i, len - i);
		if (n == 0)
			fputs("\xef\xbf\xbd", out);
		else if (s[i] == '"' || s[i] == '\\')
			fprintf(out, "\\%c", s[i]);
		else if (!put_json_control(out, s + i))
			fwrite(s + i, 1, n, out);
	}
	fputc('"', out);
}

void
text_put_plain(FILE *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = text_utf8_length(s + i, len - i);
		if (n == 0 || text_is_control(s + i)) {
			n = n == 0 ? 1 : n;
			for (size_t k = 0; k < n; k++)
				fprintf(out, "\\x%02x", s[i + k]);
		} else if (s[i] == '\\') {
			fputs("\\\\", out);
		} else {
			fwrite(s + i, 1, n, out);
		}
	}
}
