#include "cli/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/format.h"
#include "cli/query.h"

#define POLL_MS 20
#define PROGRAM "pm2adapterd"

static const struct control_stats overview = {
	.wanted = { [CONTROL_OVERVIEW] = true },
	.n_rows = 1,
};

/* Returns the overview, or NULL with ->why. */
static const struct msg_node *
fetch_overview(struct query *query, int timeout_ms)
{
	const struct msg_node *node;

	if (query_run(query, &overview, timeout_ms) != 0)
		return NULL;
	node = msg_find(msg_root(query->reply.tree), "overview");
	if (node == NULL)
		snprintf(query->why, sizeof(query->why),
		    "the daemon's answer has no overview");
	return node;
}

int
probe_health(const char *socket, int timeout_ms)
{
	const struct msg_node *o = NULL;
	struct query query;
	char up[FORMAT_SIZE];

	if (query_open(&query, socket, PROGRAM " --healthz", timeout_ms,
		timeout_ms) == 0)
		o = fetch_overview(&query, timeout_ms);
	if (o == NULL)
		printf("unhealthy: %s: %s\n", socket, query.why);
	else
		printf("ok: pid %" PRId64 ", up %s, %" PRId64 " workers\n",
		    format_get_int(o, "pid"),
		    format_duration(up, format_get_int(o, "uptime_ms")),
		    format_get_int(o, "members"));
	query_close(&query);
	return o == NULL;
}

/* Returns whether the process with this pid is a running pm2adapterd. The
 * daemon reports its own pid, which differs in another pid namespace. A zombie
 * (proc(5), state Z) is not running. */
static bool
is_daemon(int64_t pid)
{
	char path[64], line[128] = "", expected[64];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	n = (size_t)snprintf(
	    expected, sizeof(expected), "%" PRId64 " (" PROGRAM ") ", pid);
	return strncmp(line, expected, n) == 0 && line[n] != 'Z';
}

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int64_t
n_reloads(const struct msg_node *o)
{
	const struct msg_node *reload = msg_find(o, "reload");

	return format_get_int(reload, "done") +
	       format_get_int(reload, "refused");
}

/* Prints the outcome of the daemon's last reload. Returns the exit code. */
static int
print_reload(const struct msg_node *o)
{
	bool is_refused =
	    format_get_int(msg_find(o, "reload"), "last_refused") != 0;
	const struct msg_node *said = msg_find(o, "reload_said");
	FILE *out = is_refused ? stderr : stdout;
	const char *s;
	size_t len;

	fputs(is_refused ? PROGRAM ": refused: " : "reloaded: ", out);
	if (said != NULL && msg_str(said, &s, &len))
		text_put_plain(out, s, len);
	fputc('\n', out);
	return is_refused ? EX_CONFIG : EX_OK;
}

/* Waits until the daemon has read its configuration again. */
static int
await_reload(struct query *query, int64_t n_before, int timeout_ms)
{
	struct instant deadline = instant_after(clock_now(), timeout_ms);
	const struct msg_node *o;

	do {
		pause_ms(POLL_MS);
		o = fetch_overview(query, timeout_ms);
		if (o == NULL) {
			fprintf(stderr, PROGRAM ": %s\n", query->why);
			return EX_UNAVAILABLE;
		}
		if (n_reloads(o) != n_before)
			return print_reload(o);
	} while (clock_now().ms < deadline.ms);
	fputs(PROGRAM ": the daemon has not reloaded yet\n", stderr);
	return EX_TEMPFAIL;
}

static int
await_end(struct query *query, int64_t pid, int timeout_ms)
{
	struct instant deadline = instant_after(clock_now(), timeout_ms);

	query_await_end(query, timeout_ms);
	while (is_daemon(pid) && clock_now().ms < deadline.ms)
		pause_ms(POLL_MS);
	if (is_daemon(pid)) {
		fputs(PROGRAM ": the daemon has not ended yet\n", stderr);
		return EX_TEMPFAIL;
	}
	puts("ended");
	return EX_OK;
}

static int
send_signal(struct query *query, const struct msg_node *o, const char *what,
    int timeout_ms)
{
	int64_t pid = format_get_int(o, "pid"), n_before = n_reloads(o);
	bool is_reload = strcmp(what, "reload") == 0;
	bool is_drain = strcmp(what, "drain") == 0;
	int signo = is_reload ? SIGHUP : is_drain ? SIGTERM : SIGUSR1;

	if (!is_daemon(pid)) {
		fprintf(stderr,
		    PROGRAM ": process %" PRId64 " is not a pm2adapterd; "
			    "is the daemon in another container?\n",
		    pid);
		return EX_UNAVAILABLE;
	}
	if (kill((pid_t)pid, signo) != 0) {
		fprintf(stderr, PROGRAM ": process %" PRId64 ": %s\n", pid,
		    strerror(errno));
		return errno == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	}
	if (is_reload)
		return await_reload(query, n_before, timeout_ms);
	if (is_drain)
		return await_end(query, pid, timeout_ms);
	puts("the daemon reopens its log");
	return EX_OK;
}

int
probe_signal(const char *socket, const char *what, int timeout_ms)
{
	const struct msg_node *o = NULL;
	struct query query;
	int code = EX_UNAVAILABLE;

	if (query_open(&query, socket, PROGRAM " --signal", timeout_ms,
		timeout_ms) == 0)
		o = fetch_overview(&query, timeout_ms);
	if (o == NULL)
		fprintf(stderr, PROGRAM ": %s: %s\n", socket, query.why);
	else
		code = send_signal(&query, o, what, timeout_ms);
	query_close(&query);
	return code;
}
