#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/support.h"

static int real_stderr;
static int reading_end;

/* From here on standard error is a pipe that nobody reads but the test. */
static void
capture(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	real_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
	close(fds[1]);
	reading_end = fds[0];
}

/* Returns the contents of the pipe as a string. */
static const char *
captured(void)
{
	static char text[1 << 17];
	ssize_t n = read(reading_end, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
release(void)
{
	ck_assert_int_ge(dup2(real_stderr, STDERR_FILENO), 0);
	close(real_stderr);
	close(reading_end);
}

TEST(a_line_is_time_level_event_and_pairs)
{
	const char *line;
	int y, mo, d, h, mi, s, ms, at = 0;

	capture();
	log_warn("slow-consumer", "id=%d name=\"%s\"", 7, "chat");
	line = captured();
	release();
	ck_assert_int_eq(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &y, &mo,
			     &d, &h, &mi, &s, &ms, &at),
	    7);
	ck_assert_str_eq(line + at, " warn slow-consumer id=7 name=\"chat\"\n");
}

TEST(an_event_without_pairs_ends_behind_its_name)
{
	const char *line;

	capture();
	log_info("started", "%s", "");
	line = captured();
	ck_assert_ptr_nonnull(strstr(line, " info started\n"));
	log_line(LOG_INFO, "started", "x=1");
	line = captured();
	ck_assert_ptr_nonnull(strstr(line, " info started x=1\n"));
	release();
}

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {
	{ LOG_DEBUG, "debug" },
	{ LOG_INFO, "info" },
	{ LOG_WARN, "warn" },
	{ LOG_ERROR, "error" },
};

TEST_EACH(lines_below_the_level_are_not_written, levels)
{
	capture();
	log_set_level(levels[row].level);
	ck_assert_str_eq(log_level_name(levels[row].level), levels[row].name);
	for (size_t i = 0; i < N_ELEMENTS(levels); i++) {
		const char *text;

		log_line(levels[i].level, "event", "i=%zu", i);
		text = captured();
		ck_assert_int_eq(
		    text[0] != '\0', levels[i].level >= levels[row].level);
		ck_assert_int_eq(log_enabled(levels[i].level) != 0,
		    levels[i].level >= levels[row].level);
	}
	release();
}

TEST(info_is_the_level_at_the_start)
{
	ck_assert(log_enabled(LOG_INFO));
	ck_assert(!log_enabled(LOG_DEBUG));
}

TEST(errno_is_the_same_after_a_line_that_can_not_be_written)
{
	capture();
	close(reading_end);
	reading_end = open("/dev/null", O_RDONLY);
	ck_assert_int_ge(dup2(reading_end, STDERR_FILENO), 0);
	errno = EXDEV;
	log_error("event", "a=1");
	ck_assert_int_eq(errno, EXDEV);
	release();
	ck_assert_uint_eq(log_n_dropped(), 1);
}

TEST(a_long_line_is_cut_and_still_ends)
{
	char *text = malloc(10000);
	const char *line;

	memset(text, 'x', 9999);
	text[9999] = '\0';
	capture();
	log_info("event", "text=%s", text);
	line = captured();
	ck_assert_uint_gt(strlen(line), 1000);
	/* So that a pipe that is writable takes it whole: PIPE_BUF. */
	ck_assert_uint_le(strlen(line), 4096);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	release();
	free(text);
}

TEST(a_full_pipe_drops_lines_and_counts_them)
{
	size_t n_written = 0;

	log_set_limit(0, 0);
	capture();
	/* A pipe takes 64 KiB, so this is far more than fits; the descriptor
	 * blocks, as a pipe to a supervisor does. */
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
	for (int i = 0; i < 5000; i++)
		log_info("event", "i=%d", i);
	ck_assert_uint_gt(log_n_dropped(), 0);
	for (const char *at = captured(); *at != '\0'; at++)
		n_written += *at == '\n';
	ck_assert_uint_eq(n_written + log_n_dropped(), 5000);
	log_info("event", "after=1");
	ck_assert_ptr_nonnull(strstr(captured(), "after=1"));
	release();
}

static const struct {
	const char *text;
	size_t len;
	const char *quoted;
} quotes[] = {
#define QUOTE(text, quoted)                    \
	{                                      \
		text, sizeof(text) - 1, quoted \
	}
	QUOTE("", "\"\""),
	QUOTE("plain", "\"plain\""),
	QUOTE("two words", "\"two words\""),
	QUOTE("a\"b", "\"a\\x22b\""),
	QUOTE("a\\b", "\"a\\x5cb\""),
	QUOTE("a\nb\tc", "\"a\\x0ab\\x09c\""),
	QUOTE("\0", "\"\\x00\""),
	QUOTE("\x1b[31m", "\"\\x1b[31m\""),
	QUOTE("\x7f", "\"\\x7f\""),
	QUOTE("r\xc3\xa4um", "\"r\xc3\xa4um\""),
	QUOTE("\xe2\x82\xac", "\"\xe2\x82\xac\""),
	/* Controls of C1, which some terminals obey. */
	QUOTE("\xc2\x9b", "\"\\xc2\\x9b\""),
	QUOTE("\xc2\x80z", "\"\\xc2\\x80z\""),
	QUOTE("\xc2\xa0", "\"\xc2\xa0\""),
	/* Invisible, or turning the direction of writing. */
	QUOTE("\xe2\x80\xae", "\"\\xe2\\x80\\xae\""),
	QUOTE("a\xe2\x80\x8b", "\"a\\xe2\\x80\\x8b\""),
	/* No UTF-8: some readers refuse the line. */
	QUOTE("\xc2", "\"\\xc2\""),
	QUOTE("\x9b\x31m", "\"\\x9b1m\""),
	QUOTE("\xed\xa0\x80", "\"\\xed\\xa0\\x80\""),
#undef QUOTE
};

TEST_EACH(control_bytes_and_quotes_are_escaped, quotes)
{
	struct buffer text = exactly(quotes[row].text, quotes[row].len);
	char out[64];

	ck_assert_ptr_eq(log_quote(out, sizeof(out), text.data, text.len), out);
	ck_assert_str_eq(out, quotes[row].quoted);
	free(text.data);
}

TEST(a_quoted_text_fits_any_buffer_and_is_terminated)
{
	const char text[] = "abc\n\xc3\xa4\"defghijklmnop";

	for (size_t size = 1; size <= 40; size++) {
		char *out = malloc(size);

		memset(out, 'x', size);
		log_quote(out, size, text, sizeof(text) - 1);
		ck_assert_msg(strnlen(out, size) < size,
		    "not terminated in %zu bytes", size);
		free(out);
	}
}

TEST(a_text_that_is_cut_says_so)
{
	char out[20];

	log_quote(out, sizeof(out), "0123456789012345678901234", 25);
	ck_assert_ptr_nonnull(strstr(out, "\xe2\x80\xa6\""));
	ck_assert_mem_eq(out, "\"0123456", 8);
}

TEST_ABORTS(a_fatal_line_aborts)
{
	log_fatal("out-of-memory", "bytes=%d", 1);
}

TEST(a_text_is_not_cut_within_a_character)
{
	char out[20];

	log_quote(out, sizeof(out), "123456789\xe2\x82\xac\xe2\x82\xac", 15);
	ck_assert_str_eq(out, "\"123456789\xe2\x82\xac\xe2\x80\xa6\"");
}

/* Fatal in a process of its own, of which this one reads the last line. */
TEST(a_fatal_line_is_written_whatever_the_limit)
{
	const char *text;
	pid_t pid;

	capture();
	log_set_limit(1, 1);
	pid = fork();
	if (pid == 0) {
		log_warn("out-of-memory", "n=1");
		log_warn("out-of-memory", "n=2");
		log_fatal("out-of-memory", "n=3");
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	text = captured();
	release();
	log_set_limit(0, 0);
	ck_assert_ptr_nonnull(strstr(text, "n=1"));
	ck_assert_ptr_null(strstr(text, "n=2"));
	ck_assert_ptr_nonnull(strstr(text, "n=3 suppressed=1\n"));
}

/* The one line that logging gives in a format. */
static const char *
line_in(enum log_format format, const char *pairs)
{
	const char *line;

	capture();
	log_set_format(format);
	log_warn("slow", "%s", pairs);
	line = captured();
	log_set_format(LOG_TEXT);
	release();
	return line;
}

/* Returns the text behind the time, which differs. */
static const char *
behind(const char *line, const char *mark)
{
	const char *at = strstr(line, mark);

	ck_assert_msg(at != NULL, "%s", line);
	return at;
}

TEST(logfmt_names_time_level_and_event)
{
	const char *line = line_in(LOG_LOGFMT, "id=7 name=\"a b\"");

	ck_assert_int_eq(strncmp(line, "ts=20", 5), 0);
	ck_assert_str_eq(behind(line, " level="),
	    " level=warn event=slow id=7 name=\"a b\"\n");
}

TEST(the_journal_gets_a_priority_and_no_time)
{
	ck_assert_str_eq(line_in(LOG_JOURNAL, "id=7"), "<4>slow id=7\n");
}

static const struct {
	const char *pairs, *json;
} as_json[] = {
	{ "id=7 n=-12", ",\"id\":7,\"n\":-12}\n" },
	{ "id=007 x=1.5 t=", ",\"id\":\"007\",\"x\":\"1.5\",\"t\":\"\"}\n" },
	{ "name=\"a b\" key=k", ",\"name\":\"a b\",\"key\":\"k\"}\n" },
	{ "name=\"a=b event=d\" id=1",
	    ",\"name\":\"a=b event=d\",\"id\":1}\n" },
	{ "name=\"a b=c", ",\"name\":\"\\\"a b=c\"}\n" },
	{ "name=\"", ",\"name\":\"\\\"\"}\n" },
	{ "path=/a b/c pid=3", ",\"path\":\"/a b/c\",\"pid\":3}\n" },
	{ "name=\"\\x22q\\x22\\x0a\"", ",\"name\":\"\\\"q\\\"\\u000a\"}\n" },
	{ "name=\"\\xff\xc3\xa9\"", ",\"name\":\"\xef\xbf\xbd\xc3\xa9\"}\n" },
	{ "e=\"a \"b\" c\"", ",\"e\":\"a \\\"b\\\" c\"}\n" },
	{ "", "}\n" },
};

TEST_EACH(pairs_become_json, as_json)
{
	const char *line = line_in(LOG_JSON, as_json[row].pairs);

	ck_assert_int_eq(strncmp(line, "{\"ts\":\"20", 9), 0);
	ck_assert_str_eq(behind(line, ",\"level\""),
	    strcat(strcpy((char[512]){ 0 },
		       ",\"level\":\"warn\",\"event\":\"slow\""),
		as_json[row].json));
}

TEST(a_line_of_json_that_is_too_long_is_json_all_the_same)
{
	char pairs[1900];
	const char *line;

	memset(pairs, 'x', sizeof(pairs));
	memcpy(pairs, "a=1 b=", 6);
	memset(pairs + 6, '\\', 1800);
	memcpy(pairs + 1500, " c=3", 4);
	pairs[1504] = '\0';
	line = line_in(LOG_JSON, pairs);
	ck_assert_str_eq(line + strlen(line) - 3, "1}\n");
}

TEST(a_control_never_reaches_the_log)
{
	const char *line = line_in(LOG_TEXT, "why=a\nb\033[2J");

	ck_assert_str_eq(behind(line, " warn"), " warn slow why=a?b?[2J\n");
}

TEST(more_lines_of_one_event_than_may_be_are_counted_in_the_next)
{
	uint64_t before = log_n_suppressed();
	const char *text;

	capture();
	log_set_limit(3, 1000);
	for (int i = 0; i < 10; i++)
		log_warn("again", "i=%d", i);
	log_warn("other", "%s", "");
	text = captured();
	ck_assert_ptr_nonnull(strstr(text, "again i=0"));
	ck_assert_ptr_nonnull(strstr(text, " other"));
	ck_assert_uint_ge(log_n_suppressed() - before, 1);
	usleep(5000);
	log_warn("again", "i=%d", 10);
	ck_assert_ptr_nonnull(strstr(captured(), "again i=10 suppressed="));
	log_set_limit(0, 0);
	release();
}

TEST(what_could_not_be_written_is_told_when_there_is_room_again)
{
	uint64_t before = log_n_dropped();
	char chunk[4096] = { 0 };

	log_set_limit(0, 0);
	capture();
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, chunk, sizeof(chunk)) > 0)
		;
	for (int i = 0; i < 3; i++)
		log_warn("lost", "i=%d", i);
	ck_assert_uint_eq(log_n_dropped() - before, 3);
	captured();
	log_warn("found", "%s", "");
	ck_assert_ptr_nonnull(
	    strstr(captured(), " warn log-dropped lines=3\n"));
	log_warn("found", "%s", "");
	ck_assert_ptr_null(strstr(captured(), "log-dropped"));
	release();
}

