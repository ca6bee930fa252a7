#include "base/log_pairs.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define VALUE_MAX 2048

/* Returns the length of a `key=` at `s`, or 0 if none. */
static size_t
key_length(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && s[n] == '=' ? n : 0;
}

static bool
is_end(const char *s)
{
	return *s == '\0' || (*s == ' ' && key_length(s + 1) > 0);
}

/*
 * Returns the end of the value at `s`: before the next ` key=`, or the end. A
 * quoted value holds text of a peer, which must not add keys: it ends with the
 * first quote that an end follows, and log_quote() leaves no quote in it.
 */
static const char *
value_end(const char *s)
{
	bool is_quoted = *s == '"';
	const char *end = s + is_quoted;

	while (*end != '\0' &&
	       !(is_quoted ? *end == '"' && is_end(end + 1) : is_end(end)))
		end++;
	return end + (*end == '"');
}

static bool
is_number(const char *s, size_t len)
{
	size_t digits;

	if (len > 0 && *s == '-') {
		s++;
		len--;
	}
	digits = strspn(s, "0123456789");
	return len > 0 && len < 16 && digits == len && (len == 1 || *s != '0');
}

/* Undoes the \xNN of log_quote(). Returns the length. */
static size_t
unescape(char *out, const char *s, size_t len)
{
	size_t n = 0;
	unsigned byte;

	for (size_t i = 0; i < len && n < VALUE_MAX; i++)
		if (i + 3 < len && s[i] == '\\' && s[i + 1] == 'x' &&
		    sscanf(s + i + 2, "%2x", &byte) == 1) {
			out[n++] = (char)byte;
			i += 3;
		} else {
			out[n++] = s[i];
		}
	return n;
}

size_t
log_json_string(char *out, size_t size, size_t at, const char *text, size_t len)
{
	size_t n = at, used;
	char s[TEXT_ESCAPED_SIZE];

	if (n + 2 >= size)
		return at;
	out[n++] = '"';
	for (size_t i = 0; i < len; i += used) {
		used =
		    text_next_json((const unsigned char *)text + i, len - i, s);

		if (n + strlen(s) + 2 >= size) {
			out[at] = '\0';
			return at;
		}
		memcpy(out + n, s, strlen(s));
		n += strlen(s);
	}
	out[n++] = '"';
	out[n] = '\0';
	return n;
}

static size_t
put_value(char *out, size_t size, size_t at, const char *value, size_t len)
{
	char text[VALUE_MAX];

	if (is_number(value, len) && at + len < size) {
		memcpy(out + at, value, len);
		out[at + len] = '\0';
		return at + len;
	}
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	return log_json_string(out, size, at, text, unescape(text, value, len));
}

size_t
log_pairs_json(char *out, size_t size, size_t len, const char *pairs)
{
	while (*pairs != '\0') {
		size_t n_key = key_length(pairs), at = len, before;
		const char *value = pairs + n_key + 1, *end;

		if (n_key == 0) { /* a word without a key */
			pairs += strcspn(pairs, " ");
			pairs += strspn(pairs, " ");
			continue;
		}
		end = value_end(value);
		if (at + 1 >= size)
			break;
		out[at++] = ',';
		at = log_json_string(out, size, at, pairs, n_key);
		if (at + 1 >= size)
			break;
		out[at++] = ':';
		before = at;
		at = put_value(out, size, at, value, (size_t)(end - value));
		if (at == before)
			break;
		len = at;
		pairs = end + strspn(end, " ");
	}
	out[len] = '\0';
	return len;
}
