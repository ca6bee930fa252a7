#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log_pairs.h"
#include "base/text.h"

#define LINE_MAX_BYTES 2048
#define STAMP_SIZE 32
#define KINDS_MAX 128 /* events with limits of their own */

static const char *const level_names[] = { "debug", "info", "warn", "error" };

/* syslog(3)'s priorities. */
static const int priorities[] = { 7, 6, 4, 3 };

static const char *const colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };

static enum log_level threshold = LOG_INFO;
static enum log_format format = LOG_TEXT;
static bool is_coloured;
static int fd = STDERR_FILENO;
static char *file; /* or NULL: standard error */
static uint64_t n_dropped, n_dropped_told, n_suppressed;
static unsigned limit_at_once = 100, limit_per_second = 10;

/* A bucket of tokens for each event; one token a line. */
static struct kind {
	const char *event;
	int64_t thousandths; /* of tokens */
	int64_t at_ms;
	uint64_t n_suppressed; /* since its last line */
} kinds[KINDS_MAX];

void
log_set_level(enum log_level level)
{
	threshold = level;
}

/* Returns whether standard error is the stream that systemd's journal reads:
 * its device and inode are in JOURNAL_STREAM. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && fstat(STDERR_FILENO, &st) == 0 &&
	       sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       device == st.st_dev && inode == st.st_ino;
}

void
log_set_format(enum log_format wanted)
{
	format = wanted;
	if (wanted == LOG_AUTO)
		format = file == NULL && is_journal() ? LOG_JOURNAL : LOG_TEXT;
	is_coloured =
	    format == LOG_TEXT && isatty(fd) && getenv("NO_COLOR") == NULL;
}

int
log_set_file(const char *path)
{
	char *copy = NULL;
	int opened = STDERR_FILENO;

	if (path != NULL) {
		opened = open(path,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY |
			O_NONBLOCK,
		    0640);
		if (opened < 0)
			return -errno;
		copy = strdup(path);
	}
	if (path != NULL && copy == NULL) {
		close(opened);
		return -ENOMEM;
	}
	if (fd != STDERR_FILENO)
		close(fd);
	free(file);
	fd = opened;
	file = copy;
	return 0;
}

int
log_reopen(void)
{
	char path[4096];

	if (file == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s", file);
	return log_set_file(path);
}

void
log_set_limit(unsigned at_once, unsigned per_second)
{
	limit_at_once = at_once;
	limit_per_second = per_second;
	memset(kinds, 0, sizeof(kinds));
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

uint64_t
log_n_suppressed(void)
{
	return n_suppressed;
}

/*
 * Standard error is usually a pipe to pm2 that other processes share, so it
 * can't be made non-blocking. A pipe that poll() reports as writable takes
 * PIPE_BUF (4096) bytes without blocking, and a line is shorter.
 */
static bool
write_bytes(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT &&
	       !(pfd.revents & POLLERR) && write(fd, line, len) == (ssize_t)len;
}

