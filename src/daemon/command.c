#include "daemon/command.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/xalloc.h"

#define CONFIG_FILE_MAX (1 << 20)

/* Long options that aren't in the table of options; those are numbered from 0,
 * and these from here. */
#define FIRST_WORD 1000

enum word {
	WORD_ACTION = FIRST_WORD, /* plus the action */
	WORD_CONFIG = FIRST_WORD + 100,
	WORD_JSON,
	WORD_LIMIT,
};

static const struct option words[] = {
	{ "config", required_argument, NULL, WORD_CONFIG },
	{ "json", no_argument, NULL, WORD_JSON },
	{ "limit", required_argument, NULL, WORD_LIMIT },
	{ "stats", no_argument, NULL, WORD_ACTION + ACTION_STATS },
	{ "version", no_argument, NULL, WORD_ACTION + ACTION_VERSION },
	{ "help", no_argument, NULL, WORD_ACTION + ACTION_HELP },
	{ "dump-config", no_argument, NULL, WORD_ACTION + ACTION_DUMP_CONFIG },
	{ "dump-manual", no_argument, NULL, WORD_ACTION + ACTION_DUMP_MANUAL },
};

#define N_WORDS (sizeof(words) / sizeof(*words))

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
	struct option *all = xcalloc(n + N_WORDS + 1, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		all[i] = (struct option){ config_name(i), required_argument,
			NULL, (int)i };
	memcpy(all + n, words, sizeof(words));
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
set_limit(struct command *command, const char *text)
{
	const char *error;

	command->stats.n_rows =
	    (uint32_t)strtonum(text, 1, CONTROL_ROWS_MAX, &error);
	if (error == NULL)
		return 0;
	fprintf(stderr,
	    "pm2adapterd: limit: '%s' is %s; the range is 1 to %d\n", text,
	    error, CONTROL_ROWS_MAX);
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
	default:
		if (c >= WORD_ACTION)
			command->action = (enum action)(c - WORD_ACTION);
		else
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
			return usage_error("--stats knows overview, clients, "
					   "topics, closed, config; not ",
			    *names);
		command->stats.wanted[k] = true;
	}
	return 0;
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
	if (command->as_json && command->action != ACTION_STATS)
		return usage_error("--json goes with --stats", "");
	if (command->action == ACTION_STATS)
		return take_sections(command, argv + optind);
	if (optind < argc)
		return usage_error("what is meant by ", argv[optind]);
	return 0;
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

static void
default_socket(char *out, size_t size)
{
	const char *path = getenv("PM2ADAPTERD_SOCKET");
	const char *pm2_home = getenv("PM2_HOME");
	const char *home = getenv("HOME");

	if (path != NULL && path[0] != '\0')
		snprintf(out, size, "%s", path);
	else if (pm2_home != NULL && pm2_home[0] != '\0')
		snprintf(out, size, "%s/pm2adapterd.sock", pm2_home);
	else
		snprintf(out, size, "%s/.pm2/pm2adapterd.sock",
		    home == NULL ? "" : home);
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
	char path[4096];
	int r = 0;

	default_socket(path, sizeof(path));
	config_init(out, path);
	if (command->config_file != NULL)
		r = load_file(out, command->config_file, why);
	STAILQ_FOREACH (setting, &command->settings, link) {
		if (r != 0)
			break;
		r = config_set(out, setting->name, setting->value, why);
	}
	if (r == 0)
		r = config_check(out, why);
	if (r == 0)
		return 0;
	config_fini(out);
	return EX_CONFIG;
}

void
command_print_help(FILE *out)
{
	fputs(
	    "Usage: pm2adapterd [OPTION]...\n"
	    "       pm2adapterd --stats [SECTION]... [--json] [--limit N]\n"
	    "\n"
	    "Carries messages between Socket.IO workers over a Unix socket.\n"
	    "\n"
	    "  --config FILE\n"
	    "        Read options from FILE: `key value` lines.\n"
	    "  --stats [SECTION]...\n"
	    "        Ask the running daemon. SECTION is overview, clients,\n"
	    "        topics, closed or config; default: overview and clients,\n"
	    "        with --json all but config.\n"
	    "  --json\n"
	    "        With --stats: as JSON.\n"
	    "  --limit N\n"
	    "        With --stats: rows of a section, 1 to 1000; default 100.\n"
	    "  --dump-config\n"
	    "        Print the configuration in force as a file, and end.\n"
	    "  --dump-manual\n"
	    "        Print the options as a list in mdoc, and end.\n"
	    "  --version\n"
	    "        Print the versions of the daemon and its libraries.\n"
	    "  --help\n"
	    "        Print this.\n\n",
	    out);
	config_print_help(out);
	fputs(
	    "\n"
	    "Exit codes: 0 ended in order; 64 usage; 69 the socket is served\n"
	    "by another daemon, or --stats found none; 73 the socket can't be\n"
	    "made; 78 configuration.\n",
	    out);
}
