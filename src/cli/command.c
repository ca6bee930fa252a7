#include "cli/command.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/place.h"
#include "base/xalloc.h"
#include "cli/command_word.h"
#include "cli/watch.h"

#define CONFIG_FILE_MAX (1 << 20)

struct setting {
	STAILQ_ENTRY(setting) link;
	const char *name;
	const char *value;
};

static int
usage_error(const char *what, const char *which)
{
	fprintf(stderr, "pm2adapterd: %s%s\nTry 'pm2adapterd --help'.\n", what,
	    which);
	return EX_USAGE;
}

static struct option *
long_options(void)
{
	size_t n = config_n_options();
	struct option *all = xcalloc(n + COMMAND_N_WORDS + 1, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		all[i] = (struct option){ config_name(i), required_argument,
			NULL, (int)i };
	for (size_t i = 0; i < COMMAND_N_WORDS; i++) {
		const struct word *word = &command_words[i];

		all[n + i] = (struct option){ word->name,
			word->argument == NULL ? no_argument
					       : required_argument,
			NULL, word->id };
	}
	return all;
}

static void
add_setting(struct command *command, const char *name, const char *value)
{
	struct setting *setting = xcalloc(1, sizeof(*setting));

	setting->name = name;
	setting->value = value;
	STAILQ_INSERT_TAIL(&command->settings, setting, link);
}

static int
read_number(const char *name, const char *text, int min, int max, int *out)
{
	const char *error;

	*out = (int)strtonum(text, min, max, &error);
	if (error == NULL)
		return 0;
	fprintf(stderr, "pm2adapterd: %s: '%s' is %s; the range is %d to %d\n",
	    name, text, error, min, max);
	return EX_USAGE;
}

static int
set_limit(struct command *command, const char *text)
{
	int n = 0, r = read_number("limit", text, 1, CONTROL_ROWS_MAX, &n);

	command->stats.n_rows = (uint32_t)n;
	return r;
}

static int
set_key(struct command *command, const char *text)
{
	size_t len = strlen(text);

	command->shell.key = text;
	if (len > 0 && len <= CONTROL_KEY_MAX && strchr(text, '#') == NULL)
		return 0;
	return usage_error("--key wants 1 to 256 bytes without #, not ", text);
}

static int
set_sort(struct command *command, const char *key)
{
	size_t len = strlen(key);

	if (len == 0 || len > CONTROL_SORT_MAX)
		return usage_error("--sort wants a key of --json, not ", key);
	memcpy(command->stats.sort, key, len + 1);
	return 0;
}

/* Whether text is one of the values, which blanks separate. */
static bool
is_one_of(const char *values, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = values; len > 0 && *at != '\0';
	     at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (n == len && strncmp(at, text, len) == 0)
			return true;
		at += n;
	}
	return false;
}

static const struct word *
word_of(enum action action)
{
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		if (command_words[i].id == WORD_ACTION + (int)action)
			return &command_words[i];
	return NULL;
}

static int
set_action(struct command *command, enum action action)
{
	const struct word *word = word_of(action);

	command->action = action;
	if (word == NULL || word->argument == NULL)
		return 0;
	command->what = optarg;
	if (word->values == NULL || is_one_of(word->values, optarg))
		return 0;
	fprintf(stderr,
	    "pm2adapterd: --%s: '%s' is none of %s\n"
	    "Try 'pm2adapterd --help'.\n",
	    word->name, optarg, word->values);
	return EX_USAGE;
}

static int
take_option(struct command *command, int c)
{
	switch (c) {
	case '?':
	case ':':
		return usage_error("see above", "");
	case WORD_CONFIG:
		command->config_file = optarg;
		return 0;
	case WORD_JSON:
		command->as_json = true;
		return 0;
	case WORD_LIMIT:
		return set_limit(command, optarg);
	case WORD_KEY:
		return set_key(command, optarg);
	case WORD_NAMESPACE:
		command->shell.nsp = optarg;
		return 0;
	case WORD_TIMEOUT:
		return read_number("timeout", optarg, 1, SHELL_TIMEOUT_MAX_MS,
		    &command->shell.timeout_ms);
	case WORD_SORT:
		return set_sort(command, optarg);
	case WORD_WATCH:
		command->is_watching = true;
		return 0;
	case WORD_INTERVAL:
		return read_number("interval", optarg, WATCH_INTERVAL_MIN_MS,
		    WATCH_INTERVAL_MAX_MS, &command->interval_ms);
	default:
		if (c >= WORD_ACTION)
			return set_action(
			    command, (enum action)(c - WORD_ACTION));
		add_setting(command, config_name((size_t)c), optarg);
		return 0;
	}
}

static int
take_sections(struct command *command, char **names)
{
	size_t k = 0;

	if (*names == NULL) {
		for (int i = 0; i < CONTROL_CONFIG; i++)
			command->stats.wanted[i] = command->as_json ||
						   i == CONTROL_OVERVIEW ||
						   i == CONTROL_CLIENTS;
		return 0;
	}
	for (; *names != NULL; names++) {
		for (k = 0; k < CONTROL_N_SECTIONS; k++)
			if (strcmp(*names, control_section_name(
					       (enum control_section)k)) == 0)
				break;
		if (k == CONTROL_N_SECTIONS)
			return usage_error(
			    "--stats knows overview, clients, "
			    "topics, requests, closed, slow, config; "
			    "not ",
			    *names);
		command->stats.wanted[k] = true;
	}
	return 0;
}

