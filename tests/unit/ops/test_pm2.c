#include "ops/pm2.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/pm2_channel.h"
#include "unit/rig/edges.h"

/* The test is pm2, at the other end of the channel. */
static struct pm2 *pm2;
static int far = -1;
static char *heard;
static size_t n_heard;
static int n_shutdowns;
static bool reload_fails;
static char level[32];

static void
on_shutdown(void *arg)
{
	(void)arg;
	n_shutdowns++;
}

static bool
on_reload(char *said, size_t size, void *arg)
{
	(void)arg;
	snprintf(said, size, reload_fails ? "line 3" : "1 changed");
	return !reload_fails;
}

static bool
on_log_level(const char *wanted, char *said, size_t size, void *arg)
{
	(void)arg;
	snprintf(level, sizeof(level), "%s", wanted);
	snprintf(said, size, "set %.2s", wanted);
	return true;
}

static void
meet(void)
{
	const struct pm2_hooks hooks = { NULL, on_shutdown, on_reload,
		on_log_level };
	int fds[2];

	begin();
	n_shutdowns = 0;
	reload_fails = false;
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	far = fds[0];
	pm2 = pm2_new(loop, fds[1], hub, &hooks);
	heard = NULL;
	n_heard = 0;
}

static void
part(void)
{
	pm2_free(pm2);
	if (far >= 0)
		close(far);
	far = -1;
	free(heard);
	end();
}

static void
order(const char *text)
{
	ck_assert_int_eq(write(far, text, strlen(text)), (ssize_t)strlen(text));
	settle();
}

/* Everything that has been sent so far, as one text. */
static const char *
hear(void)
{
	char bytes[65536];
	ssize_t n;

	for (int i = 0; i < 5; i++) {
		settle();
		while ((n = read(far, bytes, sizeof(bytes))) > 0) {
			heard = realloc(heard, n_heard + (size_t)n + 1);
			memcpy(heard + n_heard, bytes, (size_t)n);
			n_heard += (size_t)n;
			turn();
		}
	}
	if (heard == NULL)
		heard = calloc(1, 1);
	heard[n_heard] = '\0';
	return heard;
}

static void
forget(void)
{
	hear();
	n_heard = 0;
}

static size_t
n_lines_with(const char *part)
{
	size_t n = 0;

	for (const char *at = hear(); (at = strstr(at, part)) != NULL; at++)
		n++;
	return n;
}

TEST(nothing_is_sent_before_it_is_ready)
{
	meet();
	ck_assert_str_eq(hear(), "");
	pm2_say_ready(pm2);
	ck_assert_uint_eq(n_lines_with("\n\"ready\"\n"), 1);
	ck_assert_uint_eq(n_lines_with("\"axm:action\""), 5);
	part();
}

TEST(the_values_come_at_once_and_then_once_a_second)
{
	meet();
	pm2_say_ready(pm2);
	ck_assert_uint_eq(n_lines_with("axm:monitor"), 1);
	ck_assert_ptr_nonnull(strstr(hear(),
	    "\"Workers\":{\"value\":\"0\",\"unit\":\"\",\"type\":\"custom\","
	    "\"historic\":true}"));
	ck_assert_ptr_nonnull(strstr(hear(), "\"Loop busy\":{\"value\":\""));
	ck_assert_uint_eq(n_lines_with("axm:monitor"), 1);
	part();
}

TEST(an_action_is_answered_with_its_section)
{
	meet();
	join();
	order("\"clients\"\n");
	ck_assert_ptr_nonnull(strstr(hear(),
	    "{\"type\":\"axm:reply\",\"data\":{\"return\":{\"clients\":[{"));
	ck_assert_ptr_nonnull(
	    strstr(hear(), "\"action_name\":\"clients\"}}\n"));
	forget();
	order("\"stats\"\n\"topics\"\n");
	ck_assert_ptr_nonnull(strstr(hear(), "{\"return\":{\"overview\":{"));
	ck_assert_ptr_nonnull(strstr(hear(), "{\"return\":{\"topics\":[]}"));
	part();
}

TEST(an_action_with_an_argument_is_a_map)
{
	meet();
	order("{\"msg\":\"log-level\",\"opts\":\"debug\",\"id\":0}\n");
	ck_assert_str_eq(level, "debug");
	ck_assert_ptr_nonnull(
	    strstr(hear(), "\"return\":{\"ok\":true,\"message\":\"set de\"}"));
	order("\"log-level\"\n");
	ck_assert_str_eq(level, "");
	part();
}

TEST(a_reload_says_what_came_of_it)
{
	meet();
	order("\"reload\"\n");
	ck_assert_ptr_nonnull(strstr(
	    hear(), "\"return\":{\"ok\":true,\"message\":\"1 changed\"}"));
	reload_fails = true;
	order("\"reload\"\n");
	ck_assert_ptr_nonnull(
	    strstr(hear(), "\"return\":{\"ok\":false,\"error\":\"line 3\"}"));
	part();
}

/* The hook's answer ends within the second character of the argument. */
TEST(an_answer_that_is_no_utf_8_is_one_all_the_same)
{
	meet();
	order("{\"msg\":\"log-level\",\"opts\":\"x\xc3\xa9\"}\n");
	ck_assert_ptr_nonnull(strstr(hear(),
	    "\"return\":{\"ok\":true,\"message\":\"set x\xef\xbf\xbd\"}"));
	part();
}

TEST(a_topic_with_a_zero_in_its_name_is_listed)
{
	struct msg_writer w = { 0 };
	size_t start = control_begin(&w);
	struct client *worker;

	msg_put_array(&w, 1);
	msg_put_strn(&w, "a\0b", 3);
	control_end(&w, start, FRAME_SUBSCRIBE);
	meet();
	worker = join();
	say(worker, w.data, w.len);
	msg_writer_fini(&w);
	settle();
	order("\"topics\"\n");
	ck_assert_ptr_nonnull(strstr(hear(), "\"topic\":\"a\\u0000b\""));
	part();
}

