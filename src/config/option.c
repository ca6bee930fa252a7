#include "config/option.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct unit size_units[] = {
	{ "g", 1 << 30 },
	{ "m", 1 << 20 },
	{ "k", 1 << 10 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ NULL, 0 },
};

static const struct unit no_units[] = {
	{ "", 1 },
	{ NULL, 0 },
};

const struct type config_types[] = {
	[PATH] = { "PATH", "a path", .is_text = true, .is_file = true },
	[OPTIONAL_PATH] = { "PATH", "a path", .is_text = true,
	    .is_file = true },
	[ADDRESS] = { "ADDRESS", "an address and a port", .is_text = true },
	[ADDRESSES] = { "ADDRESS", "a path or an address and a port",
	    .is_text = true, .is_file = true, .is_list = true },
	[NAMES] = { "NAMES", "names or numbers", .is_text = true,
	    .is_list = true },
	[SECRET] = { "TEXT", "a text", .is_text = true, .is_secret = true },
	[MODE] = { "MODE", "an octal number" },
	[LEVEL] = { "LEVEL", "one of debug, info, warn, error",
	    .values = "debug info warn error" },
	[FORMAT] = { "FORMAT", "one of auto, text, logfmt, json, journal",
	    .values = "auto text logfmt json journal" },
	[COUNT] = { "N", "a whole number", no_units },
	[SIZE] = { "SIZE", "bytes, or a number with k, m or g", size_units },
	[DURATION] = { "TIME", "a number with ms, s, m or h", duration_units },
};

#define KIB 1024
#define MIB (1024 * KIB)
#define GIB (1024LL * MIB)
#define SECOND 1000
#define HOUR (3600 * SECOND)
#define FIELD(member) offsetof(struct config, member)

