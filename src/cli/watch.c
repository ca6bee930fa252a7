#include "cli/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/inspect.h"
#include "cli/view.h"

/*
 * On a terminal the alternate screen is used (ECMA-48 with the private modes of
 * xterm), so that what was there before comes back. A frame is written at once:
 * cursor home, each line with the rest of it erased, then what lies below. So
 * nothing flickers.
 *
 * Signals come by signalfd(2), beside the keys and the time of the next sample:
 * there is one place that waits, and one way out, which restores the terminal.
 */

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

struct watch {
	const char *socket;
	struct control_stats wanted;
	int interval_ms;
	struct inspector now, before; /* the answers; now has the connection */
	struct instant taken;
	int64_t elapsed_ms; /* between the two answers */
	struct view view;
	bool is_terminal; /* standard output */
	bool has_keys;    /* standard input is a terminal too */
	struct termios old;
	int signals; /* signalfd(2) */
	bool is_over;
	int code;
};

/* Asks once more, over a new connection where the old one has ended. What was
 * asked before stays for comparison. */
static bool
sample(struct watch *watch)
{
	struct inspector *now = &watch->now;
	struct instant at;

	if (now->fd < 0) {
		inspect_close(&watch->before);
		if (inspect_open(now, watch->socket, "pm2adapterd --watch") !=
		    0) {
			inspect_close(now);
			return false;
		}
	} else {
		inspect_close(&watch->before);
		watch->before = inspect_take_reply(now);
	}
	if (inspect_ask(now, &watch->wanted, INSPECT_TIMEOUT_MS) != 0) {
		inspect_close(now);
		return false;
	}
	at = clock_now();
	watch->elapsed_ms = at.ms - watch->taken.ms;
	watch->taken = at;
	return true;
}

static void
measure_screen(struct watch *watch)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return;
	watch->view.width = size.ws_col;
	watch->view.height = size.ws_row == 0 ? 0 : size.ws_row - 1u;
}

/* Writes a block of lines; on a terminal, in place of the one before. */
static void
show(struct watch *watch, char *text)
{
	char *rest = text, *line;

	if (!watch->is_terminal) {
		printf("%s\n", text);
	} else {
		fputs(HOME, stdout);
		while ((line = strsep(&rest, "\n")) != NULL && rest != NULL)
			printf("%s" ERASE_LINE "\r\n", line);
		fputs(ERASE_BELOW, stdout);
	}
	if (fflush(stdout) == 0)
		return;
	watch->is_over = true;
	watch->code = EX_IOERR;
}

static void
draw(struct watch *watch)
{
	const struct msg_node *before =
	    watch->before.reply == NULL ? NULL : msg_root(watch->before.reply);
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	if (watch->now.reply == NULL)
		fprintf(out, "%s: %s\n\nwaiting for it to come back; q quits\n",
		    watch->socket, watch->now.why);
	else
		view_print(&watch->view, out, msg_root(watch->now.reply),
		    before, watch->elapsed_ms);
	fclose(out);
	show(watch, text);
	free(text);
}

static void
take_keys(struct watch *watch)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0)
		watch->has_keys = false;
	for (ssize_t i = 0; i < n; i++)
		watch->is_over |= keys[i] == 'q' || keys[i] == 'Q';
}

static void
take_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		measure_screen(watch);
		if (watch->is_terminal)
			draw(watch);
	} else {
		watch->is_over = true;
	}
}

/* Until the next sample is due, or it is over. */
static void
wait_for_turn(struct watch *watch, struct instant due)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int64_t left_ms;

	while (!watch->is_over) {
		left_ms = due.ms - clock_now().ms;
		if (left_ms <= 0)
			return;
		fds[0].fd = watch->signals;
		fds[1].fd = watch->has_keys ? STDIN_FILENO : -1;
		if (poll(fds, 2, (int)left_ms) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0)
			take_signal(watch);
		if (fds[1].revents != 0)
			take_keys(watch);
	}
}

/* Keys come one by one and unseen. */
static void
enter(struct watch *watch)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct termios raw;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC);
	watch->is_terminal = isatty(STDOUT_FILENO);
	watch->has_keys = watch->is_terminal && isatty(STDIN_FILENO) &&
			  tcgetattr(STDIN_FILENO, &watch->old) == 0;
	watch->view.has_colours =
	    watch->is_terminal && getenv("NO_COLOR") == NULL;
	if (watch->has_keys) {
		raw = watch->old;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	if (watch->is_terminal) {
		measure_screen(watch);
		fputs(ENTER, stdout);
	}
}

static void
leave(struct watch *watch, bool had_keys)
{
	if (watch->is_terminal)
		fputs(LEAVE, stdout);
	fflush(stdout);
	if (had_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &watch->old);
	close(watch->signals);
}

int
watch_run(
    const char *socket, const struct control_stats *wanted, int interval_ms)
{
	struct watch watch = {
		.socket = socket,
		.wanted = *wanted,
		.interval_ms = interval_ms,
		.now = { .fd = -1 },
		.before = { .fd = -1 },
	};
	struct instant due;
	bool had_keys;

	memset(watch.wanted.wanted, 0, sizeof(watch.wanted.wanted));
	watch.wanted.wanted[CONTROL_OVERVIEW] = true;
	watch.wanted.wanted[CONTROL_CLIENTS] = true;
	if (!sample(&watch)) {
		fprintf(stderr, "pm2adapterd: %s: %s\n", socket, watch.now.why);
		return EX_UNAVAILABLE;
	}
	enter(&watch);
	had_keys = watch.has_keys;
	while (!watch.is_over) {
		due = instant_after(clock_now(), interval_ms);
		draw(&watch);
		wait_for_turn(&watch, due);
		if (!watch.is_over)
			(void)!sample(&watch);
	}
	leave(&watch, had_keys);
	inspect_close(&watch.now);
	inspect_close(&watch.before);
	return watch.code;
}
