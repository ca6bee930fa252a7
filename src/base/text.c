#include "base/text.h"

#include <stdint.h>
#include <string.h>

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
	/* Overlong forms, surrogates, and code points beyond U+10FFFF. */
	if (s[0] == 0xc0 || s[0] == 0xc1 || s[0] > 0xf4 ||
	    (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Decodes the sequence of `n` bytes at `s`, valid UTF-8. */
static uint32_t
code_point(const unsigned char *s, size_t n)
{
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* Unicode 17: Cc, Zl, Zp, Default_Ignorable_Code_Point, which has those that
 * are invisible and those that turn the direction of writing, and the
 * annotations. */
static bool
is_deceptive(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f },
		{ 0x007f, 0x009f },
		{ 0x00ad, 0x00ad },
		{ 0x034f, 0x034f },
		{ 0x061c, 0x061c },
		{ 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f },
		{ 0x200b, 0x200f },
		{ 0x2028, 0x202e },
		{ 0x2060, 0x206f },
		{ 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },
		{ 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff },
	};

	if (c >= 0x20 && c < 0x7f)
		return false;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

size_t
text_next(const unsigned char *s, size_t left, bool *is_safe)
{
	size_t n = text_utf8_length(s, left);

	*is_safe = n > 0 && !is_deceptive(code_point(s, n));
	return n > 0 ? n : 1;
}

/* Writes the last `digits` hex digits of `c`. Not with printf(), since it
 * writes topics of 4 KiB, a thousand in one reply. */
static char *
put_hex(char *out, uint32_t c, int digits)
{
	while (digits-- > 0)
		*out++ = "0123456789abcdef"[c >> (4 * digits) & 0xf];
	return out;
}

static char *
put_u(char *out, uint32_t c)
{
	*out++ = '\\';
	*out++ = 'u';
	return put_hex(out, c, 4);
}

size_t
text_escape(const unsigned char *s, size_t n, char out[TEXT_ESCAPED_SIZE])
{
	char *at = out;

	for (size_t i = 0; i < n; i++) {
		*at++ = '\\';
		*at++ = 'x';
		at = put_hex(at, s[i], 2);
	}
	*at = '\0';
	return (size_t)(at - out);
}

/* Writes the `n` bytes at `s`, after a backslash if they need one. */
static void
put_raw(char *out, const unsigned char *s, size_t n, bool needs_backslash)
{
	*out = '\\';
	out += needs_backslash;
	memcpy(out, s, n);
	out[n] = '\0';
}

size_t
text_next_plain(
    const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE])
{
	bool is_safe;
	size_t n = text_next(s, left, &is_safe);

	if (is_safe)
		put_raw(out, s, n, *s == '\\');
	else
		text_escape(s, n, out);
	return n;
}

size_t
text_next_json(const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE])
{
	bool is_safe;
	size_t n = text_next(s, left, &is_safe);
	uint32_t c;

	if (is_safe) {
		put_raw(out, s, n, *s == '"' || *s == '\\');
	} else if (text_utf8_length(s, left) == 0) {
		strcpy(out, "\xef\xbf\xbd");
	} else if ((c = code_point(s, n)) < 0x10000) {
		*put_u(out, c) = '\0';
	} else {
		c -= 0x10000;
		out = put_u(out, 0xd800 + (c >> 10));
		*put_u(out, 0xdc00 + (c & 0x3ff)) = '\0';
	}
	return n;
}

/* Collects the characters, since writing each by itself takes ten times as
 * long. */
static void
put_each(FILE *out, const char *text, size_t len,
    size_t (*next)(
	const unsigned char *s, size_t left, char out[TEXT_ESCAPED_SIZE]))
{
	const unsigned char *s = (const unsigned char *)text;
	char some[1024];
	size_t n = 0, i = 0;

	while (i < len) {
		if (n + TEXT_ESCAPED_SIZE > sizeof(some)) {
			fwrite_unlocked(some, 1, n, out);
			n = 0;
		}
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' &&
		    s[i] != '\\') {
			some[n++] = (char)s[i++];
			continue;
		}
		i += next(s + i, len - i, some + n);
		n += strlen(some + n);
	}
	fwrite_unlocked(some, 1, n, out);
}

void
text_put_json(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	put_each(out, text, len, text_next_json);
	fputc('"', out);
}

void
text_put_plain(FILE *out, const char *text, size_t len)
{
	put_each(out, text, len, text_next_plain);
}
