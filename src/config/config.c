#include "config/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "config/option.h"

#define BLANKS " \t\r" /* between words, and around a line of a file */

__attribute__((format(printf, 3, 4))) static int
fail(struct config_why *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return r;
}

static const struct option *
find_option(const char *name)
{
	for (size_t i = 0; i < config_options_n; i++)
		if (strcmp(config_options[i].name, name) == 0)
			return &config_options[i];
	return NULL;
}

void
config_init(struct config *config, const char *default_socket)
{
	*config = (struct config){ .socket = NULL };
	for (size_t i = 0; i < config_options_n; i++)
		if (config_type(&config_options[i])->is_text)
			*config_string(config, &config_options[i]) =
			    xstrdup("");
		else
			*config_number(config, &config_options[i]) =
			    config_options[i].initial;
	free(config->socket);
	config->socket = xstrdup(default_socket);
	config->socket_is_default = true;
}

void
config_fini(struct config *config)
{
	for (size_t i = 0; i < config_options_n; i++) {
		if (!config_type(&config_options[i])->is_text)
			continue;
		free(*config_string(config, &config_options[i]));
		*config_string(config, &config_options[i]) = NULL;
	}
}

struct config
config_copy(const struct config *config)
{
	struct config copy = *config;

	for (size_t i = 0; i < config_options_n; i++)
		if (config_type(&config_options[i])->is_text)
			*config_string(&copy, &config_options[i]) =
			    xstrdup(*config_string(config, &config_options[i]));
	return copy;
}

/* Reads the digits at text in base; *rest points behind them. Returns false if
 * there are none. A number that an int64_t cannot hold becomes INT64_MAX, which
 * is beyond every range. */
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

/* The number of text among words that blanks separate. */
static bool
parse_word(const char *words, const char *text, int64_t *out)
{
	size_t len = strlen(text);

	for (*out = 0; *words != '\0'; ++*out) {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, text, n) == 0)
			return true;
		words += n;
		words += strspn(words, " ");
	}
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
	if (config_type(option)->values != NULL)
		return parse_word(config_type(option)->values, text, out);
	if (option->type == MODE)
		return parse_mode(text, out);
	return parse_units(text, config_type(option)->units, out);
}

/* Adds words to those of the option, one blank apart. */
static char *
joined(const char *old, const char *value)
{
	char *text = xcalloc(1, strlen(old) + strlen(value) + 2);
	char *words = xstrdup(value), *rest = words, *word;
	char *at = stpcpy(text, old);

	while ((word = strsep(&rest, BLANKS)) != NULL) {
		if (*word == '\0')
			continue;
		if (at != text)
			*at++ = ' ';
		at = stpcpy(at, word);
	}
	free(words);
	return text;
}

static int
set_text(struct config *config, const struct option *option, const char *value,
    struct config_why *why)
{
	char **field = config_string(config, option);
	size_t len = strlen(value);
	char *text;

	if (option->type == NAMES && len > 0)
		len += strlen(*field);
	if (len < (size_t)option->min || len > (size_t)option->max)
		return fail(why, CONFIG_E_VALUE,
		    "%s: %s of %zu bytes; the range is %" PRId64 " to %" PRId64,
		    option->name,
		    option->type == PATH || option->type == OPTIONAL_PATH
			? "a path"
			: "a text",
		    len, option->min, option->max);
	text = config_type(option)->is_list ? joined(*field, value)
					    : xstrdup(value);
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
	if (config_type(option)->is_text)
		return set_text(config, option, value, why);
	if (!parse_number(option, value, &n))
		return fail(why, CONFIG_E_VALUE, "%s: '%s' is not %s",
		    option->name, value, config_type(option)->wanted);
	if (n < option->min || n > option->max)
		return fail(why, CONFIG_E_VALUE,
		    "%s: %s is out of range; the range is %s to %s",
		    option->name, value,
		    config_format(option, option->min, min, sizeof(min)),
		    config_format(option, option->max, max, sizeof(max)));
	*config_number(config, option) = n;
	return 0;
}

static char *
trim(char *s)
{
	size_t len;

	s += strspn(s, BLANKS);
	len = strlen(s);
	while (len > 0 && strchr(BLANKS, s[len - 1]) != NULL)
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
	value = key + strcspn(key, BLANKS);
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

/* The first word of resp-listen that is no path, and its length; NULL if there
 * is none. */
static const char *
find_tcp(const char *words, size_t *len)
{
	for (; *words != '\0'; words += *len) {
		words += strspn(words, " ");
		*len = strcspn(words, " ");
		if (*len > 0 && memchr(words, '/', *len) == NULL)
			return words;
	}
	return NULL;
}

bool
config_is_exclusive(const struct config *config)
{
	return *config->allow_users != '\0' || *config->allow_groups != '\0';
}

static int
check_users(const struct config *config, struct config_why *why)
{
	size_t len = 0;
	const char *tcp = find_tcp(config->resp_listen, &len);

	if (!config_is_exclusive(config) || tcp == NULL ||
	    *config->resp_password != '\0')
		return 0;
	return fail(why, CONFIG_E_CONFLICT,
	    "resp-listen: %.*s lets in every user of this host, whatever "
	    "allow-users and allow-groups say; set resp-password, or listen "
	    "at a path",
	    (int)len, tcp);
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
	return check_users(config, why);
}

size_t
config_n_options(void)
{
	return config_options_n;
}

const char *
config_name(size_t i)
{
	return config_options[i].name;
}

const char *
config_text(size_t i)
{
	return config_options[i].text;
}

const char *
config_argument(size_t i)
{
	return config_type(&config_options[i])->argument;
}

const char *
config_values(size_t i)
{
	return config_type(&config_options[i])->values;
}

bool
config_is_file(size_t i)
{
	return config_type(&config_options[i])->is_file;
}

bool
config_is_reloadable(size_t i)
{
	return config_options[i].reloadable;
}

bool
config_differs(const struct config *a, const struct config *b, size_t i)
{
	const struct option *option = &config_options[i];

	if (config_type(option)->is_text)
		return strcmp(*config_string(a, option),
			   *config_string(b, option)) != 0;
	return *config_number(a, option) != *config_number(b, option);
}

void
config_take(struct config *config, const struct config *other, size_t i)
{
	const struct option *option = &config_options[i];

	if (!config_type(option)->is_text) {
		*config_number(config, option) = *config_number(other, option);
		return;
	}
	free(*config_string(config, option));
	*config_string(config, option) = xstrdup(*config_string(other, option));
}