/* Checks that the options fit the action, once all are known. */
static int
check_words(const struct command *command)
{
	enum action action = command->action;
	bool is_shell = action == ACTION_EMIT || action == ACTION_ASK;
	bool is_probe = action == ACTION_HEALTHZ || action == ACTION_SIGNAL;
	bool is_stats = action == ACTION_STATS || action == ACTION_WATCH;

	if (command->as_json && action != ACTION_STATS &&
	    action != ACTION_ASK && action != ACTION_TAIL)
		return usage_error(
		    "--json goes with --stats, --ask and --tail", "");
	if (command->shell.key != NULL && !is_shell)
		return usage_error("--key goes with --emit and --ask", "");
	if (command->shell.nsp != NULL && action != ACTION_ASK)
		return usage_error("--namespace goes with --ask", "");
	if (command->shell.timeout_ms != 0 && !is_shell && !is_probe)
		return usage_error("--timeout goes with --emit, --ask, "
				   "--healthz and --signal",
		    "");
	if (command->stats.sort[0] != '\0' && !is_stats)
		return usage_error("--sort goes with --stats and --watch", "");
	if (command->interval_ms != 0 && action != ACTION_WATCH)
		return usage_error("--interval goes with --watch", "");
	return 0;
}

static int
take_arguments(struct command *command, char **args)
{
	switch (command->action) {
	case ACTION_STATS:
		return take_sections(command, args);
	case ACTION_EMIT:
	case ACTION_ASK:
	case ACTION_TAIL:
		command->shell.args = args;
		return 0;
	default:
		if (*args != NULL)
			return usage_error("unexpected argument: ", *args);
		return 0;
	}
}

int
command_parse(int argc, char **argv, struct command *command)
{
	struct option *all = long_options();
	int c, r = 0;

	*command = (struct command){ .stats.n_rows = CONTROL_ROWS_DEFAULT };
	STAILQ_INIT(&command->settings);
	while (r == 0 && (c = getopt_long(argc, argv, "", all, NULL)) != -1)
		r = take_option(command, c);
	free(all);
	if (r != 0)
		return r;
	if (command->is_watching && (command->action == ACTION_SERVE ||
					command->action == ACTION_STATS))
		command->action = ACTION_WATCH;
	else if (command->is_watching)
		return usage_error("--watch goes with --stats, or alone", "");
	r = check_words(command);
	return r == 0 ? take_arguments(command, argv + optind) : r;
}

struct shell
command_shell(const struct command *command, const struct config *config)
{
	struct shell shell = command->shell;

	shell.socket = config->socket;
	shell.as_json = command->as_json;
	if (shell.key == NULL)
		shell.key = SHELL_KEY_DEFAULT;
	if (shell.nsp == NULL)
		shell.nsp = "/";
	if (shell.timeout_ms == 0)
		shell.timeout_ms = SHELL_TIMEOUT_DEFAULT_MS;
	return shell;
}

void
command_fini(struct command *command)
{
	struct setting *setting;

	while ((setting = STAILQ_FIRST(&command->settings)) != NULL) {
		STAILQ_REMOVE_HEAD(&command->settings, link);
		free(setting);
	}
}

/* Sets the default path of the socket; none if it can't be determined. */
static void
init_config(struct config *config)
{
	char path[PLACE_SOCKET_MAX + 1];
	struct place place;
	int r = place_settle(&place, path);

	/* A path that is too long is refused where it is used. */
	config_init(config, r == 0                  ? path
			    : r == PLACE_E_TOO_LONG ? place.path
						    : "");
}

/* Makes the socket's path absolute, as the clients have it. */
static int
settle_socket(struct config *config, struct config_why *why)
{
	char cwd[PLACE_PATH_MAX], path[PLACE_SOCKET_MAX + 1];
	int r;

	if (config->socket[0] == '/' || config->socket[0] == '\0')
		return 0;
	r = place_absolute(
	    getcwd(cwd, sizeof(cwd)), config->socket, path, sizeof(path));
	if (r == 0)
		return config_set(config, "socket", path, why);
	snprintf(why->text, sizeof(why->text), "socket: %s: %s", config->socket,
	    place_problem(r));
	return r;
}

/* The file's text, of *len bytes, or NULL with errno set. */
static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text;

	if (file == NULL)
		return NULL;
	text = xcalloc(1, CONFIG_FILE_MAX + 1);
	*len = fread(text, 1, CONFIG_FILE_MAX, file);
	if (!ferror(file) && *len < CONFIG_FILE_MAX) {
		fclose(file);
		return text;
	}
	errno = ferror(file) ? errno : EFBIG;
	fclose(file);
	free(text);
	return NULL;
}

static int
load_file(struct config *config, const char *path, struct config_why *why)
{
	size_t len;
	char *text = read_file(path, &len);
	int r;

	if (text == NULL) {
		snprintf(why->text, sizeof(why->text), "%s: %s", path,
		    strerror(errno));
		return EX_CONFIG;
	}
	r = config_read(config, path, text, len, why);
	free(text);
	return r == 0 ? 0 : EX_CONFIG;
}

int
command_config(
    const struct command *command, struct config *out, struct config_why *why)
{
	const struct setting *setting;
	int r = 0;

	init_config(out);
	if (command->config_file != NULL)
		r = load_file(out, command->config_file, why);
	STAILQ_FOREACH (setting, &command->settings, link) {
		if (r != 0)
			break;
		r = config_set(out, setting->name, setting->value, why);
	}
	if (r == 0)
		r = settle_socket(out, why);
	if (r == 0)
		r = config_check(out, why);
	if (r == 0)
		return 0;
	config_fini(out);
	return EX_CONFIG;
}
