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
	    "Path of the Unix socket to listen on, or to connect to. Default: "
	    "$PM2ADAPTERD_SOCKET, else pm2adapterd.sock in $PM2_HOME, else in "
	    "~/.pm2." },
	{ "socket-mode", MODE, FIELD(socket_mode), 0, 0777, 0600, false,
	    "Permission bits of the socket. Any process with write permission "
	    "may publish to every worker." },
	{ "allow-users", NAMES, FIELD(allow_users), 1, 4095, 0, true,
	    "Users who may connect to socket and to the paths of resp-listen, "
	    "by name or number, separated by blanks or commas. May be given "
	    "several times. The daemon's own user and root always may. If "
	    "neither this nor allow-groups is given, socket-mode alone "
	    "decides." },
	{ "allow-groups", NAMES, FIELD(allow_groups), 1, 4095, 0, true,
	    "Groups whose members may also connect, whether the group is "
	    "their primary or a supplementary one." },
	{ "resp-listen", ADDRESSES, FIELD(resp_listen), 1, 107, 0, false,
	    "Where to accept Redis clients: the path of a Unix socket, or an "
	    "address and a port such as 127.0.0.1:6379. May be given several "
	    "times. Default: nowhere. An address other than loopback needs "
	    "resp-password." },
	{ "resp-password", SECRET, FIELD(resp_password), 1, 512, 0, false,
	    "Password that Redis clients must send with AUTH. Set it in the "
	    "file: other users can see the command line." },
	{ "metrics-socket", OPTIONAL_PATH, FIELD(metrics_socket), 1, 107, 0,
	    false,
	    "Path of a Unix socket that sends all metrics, as OpenMetrics, to "
	    "each client that connects, and reads nothing. Default: none." },
	{ "metrics-listen", ADDRESS, FIELD(metrics_listen), 1, 107, 0, false,
	    "Loopback address and port for HTTP, such as 127.0.0.1:9099: "
	    "/metrics for Prometheus, /healthz, /stats.json, and a page at /. "
	    "Default: none." },
	{ "log-level", LEVEL, FIELD(log_level), LOG_DEBUG, LOG_ERROR, LOG_INFO,
	    true, "Lines below this level are not written." },
	{ "log-format", FORMAT, FIELD(log_format), LOG_AUTO, LOG_JOURNAL,
	    LOG_AUTO, true,
	    "Format of log lines: text, logfmt, json, or journal, for "
	    "systemd. auto: journal if the journal reads standard error, else "
	    "text." },
	{ "log-file", OPTIONAL_PATH, FIELD(log_file), 1, 4095, 0, false,
	    "File to append the log to, instead of standard error. SIGUSR1 "
	    "reopens it." },
	{ "max-connections", COUNT, FIELD(max_connections), 1, 1000000, 10000,
	    true,
	    "Maximum number of connections; further ones are refused. Redis "
	    "clients may use half of them." },
	{ "max-frame", SIZE, FIELD(max_frame_bytes), 4 * KIB, GIB, 16 * MIB,
	    false,
	    "Maximum length of a frame, without its length field. A larger "
	    "message is refused with an error to its publisher." },
	{ "max-topic", SIZE, FIELD(max_topic_bytes), 64, 65535, 4096, false,
	    "Maximum length of a topic. Topics contain the names of rooms." },
	{ "max-subscriptions", COUNT, FIELD(max_subscriptions), 1, 100000000,
	    2000000, true,
	    "Maximum number of subscriptions of a connection. A worker has "
	    "one for each of its rooms, and each socket is in a room of its "
	    "own." },
	{ "max-questions", COUNT, FIELD(max_questions), 1, 1000000, 4096, true,
	    "Maximum number of open requests of a connection." },
	{ "max-questions-all", COUNT, FIELD(max_questions_all), 1, 10000000,
	    65536, true,
	    "Maximum number of open requests of all connections." },
	{ "max-answer", SIZE, FIELD(max_answer_bytes), 0, GIB, 16 * MIB, true,
	    "Maximum size of an answer to a request; never quite max-frame. A "
	    "larger one is refused, and the result names its sender." },
	{ "max-gather", SIZE, FIELD(max_gather_bytes), 0, GIB, 48 * MIB, true,
	    "Maximum size of all answers to a request; beyond it the request "
	    "ends with an error. Gathered answers must also fit into one "
	    "frame (max-frame); answers in parts need not." },
	{ "max-gather-all", SIZE, FIELD(max_gather_all_bytes), MIB, 64 * GIB,
	    256 * MIB, true,
	    "Maximum size of the answers to all open requests; a request "
	    "whose answer would exceed it ends with an error." },
	{ "hello-timeout", DURATION, FIELD(hello_timeout_ms), 10, HOUR,
	    5 * SECOND, true,
	    "Time limit for a new connection to send HELLO, and for a Redis "
	    "client to send the right password with AUTH." },
	{ "ping-interval", DURATION, FIELD(ping_interval_ms), 0, HOUR,
	    30 * SECOND, false,
	    "Silence after which clients are asked to send PING; 0ms: never." },
	{ "drain-timeout", DURATION, FIELD(drain_timeout_ms), 0, HOUR, SECOND,
	    true,
	    "Time that clients have to finish when the daemon ends. Keep it "
	    "below pm2's kill_timeout." },
	{ "queue-limit", SIZE, FIELD(queue_limit_bytes), 8 * KIB, 64 * GIB,
	    64 * MIB, true,
	    "Maximum size of the queue of a connection; beyond it the "
	    "connection is closed as a slow consumer. At least twice "
	    "max-frame." },
	{ "queue-soft-limit", SIZE, FIELD(queue_soft_limit_bytes), 0, 64 * GIB,
	    16 * MIB, true,
	    "Queue size above which volatile messages for the connection are "
	    "dropped. At most queue-limit." },
	{ "queue-soft-time", DURATION, FIELD(queue_soft_time_ms), 10, HOUR,
	    10 * SECOND, true,
	    "A connection whose queue stays above queue-soft-limit for this "
	    "time is closed as a slow consumer." },
	{ "memory-limit", SIZE, FIELD(memory_limit_bytes), 64 * KIB, 1024 * GIB,
	    GIB, true,
	    "Maximum size of all messages in memory, both being read and "
	    "queued; each counts once, however many connections it is queued "
	    "for. Beyond it the daemon closes the connection that holds most, "
	    "then the next. At least four times max-frame." },
	{ "splice-above", SIZE, FIELD(splice_above_bytes), 0, GIB, 16 * KIB,
	    true,
	    "Messages of at least this size, up to 1m, are passed with "
	    "splice(2) and tee(2) instead of being copied; 0: never. Needs "
	    "Linux 6.5 or later." },
	{ "slow-turn", DURATION, FIELD(slow_turn_ms), 0, HOUR, 50, true,
	    "A turn of the loop that is busy for this time is logged and kept "
	    "for --stats slow; 0ms: never." },
	{ "slow-question", DURATION, FIELD(slow_question_ms), 0, HOUR, SECOND,
	    true,
	    "A request that takes this time is logged and kept for --stats "
	    "slow; 0ms: never." },
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
