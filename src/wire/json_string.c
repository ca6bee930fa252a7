#include "wire/json_string.h"

#include <endian.h>
#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The lowest marked byte is a zero of `x`; bytes above it may be marked
 * wrongly. */
static uint64_t
zeros(uint64_t x)
{
	return (x - EACH(1)) & ~x & EACH(0x80);
}

/* Returns how many bytes at `p`, before `end`, neither end the string nor begin
 * an escape. Sets the bit 0x80 of *high if some of them, or a few bytes after
 * them, are beyond ASCII. */
static size_t
count_plain(const uint8_t *p, const uint8_t *end, uint64_t *high)
{
	const uint8_t *from = p;
	uint64_t word, stops;

	for (; (size_t)(end - p) >= sizeof(word); p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		*high |= word & EACH(0x80);
		stops = zeros(word ^ EACH('"')) | zeros(word ^ EACH('\\')) |
			((word - EACH(0x20)) & ~word & EACH(0x80));
		if (stops != 0)
			return (size_t)(p - from) +
			       (size_t)__builtin_ctzll(stops) / 8;
	}
	for (; p < end && *p != '"' && *p != '\\' && *p >= 0x20; p++)
		*high |= *p & 0x80;
	return (size_t)(p - from);
}

/* Returns the length of the non-ASCII sequence at `s`, which has `left` bytes;
 * 0 if invalid. */
static size_t
sequence(const uint8_t *s, size_t left)
{
	static const uint8_t lengths[16] = {
		[0xc] = 2, [0xd] = 2, [0xe] = 3, [0xf] = 4
	};
	size_t n = lengths[s[0] >> 4];

	if (n == 0 || n > left || s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void
put_utf8(uint8_t **out, uint32_t c)
{
	if (c < 0x80) {
		*(*out)++ = (uint8_t)c;
		return;
	}
	if (c < 0x800) {
		*(*out)++ = (uint8_t)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*(*out)++ = (uint8_t)(0xe0 | c >> 12);
		} else {
			*(*out)++ = (uint8_t)(0xf0 | c >> 18);
			*(*out)++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		}
		*(*out)++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	}
	*(*out)++ = (uint8_t)(0x80 | (c & 0x3f));
}

/* Returns the UTF-16 unit whose four digits are at `s`, which has `left` bytes;
 * -1 if invalid. */
static int32_t
unit_at(const uint8_t *s, size_t left)
{
	int32_t unit = 0;

	if (left < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		uint8_t c = s[i] | 0x20;

		if (s[i] >= '0' && s[i] <= '9')
			unit = unit << 4 | (s[i] - '0');
		else if (c >= 'a' && c <= 'f')
			unit = unit << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return unit;
}

/* Reads a \u at `p`, after its backslash. Returns its end, or NULL. */
static const uint8_t *
put_unit(uint8_t **out, const uint8_t *p, const uint8_t *end)
{
	int32_t unit = unit_at(p + 1, (size_t)(end - p - 1));
	int32_t low = -1;

	if (unit < 0)
		return NULL;
	p += 5;
	if (unit < 0xd800 || unit > 0xdfff) {
		put_utf8(out, (uint32_t)unit);
		return p;
	}
	if (unit < 0xdc00 && end - p > 1 && p[0] == '\\' && p[1] == 'u')
		low = unit_at(p + 2, (size_t)(end - p - 2));
	if (low < 0xdc00 || low > 0xdfff) {
		put_utf8(out, 0xfffd);
		return p;
	}
	put_utf8(
	    out, 0x10000 + (uint32_t)((unit & 0x3ff) << 10 | (low & 0x3ff)));
	return p + 6;
}

/* Reads an escape at `p`, after its backslash. Returns its end, or NULL. */
static const uint8_t *
put_escaped(uint8_t **out, const uint8_t *p, const uint8_t *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*p == 'u')
		return put_unit(out, p, end);
	found = memchr(from, *p, sizeof(from) - 1);
	if (found == NULL)
		return NULL;
	*(*out)++ = (uint8_t)to[found - from];
	return p + 1;
}

bool
json_string_scan(const uint8_t *text, size_t len, struct json_string *out)
{
	const uint8_t *p = text, *end = text + len;
	uint64_t high = 0;
	bool has_escapes = false;

	for (;;) {
		p += count_plain(p, end, &high);
		if (p == end || *p < 0x20)
			return false;
		if (*p == '"')
			break;
		has_escapes = true;
		if (end - p < 2)
			return false;
		p += 2;
	}
	out->len = (size_t)(p - text);
	out->is_plain = !has_escapes && high == 0;
	return true;
}

size_t
json_string_decode(const uint8_t *text, size_t len, uint8_t *out)
{
	const uint8_t *p = text, *end = text + len;
	uint8_t *at = out;
	size_t n;

	while (p < end) {
		if (*p == '\\') {
			p = put_escaped(&at, p + 1, end);
			if (p == NULL)
				return SIZE_MAX;
			continue;
		}
		n = *p < 0x80 ? 1 : sequence(p, (size_t)(end - p));
		if (n == 0)
			return SIZE_MAX;
		for (size_t i = 0; i < n; i++)
			*at++ = *p++;
	}
	return (size_t)(at - out);
}
