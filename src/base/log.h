/*
 * log - one event, one line, on standard error or in a file.
 *
 * A line has a time, a level, an event and key=value pairs. The layer that
 * decides writes it, with who, why and how much. Text of a peer goes through
 * log_quote(); other controls are escaped.
 *
 * Nothing here blocks: a line that can't be written at once is dropped and
 * counted, and the next written line is preceded by the number of dropped ones.
 * Lines of one event are limited to 100 at once and 10 a second after that, so
 * that one peer's repeated mistake can't fill a disk; the number of suppressed
 * lines is in `suppressed` of the event's next line.
 */
#ifndef PM2A_BASE_LOG_H
#define PM2A_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_format {
	/* LOG_JOURNAL if standard error is systemd's journal (systemd.exec(5),
	 * JOURNAL_STREAM), else LOG_TEXT. */
	LOG_AUTO,
	/* `time level event key=value …`; on a terminal with colours. */
	LOG_TEXT,
	/* `ts=… level=… event=… key=value …` */
	LOG_LOGFMT,
	/* An object in a line: ts, level, event and the keys. */
	LOG_JSON,
	/* `<N>event key=value …`: sd-daemon(3); the journal has the time. */
	LOG_JOURNAL,
	LOG_N_FORMATS,
};

/* Lines below this level are not written. The default is LOG_INFO. */
void log_set_level(enum log_level level);

/* The default is LOG_TEXT without colours. */
void log_set_format(enum log_format format);

/* Appends to the file at `path`, which is copied; NULL: to standard error.
 * Returns 0, or a negative errno and changes nothing. */
int log_set_file(const char *path);

/* Reopens the file, if any, under its name, which may have been renamed.
 * Returns as log_set_file(). */
int log_reopen(void);

/* Sets how many lines of one event are allowed at once, and each second after
 * that. 0, 0: no limit. */
void log_set_limit(unsigned at_once, unsigned per_second);

/* Returns whether a line of this level is written. */
int log_enabled(enum log_level level);

/* Returns "debug", "info", "warn" or "error". */
const char *log_level_name(enum log_level level);

/* Return the number of lines that were dropped, and suppressed by the limit,
 * since the start. */
uint64_t log_n_dropped(void);
uint64_t log_n_suppressed(void);

/*
 * Writes one line. `event` is a short constant such as "conn-closed"; `fmt`
 * makes the key=value pairs. Preserves errno.
 */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/*
 * Copies `len` bytes of `text` as a quoted value into `out` (of `size` bytes,
 * always terminated), with controls, quotes, backslashes and invalid UTF-8 as
 * \xNN. Text that does not fit ends in "…". Returns `out`.
 */
const char *log_quote(char *out, size_t size, const void *text, size_t len);

/* Logs at error level and aborts: an invariant is broken. */
_Noreturn void log_fatal(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
