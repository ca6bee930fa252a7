/*
 * log - one event, one line, on standard error.
 *
 * A line is `time level event key=value …` (logfmt). It is written by the
 * layer that decides, with who, why and how much. Text that comes from a peer
 * goes through log_quote(). Standard error is non-blocking at no time here;
 * a line that can't be written at once is dropped and counted.
 */
#ifndef PM2A_BASE_LOG_H
#define PM2A_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below this level are not written. The default is LOG_INFO. */
void log_set_level(enum log_level level);

/* Whether a line of this level would be written. */
int log_enabled(enum log_level level);

/* "debug", "info", "warn" or "error". */
const char *log_level_name(enum log_level level);

/* How many lines could not be written since the start. */
uint64_t log_n_dropped(void);

/*
 * Writes one line. event is a short constant such as "conn-closed"; fmt makes
 * the key=value pairs. Preserves errno.
 */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/*
 * Copies len bytes of text as a quoted value into out (of size bytes, which is
 * always terminated): control bytes, quotes and backslashes as \xNN. Text that
 * does not fit ends in "…". Returns out.
 */
const char *log_quote(char *out, size_t size, const void *text, size_t len);

/* Logs at error level and aborts: an invariant of ours is broken. */
_Noreturn void log_fatal(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