TEST(shutdown_is_a_message_and_no_action)
{
	meet();
	order("{\"msg\":\"shutdown\"}\n");
	ck_assert_int_eq(n_shutdowns, 0);
	order("\"shutdown\"\n");
	ck_assert_int_eq(n_shutdowns, 1);
	ck_assert_str_eq(hear(), "");
	part();
}

TEST(what_is_no_message_changes_nothing)
{
	static const char *const lines[] = { "\n", "{\n", "nonsense\n", "[]\n",
		"17\n", "null\n", "{\"msg\":5}\n", "{\"opts\":\"x\"}\n",
		"\"no such action\"\n", "\xff\xfe\n",
		"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\"}\n" };

	meet();
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		order(lines[i]);
	ck_assert_str_eq(hear(), "");
	order("\"reload\"\n");
	ck_assert_uint_eq(n_lines_with("1 changed"), 1);
	part();
}

TEST(a_line_may_come_in_pieces_and_several_at_once)
{
	static const char text[] = "\"reload\"\n\"reload\"\n";

	meet();
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		order((char[]){ text[i], '\0' });
	order(text);
	ck_assert_uint_eq(n_lines_with("1 changed"), 4);
	part();
}

TEST(a_line_that_is_too_long_is_passed_over)
{
	char *chunk = calloc(1, 8193);

	meet();
	memset(chunk, 'x', 8192);
	for (int i = 0; i < 128; i++)
		order(chunk);
	order("\n\"reload\"\n");
	ck_assert_uint_eq(n_lines_with("1 changed"), 1);
	free(chunk);
	part();
}

TEST(the_end_of_the_channel_is_not_the_end_of_the_daemon)
{
	meet();
	pm2_say_ready(pm2);
	settle();
	close(far);
	far = -1;
	settle();
	pm2_say_ready(pm2);
	settle();
	ck_assert_ptr_nonnull(join());
	part();
}

/* Messages right before the end of the channel are handled. */
TEST(shutdown_right_before_the_end_is_obeyed)
{
	meet();
	pm2_say_ready(pm2);
	ck_assert_int_eq(write(far, "\"shutdown\"\n", 11), 11);
	close(far);
	far = -1;
	settle();
	ck_assert_int_eq(n_shutdowns, 1);
	part();
}

static void
ignore_line(const char *line, size_t len, void *arg)
{
	(void)line;
	(void)len;
	(void)arg;
}

static size_t
drain_far(void)
{
	char bytes[65536];
	size_t n = 0;
	ssize_t got;

	do {
		turn();
		got = read(far, bytes, sizeof(bytes));
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	return n;
}

TEST(what_nobody_reads_is_dropped_whole_and_counted)
{
	struct pm2_channel channel = { .on_line = ignore_line };
	size_t len = 100000, n_sent = 200;
	char *text = calloc(1, len);
	int fds[2];

	begin();
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	far = fds[0];
	pm2_channel_open(&channel, loop, fds[1]);
	memset(text, 'x', len);
	for (size_t i = 0; i < n_sent; i++)
		pm2_channel_send(&channel, text, len);
	ck_assert_uint_gt(channel.n_dropped, 0);
	ck_assert_uint_le(
	    channel.n_queued - channel.sent, (size_t)PM2_QUEUE_MAX);
	ck_assert_uint_eq(
	    drain_far(), (n_sent - channel.n_dropped) * (len + 1));
	pm2_channel_send(&channel, text, len);
	ck_assert_uint_eq(drain_far(), len + 1);
	pm2_channel_close(&channel);
	pm2_channel_close(&channel);
	close(far);
	far = -1;
	free(text);
	end();
}

static void
write_pid(const char *home, pid_t pid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/pm2.pid", home);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%d", (int)pid);
	fclose(file);
}

/* The environment of a child of pm2, whose channel is fd. */
static void
pretend(int fd)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	setenv("NODE_CHANNEL_FD", number, 1);
	setenv("NODE_CHANNEL_SERIALIZATION_MODE", "json", 1);
}

TEST(pm2_is_there_when_it_is_our_parent)
{
	char home[32];
	int fds[2], file;

	make_folder(home);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	file = open("/dev/null", O_RDWR | O_CLOEXEC);
	setenv("PM2_HOME", home, 1);
	pretend(fds[1]);
	unsetenv("pm_id");
	ck_assert_int_eq(pm2_inherited(), -1);
	setenv("pm_id", "3", 1);
	ck_assert_int_eq(pm2_inherited(), -1); /* it was taken out above */
	pretend(fds[1]);
	ck_assert_int_eq(pm2_inherited(), -1); /* no pm2.pid */
	write_pid(home, getpid());
	pretend(fds[1]);
	ck_assert_int_eq(pm2_inherited(), -1); /* another's child */
	write_pid(home, getppid());
	pretend(file);
	ck_assert_int_eq(pm2_inherited(), -1); /* no socket */
	pretend(fds[1]);
	setenv("NODE_CHANNEL_SERIALIZATION_MODE", "advanced", 1);
	ck_assert_int_eq(pm2_inherited(), -1);
	pretend(fds[1]);
	ck_assert_int_eq(pm2_inherited(), fds[1]);
	ck_assert_ptr_null(getenv("NODE_CHANNEL_FD"));
	unsetenv("PM2_HOME");
	unsetenv("pm_id");
	close(file);
	close(fds[0]);
	close(fds[1]);
	remove_folder(home);
}
