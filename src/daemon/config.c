#include "daemon/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

enum option_type {
	PATH,
	ADDRESSES,
	SECRET,
	MODE,
	LEVEL,
	COUNT,
	SIZE,
	DURATION
};

struct unit {
	const char *name;
	int64_t factor;
};

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

static const struct type {
	const char *argument;
	const char *wanted;
	const struct unit *units;
} types[] = {
	[PATH] = { "PATH", "a path", NULL },
	[ADDRESSES] = { "ADDRESS", "a path or an address and a port", NULL },
	[SECRET] = { "TEXT", "a text", NULL },
	[MODE] = { "MODE", "an octal number", NULL },
	[LEVEL] = { "LEVEL", "one of debug, info, warn, error", NULL },
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

static const struct option {
	const char *name;
	enum option_type type;
	size_t field; /* char * where the type is a text, or else int64_t */
	int64_t min, max, initial;
	bool reloadable;
	const char *text;
} options[] = {
	{ "socket", PATH, FIELD(socket), 1, 107, 0, false,
	    "The Unix socket to listen on, or to connect to. By default "
	    "$PM2ADAPTERD_SOCKET, else pm2adapterd.sock in $PM2_HOME, else in "
	    "~/.pm2." },
	{ "socket-mode", MODE, FIELD(socket_mode), 0, 0777, 0600, false,
	    "The permission bits of the socket. Who may write to it may "
	    "publish to every worker." },
	{ "resp-listen", ADDRESSES, FIELD(resp_listen), 1, 107, 0, false,
	    "Where to listen for what speaks Redis's protocol: the path of a "
	    "Unix socket, or an address and a port such as 127.0.0.1:6379. May "
	    "be given several times. By default nowhere. An address that is "
	    "not of this host's loopback needs resp-password." },
	{ "resp-password", SECRET, FIELD(resp_password), 1, 512, 0, false,
	    "What who speaks Redis's protocol must say with AUTH. Keep it in "
	    "the file: the command line can be seen by others." },
	{ "log-level", LEVEL, FIELD(log_level), LOG_DEBUG, LOG_ERROR, LOG_INFO,
	    true, "Lines below this level are not written." },
	{ "max-connections", COUNT, FIELD(max_connections), 1, 1000000, 10000,
	    true, "Connections at the most; more are told so and closed." },
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
	    "How long a new connection may take to say HELLO." },
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
};

/* What the password is shown as. */
#define HIDDEN "***"
#define VALUE_SIZE 65536 /* the longest value, with a zero */

#define N_OPTIONS (sizeof(options) / sizeof(*options))

__attribute__((format(printf, 3, 4))) static int
fail(struct config_why *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return r;
}

static int64_t *
number(const struct config *config, const struct option *option)
{
	return (int64_t *)(void *)((char *)(uintptr_t)config + option->field);
}

static char **
string(const struct config *config, const struct option *option)
{
	return (char **)(void *)((char *)(uintptr_t)config + option->field);
}

static bool
is_text(const struct option *option)
{
	return option->type == PATH || option->type == ADDRESSES ||
	       option->type == SECRET;
}

static const struct option *
find_option(const char *name)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

void
config_init(struct config *config, const char *default_socket)
{
	*config = (struct config){ .socket = NULL };
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (is_text(&options[i]))
			*string(config, &options[i]) = xstrdup("");
		else
			*number(config, &options[i]) = options[i].initial;
	free(config->socket);
	config->socket = xstrdup(default_socket);
	config->socket_is_default = true;
}

void
config_fini(struct config *config)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (!is_text(&options[i]))
			continue;
		free(*string(config, &options[i]));
		*string(config, &options[i]) = NULL;
	}
}

struct config
config_copy(const struct config *config)
{
	struct config copy = *config;

	for (size_t i = 0; i < N_OPTIONS; i++)
		if (is_text(&options[i]))
			*string(&copy, &options[i]) =
			    xstrdup(*string(config, &options[i]));
	return copy;
}