TEST(a_file_is_appended_to_and_opened_anew)
{
	char dir[32], path[64], old[64], text[256];
	FILE *file;

	make_folder(dir);
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	ck_assert_int_eq(log_set_file(path), 0);
	log_warn("one", "%s", "");
	ck_assert_int_eq(rename(path, old), 0);
	log_warn("two", "%s", "");
	ck_assert_int_eq(log_reopen(), 0);
	log_warn("three", "%s", "");
	ck_assert_int_lt(log_set_file("/nonexistent/log"), 0);
	log_warn("four", "%s", "");
	ck_assert_int_eq(log_set_file(NULL), 0);
	ck_assert_int_eq(log_reopen(), 0);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	ck_assert_ptr_null(strstr(text, "two"));
	ck_assert_ptr_nonnull(strstr(text, "three"));
	ck_assert_ptr_nonnull(strstr(text, "four"));
	remove_folder(dir);
}

TEST(auto_is_the_journal_where_it_reads_standard_error)
{
	const char *line;
	char stream[64];
	struct stat st;

	capture();
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_set_format(LOG_AUTO);
	log_warn("slow", "id=1");
	line = captured();
	ck_assert_str_eq(line, "<4>slow id=1\n");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_set_format(LOG_AUTO);
	log_warn("slow", "id=1");
	ck_assert_ptr_nonnull(strstr(captured(), " warn slow id=1\n"));
	unsetenv("JOURNAL_STREAM");
	log_set_format(LOG_TEXT);
	release();
}
