#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static enum log_level threshold = LOG_INFO;
static uint64_t n_dropped;

void
log_set_level(enum log_level level)
{
	threshold = level;
}

int
log_enabled(enum log_level level)
{
	return level >= threshold;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

uint64_t
log_n_dropped(void)
{
	return n_dropped;
}

/*
 * Standard error is usually a pipe to pm2, shared with whoever else holds it,
 * so it can't be made non-blocking. A pipe that poll() calls writable takes
 * PIPE_BUF (4096) bytes without blocking, and a line is shorter.
 */
static void
write_line(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT) ||
	    pfd.revents & POLLERR ||
	    write(STDERR_FILENO, line, len) != (ssize_t)len)
		n_dropped++;
}

static size_t
put_time(char *out, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(
	    out + n, size - n, ".%03ldZ", ts.tv_nsec / 1000000);
	return n;
}

static void vlog(enum log_level level, const char *event, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static void
vlog(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t n = put_time(line, sizeof(line));

	n += (size_t)snprintf(
	    line + n, sizeof(line) - n, " %s %s", level_names[level], event);
	if (fmt[0] != '\0' && n < sizeof(line) - 1) {
		line[n++] = ' ';
		n += (size_t)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	}
	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	line[n++] = '\n';
	write_line(line, n);
}

void
log_line(enum log_level level, const char *event, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vlog(level, event, fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_fatal(const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_ERROR, event, fmt, ap);
	va_end(ap);
	abort();
}

/* Whether byte i is a control, one of the two bytes of a control of C1 in
 * UTF-8, or what quoting needs. */
static int
must_escape(const unsigned char *s, size_t i, size_t len)
{
	if (s[i] == 0xc2)
		return i + 1 < len && s[i + 1] < 0xa0;
	if (s[i] >= 0x80 && s[i] < 0xa0)
		return i > 0 && s[i - 1] == 0xc2;
	return s[i] < 0x20 || s[i] == 0x7f || s[i] == '"' || s[i] == '\\';
}

const char *
log_quote(char *out, size_t size, const void *text, size_t len)
{
	static const char more[] = "…\"";
	const unsigned char *s = text;
	size_t n = 0;

	if (size < sizeof(more) + 1) {
		snprintf(out, size, "\"");
		return out;
	}
	out[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (n + 4 + sizeof(more) > size) {
			memcpy(out + n, more, sizeof(more));
			return out;
		}
		if (must_escape(s, i, len))
			n += (size_t)snprintf(out + n, 5, "\\x%02x", s[i]);
		else
			out[n++] = (char)s[i];
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