static const char *
format_number(
    const struct option *option, int64_t value, char *out, size_t size)
{
	const struct unit *unit = types[option->type].units;

	if (option->type == LEVEL) {
		snprintf(
		    out, size, "%s", log_level_name((enum log_level)value));
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

/* Digits in base, at text; *rest is what follows. False when there are none.
 * What an int64_t can't hold becomes its largest value, beyond every range. */
static bool
parse_digits(const char *text, int base, int64_t *out, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	*out = strtoll(text, &end, base);
	*rest = end;
	return true;
}

static bool
parse_units(const char *text, const struct unit *units, int64_t *out)
{
	const char *rest;

	if (!parse_digits(text, 10, out, &rest))
		return false;
	for (; units->name != NULL; units++)
		if (strcmp(rest, units->name) == 0)
			break;
	if (units->name == NULL)
		return false;
	if (__builtin_mul_overflow(*out, units->factor, out))
		*out = INT64_MAX;
	return true;
}

static bool
parse_level(const char *text, int64_t *out)
{
	for (*out = LOG_DEBUG; *out <= LOG_ERROR; ++*out)
		if (strcmp(text, log_level_name((enum log_level) * out)) == 0)
			return true;
	return false;
}

static bool
parse_mode(const char *text, int64_t *out)
{
	const char *rest;

	return parse_digits(text, 8, out, &rest) && *rest == '\0';
}

static bool
parse_number(const struct option *option, const char *text, int64_t *out)
{
	if (option->type == LEVEL)
		return parse_level(text, out);
	if (option->type == MODE)
		return parse_mode(text, out);
	return parse_units(text, types[option->type].units, out);
}

/* Addresses are added to those that are there. */
static char *
joined(const char *old, const char *value)
{
	size_t size = strlen(old) + strlen(value) + 2;
	char *text = xcalloc(1, size);

	snprintf(text, size, "%s%s%s", old, *old == '\0' ? "" : " ", value);
	return text;
}

static int
set_text(struct config *config, const struct option *option, const char *value,
    struct config_why *why)
{
	char **field = string(config, option);
	char *text;

	if (strlen(value) < (size_t)option->min ||
	    strlen(value) > (size_t)option->max)
		return fail(why, CONFIG_E_VALUE,
		    "%s: %s of %zu bytes; the range is %" PRId64 " to %" PRId64,
		    option->name, option->type == PATH ? "a path" : "a text",
		    strlen(value), option->min, option->max);
	text =
	    option->type == ADDRESSES ? joined(*field, value) : xstrdup(value);
	free(*field);
	*field = text;
	if (option->type == PATH)
		config->socket_is_default = false;
	return 0;
}

int
config_set(struct config *config, const char *name, const char *value,
    struct config_why *why)
{
	const struct option *option = find_option(name);
	char min[32], max[32];
	int64_t n;

	if (option == NULL)
		return fail(why, CONFIG_E_UNKNOWN, "unknown key %s", name);
	if (is_text(option))
		return set_text(config, option, value, why);
	if (!parse_number(option, value, &n))
		return fail(why, CONFIG_E_VALUE, "%s: '%s' is not %s",
		    option->name, value, types[option->type].wanted);
	if (n < option->min || n > option->max)
		return fail(why, CONFIG_E_VALUE,
		    "%s: %s is out of range; the range is %s to %s",
		    option->name, value,
		    format_number(option, option->min, min, sizeof(min)),
		    format_number(option, option->max, max, sizeof(max)));
	*number(config, option) = n;
	return 0;
}

static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]) != NULL)
		len--;
	s[len] = '\0';
	return s;
}

static int
read_line(struct config *config, char *line, struct config_why *why)
{
	char *key = trim(line), *value;

	if (key[0] == '\0' || key[0] == '#')
		return 0;
	value = key + strcspn(key, " \t");
	if (*value != '\0')
		*value++ = '\0';
	value = trim(value);
	if (find_option(key) != NULL && value[0] == '\0')
		return fail(why, CONFIG_E_VALUE, "%s: a value is missing", key);
	return config_set(config, key, value, why);
}

int
config_read(struct config *config, const char *name, const char *text,
    size_t len, struct config_why *why)
{
	const char *end = text + len, *stop;
	struct config_why inner;
	char *line;
	int r = 0;

	for (int n = 1; r == 0 && text < end; n++, text = stop + 1) {
		stop = memchr(text, '\n', (size_t)(end - text));
		stop = stop == NULL ? end : stop;
		line = xcalloc(1, (size_t)(stop - text) + 1);
		memcpy(line, text, (size_t)(stop - text));
		if (strlen(line) < (size_t)(stop - text))
			r = fail(&inner, CONFIG_E_VALUE, "a zero byte");
		else
			r = read_line(config, line, &inner);
		if (r != 0)
			fail(why, r, "%s:%d: %s", name, n, inner.text);
		free(line);
	}
	return r;
}

int
config_check(const struct config *config, struct config_why *why)
{
	if (config->queue_limit_bytes < 2 * config->max_frame_bytes)
		return fail(why, CONFIG_E_CONFLICT,
		    "queue-limit: %" PRId64 " bytes is less than twice "
		    "max-frame, which is %" PRId64 " bytes",
		    config->queue_limit_bytes, config->max_frame_bytes);
	if (config->queue_soft_limit_bytes > config->queue_limit_bytes)
		return fail(why, CONFIG_E_CONFLICT,
		    "queue-soft-limit: %" PRId64 " bytes is more than "
		    "queue-limit, which is %" PRId64 " bytes",
		    config->queue_soft_limit_bytes, config->queue_limit_bytes);
	if (config->memory_limit_bytes < 4 * config->max_frame_bytes)
		return fail(why, CONFIG_E_CONFLICT,
		    "memory-limit: %" PRId64 " bytes is less than four times "
		    "max-frame, which is %" PRId64 " bytes",
		    config->memory_limit_bytes, config->max_frame_bytes);
	if (config->max_topic_bytes + 4 > config->max_frame_bytes)
		return fail(why, CONFIG_E_CONFLICT,
		    "max-topic: %" PRId64 " bytes does not fit max-frame, "
		    "which is %" PRId64 " bytes",
		    config->max_topic_bytes, config->max_frame_bytes);
	return 0;
}

