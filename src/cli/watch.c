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
#include "cli/query.h"
#include "cli/view.h"

/*
 * A terminal shows the view on its alternate screen (ECMA-48 with the private
 * modes of xterm), and the previous screen afterwards. Each frame is one write,
 * so that nothing flickers: cursor home, each line and the erasure of its rest,
 * then the erasure of the lines below.
 *
 * Signals arrive by signalfd(2), like the keys and the time of the next sample,
 * so there is one place that waits, and one way out, which restores the
 * terminal.
 */

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

#define RETRY_MAX_MS 1000 /* between two attempts to connect */

struct watch {
	const char *socket;
	struct control_stats wanted;
	struct query query;
	struct instant taken; /* when the reply came */
	int64_t elapsed_ms;   /* between the last two replies */
	struct view view;
	bool is_terminal;   /* standard output */
	bool has_keys;      /* standard input is a terminal too */
	struct termios old; /* if it was when the view began: see had_keys */
	bool had_keys;
	int signals; /* signalfd(2) */
	bool is_over;
	int code;
};

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
	const struct msg_tree *now = watch->query.reply.tree;
	const struct msg_tree *before = watch->query.previous.tree;
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	if (now == NULL)
		fprintf(out, "%s: %s\n\nwaiting for it to come back; q quits\n",
		    watch->socket, watch->query.why);
	else
		view_print(&watch->view, out, msg_root(now),
		    before == NULL ? NULL : msg_root(before),
		    watch->elapsed_ms);
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

/* Turns off line editing and echo, and shows the alternate screen. */
static void
take_screen(struct watch *watch)
{
	struct termios raw = watch->old;

	if (watch->had_keys) {
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	if (watch->is_terminal) {
		measure_screen(watch);
		fputs(ENTER, stdout);
	}
}

static void
give_screen(struct watch *watch)
{
	if (watch->is_terminal)
		fputs(LEAVE, stdout);
	fflush(stdout);
	if (watch->had_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &watch->old);
}

/* Stops, as Ctrl-Z wants, with the terminal as it was before. */
static void
pause_view(struct watch *watch)
{
	give_screen(watch);
	raise(SIGSTOP);
}

/* Continues; also after a SIGSTOP that nobody could see coming. */
static void
resume_view(struct watch *watch)
{
	take_screen(watch);
	if (watch->is_terminal)
		draw(watch);
}

static void
take_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		measure_screen(watch);
		if (watch->is_terminal)
			draw(watch);
		break;
	case SIGTSTP:
		pause_view(watch);
		break;
	case SIGCONT:
		resume_view(watch);
		break;
	default:
		watch->is_over = true;
	}
}

/* Waits at most left_ms (-1: for ever) for a signal, a key or the daemon. */
static void
step(struct watch *watch, int64_t left_ms)
{
	struct pm2a *p = watch->query.p;
	int due_ms = pm2a_timeout_ms(p);
	struct pollfd fds[] = {
		{ .fd = watch->signals, .events = POLLIN },
		{ .fd = watch->has_keys ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = pm2a_fd(p), .events = pm2a_events(p) },
	};

	if (due_ms >= 0 && (left_ms < 0 || due_ms < left_ms))
		left_ms = due_ms;
	if (poll(fds, 3, (int)left_ms) < 0)
		return;
	if (fds[0].revents != 0)
		take_signal(watch);
	if (fds[1].revents != 0)
		take_keys(watch);
	(void)!pm2a_dispatch(p, fds[2].revents);
}

/* Requests statistics and waits for the reply, or until the view ends. */
static void
sample(struct watch *watch)
{
	struct instant at;

	query_start(&watch->query, &watch->wanted, QUERY_TIMEOUT_MS);
	while (watch->query.is_pending && !watch->is_over)
		step(watch, -1);
	at = clock_now();
	watch->elapsed_ms = at.ms - watch->taken.ms;
	watch->taken = at;
}

/* Waits until the next sample is due, or until the view ends. */
static void
wait_for_turn(struct watch *watch, struct instant due)
{
	int64_t left_ms = due.ms - clock_now().ms;

	while (!watch->is_over && left_ms > 0) {
		step(watch, left_ms);
		left_ms = due.ms - clock_now().ms;
	}
}

/* Blocks the signals that end or stop the view, and looks at the terminal. */
static void
enter(struct watch *watch)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH,
		SIGTSTP, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC);
	watch->is_terminal = isatty(STDOUT_FILENO);
	watch->had_keys = watch->is_terminal && isatty(STDIN_FILENO) &&
			  tcgetattr(STDIN_FILENO, &watch->old) == 0;
	watch->has_keys = watch->had_keys;
	watch->view.has_colours =
	    watch->is_terminal && getenv("NO_COLOR") == NULL;
	take_screen(watch);
}

static void
leave(struct watch *watch)
{
	give_screen(watch);
	close(watch->signals);
}

static void
run(struct watch *watch, int interval_ms)
{
	struct instant due;

	enter(watch);
	while (!watch->is_over) {
		due = instant_after(clock_now(), interval_ms);
		draw(watch);
		wait_for_turn(watch, due);
		if (!watch->is_over)
			sample(watch);
	}
	leave(watch);
}

int
watch_run(
    const char *socket, const struct control_stats *wanted, int interval_ms)
{
	struct watch watch = {
		.socket = socket, .wanted = *wanted, .signals = -1
	};
	int r;

	memset(watch.wanted.wanted, 0, sizeof(watch.wanted.wanted));
	watch.wanted.wanted[CONTROL_OVERVIEW] = true;
	watch.wanted.wanted[CONTROL_CLIENTS] = true;
	r = query_open(&watch.query, socket, "pm2adapterd --watch",
	    QUERY_TIMEOUT_MS,
	    interval_ms < RETRY_MAX_MS ? interval_ms : RETRY_MAX_MS);
	if (r == 0)
		sample(&watch);
	if (watch.query.reply.tree != NULL) {
		run(&watch, interval_ms);
	} else {
		fprintf(
		    stderr, "pm2adapterd: %s: %s\n", socket, watch.query.why);
		watch.code = EX_UNAVAILABLE;
	}
	query_close(&watch.query);
	return watch.code;
}