static void
put_time(char out[STAMP_SIZE])
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(out, STAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, STAMP_SIZE - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

/* Writes the part of the line before its pairs. Returns the length. */
static size_t
put_head(char *out, size_t size, enum log_level level, const char *event)
{
	const char *on = is_coloured ? colours[level] : "";
	const char *off = *on == '\0' ? "" : "\033[0m";
	char stamp[STAMP_SIZE];
	int n;

	put_time(stamp);
	switch (format) {
	case LOG_LOGFMT:
		n = snprintf(out, size, "ts=%s level=%s event=%s", stamp,
		    level_names[level], event);
		break;
	case LOG_JSON:
		n = snprintf(out, size,
		    "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", stamp,
		    level_names[level], event);
		break;
	case LOG_JOURNAL:
		n = snprintf(out, size, "<%d>%s", priorities[level], event);
		break;
	default:
		n = snprintf(out, size, "%s%s %s %s%s", on, stamp,
		    level_names[level], event, off);
		break;
	}
	return (size_t)n;
}

/* Escapes controls that callers did not quote. */
static void
clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static bool
write_event(enum log_level level, const char *event, char *pairs)
{
	char line[LINE_MAX_BYTES];
	size_t n = put_head(line, sizeof(line) - 2, level, event);

	clean(pairs);
	if (format == LOG_JSON) {
		n = log_pairs_json(line, sizeof(line) - 2, n, pairs);
		line[n++] = '}';
	} else if (*pairs != '\0') {
		n += (size_t)snprintf(
		    line + n, sizeof(line) - 1 - n, " %s", pairs);
		if (n > sizeof(line) - 2)
			n = sizeof(line) - 2;
	}
	line[n++] = '\n';
	return write_bytes(line, n);
}

/* Reports dropped lines before the next line that can be written. */
static void
tell_dropped(void)
{
	char pairs[64];

	if (n_dropped == n_dropped_told)
		return;
	snprintf(pairs, sizeof(pairs), "lines=%llu",
	    (unsigned long long)(n_dropped - n_dropped_told));
	if (write_event(LOG_WARN, "log-dropped", pairs))
		n_dropped_told = n_dropped;
}

static struct kind *
find_kind(const char *event)
{
	size_t i = 0;

	while (i < KINDS_MAX - 1 && kinds[i].event != NULL &&
	       strcmp(kinds[i].event, event) != 0)
		i++;
	if (kinds[i].event == NULL)
		kinds[i] = (struct kind){ .event = event,
			.thousandths = 1000LL * limit_at_once };
	return &kinds[i];
}

/* Takes a token of the event. Returns false if none is left. */
static bool
take_token(struct kind *kind)
{
	struct timespec ts;
	int64_t now_ms, full = 1000LL * limit_at_once;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	kind->thousandths += (now_ms - kind->at_ms) * limit_per_second;
	kind->at_ms = now_ms;
	if (kind->thousandths > full)
		kind->thousandths = full;
	if (limit_at_once == 0)
		return true;
	if (kind->thousandths < 1000) {
		kind->n_suppressed++;
		n_suppressed++;
		return false;
	}
	kind->thousandths -= 1000;
	return true;
}

static void vlog(enum log_level level, const char *event, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static void
vlog(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	struct kind *kind = find_kind(event);
	char pairs[LINE_MAX_BYTES] = "";
	size_t n;

	if (fmt[0] != '\0')
		vsnprintf(pairs, sizeof(pairs), fmt, ap);
	n = strlen(pairs);
	if (kind->n_suppressed > 0)
		snprintf(pairs + n, sizeof(pairs) - n, "%ssuppressed=%llu",
		    n == 0 ? "" : " ", (unsigned long long)kind->n_suppressed);
	kind->n_suppressed = 0;
	tell_dropped();
	if (!write_event(level, event, pairs))
		n_dropped++;
}

void
log_line(enum log_level level, const char *event, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!log_enabled(level))
		return;
	if (take_token(find_kind(event))) {
		va_start(ap, fmt);
		vlog(level, event, fmt, ap);
		va_end(ap);
	}
	errno = saved;
}

void
log_fatal(const char *event, const char *fmt, ...)
{
	va_list ap;

	/* The last line is never suppressed. */
	va_start(ap, fmt);
	vlog(LOG_ERROR, event, fmt, ap);
	va_end(ap);
	abort();
}

/* Returns true if the character at `s`, of *n bytes, is not safe or would end
 * the quotes. */
static bool
must_escape(const unsigned char *s, size_t left, size_t *n)
{
	bool is_safe;

	*n = text_next(s, left, &is_safe);
	return !is_safe || *s == '"' || *s == '\\';
}

const char *
log_quote(char *out, size_t size, const void *text, size_t len)
{
	static const char more[] = "…\"";
	const unsigned char *s = text;
	size_t n = 0, n_bytes;

	if (size < sizeof(more) + 1) {
		snprintf(out, size, "\"");
		return out;
	}
	out[n++] = '"';
	for (size_t i = 0; i < len; i += n_bytes) {
		bool is_escaped = must_escape(s + i, len - i, &n_bytes);

		if (n + (is_escaped ? 4 * n_bytes : 4) + sizeof(more) > size) {
			memcpy(out + n, more, sizeof(more));
			return out;
		}
		for (size_t k = i; k < i + n_bytes; k++)
			if (is_escaped)
				n += (size_t)snprintf(
				    out + n, 5, "\\x%02x", s[k]);
			else
				out[n++] = (char)s[k];
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