const struct option config_options[] = {
	{ "socket", PATH, FIELD(socket), 1, 107, 0, false,
	    "The Unix socket to listen on, or to connect to. By default "
	    "$PM2ADAPTERD_SOCKET, else pm2adapterd.sock in $PM2_HOME, else in "
	    "~/.pm2." },
	{ "socket-mode", MODE, FIELD(socket_mode), 0, 0777, 0600, false,
	    "The permission bits of the socket. Who may write to it may "
	    "publish to every worker." },
	{ "allow-users", NAMES, FIELD(allow_users), 1, 4095, 0, true,
	    "Users who may connect to socket and to the paths of resp-listen, "
	    "by name or number, separated by blanks or commas. May be given "
	    "several times. The daemon's own user and root always may. If "
	    "neither this nor allow-groups is given, everybody may whom "
	    "socket-mode lets in." },
	{ "allow-groups", NAMES, FIELD(allow_groups), 1, 4095, 0, true,
	    "Groups whose members may connect as well, with this group as "
	    "their own or among their supplementary groups." },
	{ "resp-listen", ADDRESSES, FIELD(resp_listen), 1, 107, 0, false,
	    "Where to listen for what speaks Redis's protocol: the path of a "
	    "Unix socket, or an address and a port such as 127.0.0.1:6379. May "
	    "be given several times. By default nowhere. An address that is "
	    "not of this host's loopback needs resp-password." },
	{ "resp-password", SECRET, FIELD(resp_password), 1, 512, 0, false,
	    "What who speaks Redis's protocol must say with AUTH. Keep it in "
	    "the file: the command line can be seen by others." },
	{ "metrics-socket", OPTIONAL_PATH, FIELD(metrics_socket), 1, 107, 0,
	    false,
	    "A Unix socket that says all metrics to who connects, as "
	    "OpenMetrics, and reads nothing. By default there is none." },
	{ "metrics-listen", ADDRESS, FIELD(metrics_listen), 1, 107, 0, false,
	    "Where to serve HTTP, such as 127.0.0.1:9099: /metrics for "
	    "Prometheus, /healthz, /stats.json, and a page at /. An address of "
	    "this host's loopback; by default nowhere." },
	{ "log-level", LEVEL, FIELD(log_level), LOG_DEBUG, LOG_ERROR, LOG_INFO,
	    true, "Lines below this level are not written." },
	{ "log-format", FORMAT, FIELD(log_format), LOG_AUTO, LOG_JOURNAL,
	    LOG_AUTO, true,
	    "How lines are written: text, logfmt, json, or journal, which is "
	    "for systemd's; auto: journal where it reads, else text." },
	{ "log-file", OPTIONAL_PATH, FIELD(log_file), 1, 4095, 0, false,
	    "The file to append to in place of standard error. SIGUSR1 opens "
	    "it anew." },
	{ "max-connections", COUNT, FIELD(max_connections), 1, 1000000, 10000,
	    true,
	    "Connections at the most; clients of resp-listen have half of "
	    "them. More are told so and closed." },
	{ "max-frame", SIZE, FIELD(max_frame_bytes), 4 * KIB, GIB, 16 * MIB,
	    false,
	    "The largest frame, less its length field. A larger message is "
	    "refused with an error to its publisher." },
	{ "max-topic", SIZE, FIELD(max_topic_bytes), 64, 65535, 4096, false,
	    "The longest topic. Topics hold the names of rooms." },
	{ "max-subscriptions", COUNT, FIELD(max_subscriptions), 1, 100000000,
	    2000000, true,
	    "Subscriptions of one connection. A worker has one for each of its "
	    "rooms, and every socket has a room of its own." },
	{ "max-questions", COUNT, FIELD(max_questions), 1, 1000000, 4096, true,
	    "Questions of one connection that may be open at once." },
	{ "max-questions-all", COUNT, FIELD(max_questions_all), 1, 10000000,
	    65536, true, "Questions of all connections that may be open." },
	{ "max-answer", SIZE, FIELD(max_answer_bytes), 0, GIB, 16 * MIB, true,
	    "The largest answer to a question; never quite max-frame. A larger "
	    "one is refused, and the asker is told who has given it." },
	{ "max-gather", SIZE, FIELD(max_gather_bytes), 0, GIB, 16 * MIB, true,
	    "Bytes of answers that are gathered for one question; with more "
	    "it ends with an error. Never above max-frame, which the result "
	    "must fit." },
	{ "max-gather-all", SIZE, FIELD(max_gather_all_bytes), MIB, 64 * GIB,
	    256 * MIB, true,
	    "Bytes of answers that are gathered for all open questions; the "
	    "one that would have more ends with an error." },
	{ "hello-timeout", DURATION, FIELD(hello_timeout_ms), 10, HOUR,
	    5 * SECOND, true,
	    "How long a new connection may take to say HELLO, and a Redis "
	    "client "
	    "to send the right password with AUTH." },
	{ "ping-interval", DURATION, FIELD(ping_interval_ms), 0, HOUR,
	    30 * SECOND, false,
	    "How often clients are asked to ping when they hear nothing; 0ms: "
	    "never." },
	{ "drain-timeout", DURATION, FIELD(drain_timeout_ms), 0, HOUR, SECOND,
	    true,
	    "How long clients have to finish when the daemon ends. Keep it "
	    "below pm2's kill_timeout." },
	{ "queue-limit", SIZE, FIELD(queue_limit_bytes), 8 * KIB, 64 * GIB,
	    64 * MIB, true,
	    "Bytes that may wait for one connection; a slow consumer that has "
	    "more is closed. At least twice max-frame." },
	{ "queue-soft-limit", SIZE, FIELD(queue_soft_limit_bytes), 0, 64 * GIB,
	    16 * MIB, true,
	    "With more bytes than this waiting, volatile messages to the "
	    "connection are dropped. At most queue-limit." },
	{ "queue-soft-time", DURATION, FIELD(queue_soft_time_ms), 10, HOUR,
	    10 * SECOND, true,
	    "A connection that stays above queue-soft-limit for so long is "
	    "closed as a slow consumer." },
	{ "memory-limit", SIZE, FIELD(memory_limit_bytes), 64 * KIB, 1024 * GIB,
	    GIB, true,
	    "Bytes that messages may take in all: those that are read, and "
	    "those that wait, each once, however many connections they wait "
	    "for. With more, the connection that keeps most of them is closed, "
	    "and then the next. At least four times max-frame." },
	{ "splice-above", SIZE, FIELD(splice_above_bytes), 0, GIB, 16 * KIB,
	    true,
	    "Messages of so many bytes or more, up to 1m, are passed on with "
	    "splice(2) and tee(2), without being copied; 0: none are. Before "
	    "Linux 6.5 none are either." },
	{ "slow-turn", DURATION, FIELD(slow_turn_ms), 0, HOUR, 50, true,
	    "A turn of the loop that works as long is kept for --stats slow "
	    "and logged; 0ms: none is." },
	{ "slow-question", DURATION, FIELD(slow_question_ms), 0, HOUR, SECOND,
	    true,
	    "A question that takes as long is kept for --stats slow and "
	    "logged; 0ms: none is." },
};

const size_t config_options_n =
    sizeof(config_options) / sizeof(*config_options);

int64_t *
config_number(const struct config *config, const struct option *option)
{
	return (int64_t *)(void *)((char *)(uintptr_t)config + option->field);
}

char **
config_string(const struct config *config, const struct option *option)
{
	return (char **)(void *)((char *)(uintptr_t)config + option->field);
}

const struct type *
config_type(const struct option *option)
{
	return &config_types[option->type];
}

/* Word number i of those that blanks separate. */
static void
put_word(const char *words, int64_t i, char *out, size_t size)
{
	for (; i > 0; i--) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	snprintf(out, size, "%.*s", (int)strcspn(words, " "), words);
}

const char *
config_format(
    const struct option *option, int64_t value, char *out, size_t size)
{
	const struct unit *unit = config_type(option)->units;

	if (config_type(option)->values != NULL) {
		put_word(config_type(option)->values, value, out, size);
	} else if (option->type == MODE) {
		snprintf(out, size, "%04" PRIo64, value);
	} else {
		while (unit->factor > 1 &&
		       (value < unit->factor || value % unit->factor != 0))
			unit++;
		snprintf(out, size, "%" PRId64 "%s", value / unit->factor,
		    unit->name);
	}
	return out;
}