size_t
config_n_options(void)
{
	return N_OPTIONS;
}

const char *
config_name(size_t i)
{
	return options[i].name;
}

bool
config_is_reloadable(size_t i)
{
	return options[i].reloadable;
}

bool
config_differs(const struct config *a, const struct config *b, size_t i)
{
	const struct option *option = &options[i];

	if (is_text(option))
		return strcmp(*string(a, option), *string(b, option)) != 0;
	return *number(a, option) != *number(b, option);
}

void
config_take(struct config *config, const struct config *other, size_t i)
{
	const struct option *option = &options[i];

	if (!is_text(option)) {
		*number(config, option) = *number(other, option);
		return;
	}
	free(*string(config, option));
	*string(config, option) = xstrdup(*string(other, option));
}

const char *
config_value(const struct config *config, size_t i, char *out, size_t size)
{
	const struct option *option = &options[i];

	if (!is_text(option))
		return format_number(
		    option, *number(config, option), out, size);
	snprintf(out, size, "%s",
	    option->type == SECRET && **string(config, option) != '\0'
		? HIDDEN
		: *string(config, option));
	return out;
}

/* Prints text in lines of at most width columns, each behind indent. With
 * by_sentence each sentence begins a line, as mdoc wants it. */
static void
print_wrapped(FILE *out, const char *indent, size_t width, bool by_sentence,
    const char *text)
{
	size_t column = 0, len;
	bool is_end = false;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (column > 0 &&
		    (column + 1 + len > width || (by_sentence && is_end))) {
			fputc('\n', out);
			column = 0;
		}
		fputs(column == 0 ? indent : " ", out);
		column += len + (column > 0);
		fwrite(text, 1, len, out);
		is_end = len > 0 && text[len - 1] == '.';
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

/* "The range is … to …; the default is …." */
static const char *
describe_range(const struct option *option, char *out, size_t size)
{
	char min[32], max[32], initial[32];

	if (is_text(option)) {
		snprintf(out, size, "At most %" PRId64 " bytes.", option->max);
		return out;
	}
	snprintf(out, size, "%s to %s; default %s%s.",
	    format_number(option, option->min, min, sizeof(min)),
	    format_number(option, option->max, max, sizeof(max)),
	    format_number(option, option->initial, initial, sizeof(initial)),
	    option->reloadable ? "; reloadable" : "");
	return out;
}

/* Whether it stands in a file as a comment: nobody has set it, or nobody is to
 * read it. */
static bool
is_comment(const struct config *config, const struct option *option)
{
	if (option->type == PATH)
		return config->socket_is_default;
	return option->type == SECRET ||
	       (option->type == ADDRESSES && **string(config, option) == '\0');
}

/* A line for each address. */
static void
print_line(const struct config *config, size_t i, FILE *out)
{
	const char *mark = is_comment(config, &options[i]) ? "#" : "";
	char *text = xcalloc(1, VALUE_SIZE), *rest = text, *value;

	config_value(config, i, text, VALUE_SIZE);
	if (options[i].type != ADDRESSES || *text == '\0')
		fprintf(out, "%s%s %s\n", mark, options[i].name, text);
	else
		while ((value = strsep(&rest, " ")) != NULL)
			fprintf(out, "%s %s\n", options[i].name, value);
	free(text);
}

void
config_print_file(const struct config *config, FILE *out)
{
	char text[256];

	fputs("# Configuration of pm2adapterd: `key value` lines. Options of\n"
	      "# the command line go over those of this file. SIZE takes k, m\n"
	      "# and g (of 1024), TIME takes ms, s, m and h. What is\n"
	      "# reloadable changes with SIGHUP.\n",
	    out);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		fputc('\n', out);
		print_wrapped(out, "# ", 72, false, options[i].text);
		print_wrapped(out, "# ", 72, false,
		    describe_range(&options[i], text, sizeof(text)));
		print_line(config, i, out);
	}
}

void
config_print_help(FILE *out)
{
	char text[256];

	for (size_t i = 0; i < N_OPTIONS; i++) {
		fprintf(out, "  --%s %s\n", options[i].name,
		    types[options[i].type].argument);
		print_wrapped(out, "        ", 64, false, options[i].text);
		print_wrapped(out, "        ", 64, false,
		    describe_range(&options[i], text, sizeof(text)));
	}
}

void
config_print_manual(FILE *out)
{
	char text[256];

	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		fprintf(out, ".It Cm %s Ar %s\n", options[i].name,
		    types[options[i].type].argument);
		print_wrapped(out, "", 72, true, options[i].text);
		print_wrapped(out, "", 72, true,
		    describe_range(&options[i], text, sizeof(text)));
	}
	fputs(".El\n", out);
}
