#include "cli/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

int64_t
format_get_int(const struct msg_node *map, const char *key)
{
	const struct msg_node *node = msg_find(map, key);
	int64_t n = 0;

	if (node != NULL && !msg_int(node, &n))
		n = 0;
	return n;
}

double
format_get_float(const struct msg_node *map, const char *key)
{
	const struct msg_node *node = msg_find(map, key);
	double d = 0;

	if (node != NULL && !msg_float(node, &d))
		d = (double)format_get_int(map, key);
	return d;
}

char *
format_count(char out[FORMAT_SIZE], int64_t n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, n), at = 0;

	for (int i = 0; i < len; i++) {
		out[at++] = digits[i];
		if (digits[i] != '-' && i + 1 < len && (len - 1 - i) % 3 == 0)
			out[at++] = ',';
	}
	out[at] = '\0';
	return out;
}

char *
format_bytes(char out[FORMAT_SIZE], double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (n >= 1024 && i + 1 < sizeof(units) / sizeof(*units)) {
		n /= 1024;
		i++;
	}
	snprintf(out, FORMAT_SIZE, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
	return out;
}

char *
format_duration(char out[FORMAT_SIZE], int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "ms", ms);
	else if (s < 60)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "m %02" PRId64 "s",
		    s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "h %02" PRId64 "m",
		    s / 3600, s / 60 % 60);
	else
		snprintf(out, FORMAT_SIZE, "%" PRId64 "d %02" PRId64 "h",
		    s / 86400, s / 3600 % 24);
	return out;
}

char *
format_us(char out[FORMAT_SIZE], int64_t us)
{
	if (us < 1000)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "us", us);
	else if (us < 1000000)
		snprintf(out, FORMAT_SIZE, "%.1fms", (double)us / 1e3);
	else
		snprintf(out, FORMAT_SIZE, "%.1fs", (double)us / 1e6);
	return out;
}

char *
format_clock(char out[FORMAT_SIZE], int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(out, FORMAT_SIZE, "%H:%M:%S", &tm);
	return out;
}

char *
format_text(char out[FORMAT_SIZE], const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	char escaped[TEXT_ESCAPED_SIZE];
	size_t at = 0, n;

	for (size_t i = 0; i < len; i += n) {
		n = text_next_plain(s + i, len - i, escaped);
		if (at + strlen(escaped) >= FORMAT_SIZE)
			break;
		memcpy(out + at, escaped, strlen(escaped));
		at += strlen(escaped);
	}
	out[at] = '\0';
	return out;
}

size_t
format_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

char *
format_cut(char *s, size_t width)
{
	size_t at = 0, left = strlen(s), n;

	while (left > 0 && width-- > 0) {
		n = text_utf8_length((const unsigned char *)s + at, left);
		if (n == 0)
			break;
		at += n;
		left -= n;
	}
	s[at] = '\0';
	return s;
}
