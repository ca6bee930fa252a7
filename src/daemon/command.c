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
	WORD_KEY,
	WORD_NAMESPACE,
	WORD_TIMEOUT,
};

static const struct option words[] = {
	{ "config", required_argument, NULL, WORD_CONFIG },
	{ "json", no_argument, NULL, WORD_JSON },
	{ "limit", required_argument, NULL, WORD_LIMIT },
	{ "key", required_argument, NULL, WORD_KEY },
	{ "namespace", required_argument, NULL, WORD_NAMESPACE },
	{ "timeout", required_argument, NULL, WORD_TIMEOUT },
	{ "stats", no_argument, NULL, WORD_ACTION + ACTION_STATS },
	{ "emit", no_argument, NULL, WORD_ACTION + ACTION_EMIT },
	{ "ask", no_argument, NULL, WORD_ACTION + ACTION_ASK },
	{ "tail", no_argument, NULL, WORD_ACTION + ACTION_TAIL },
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
read_number(const char *name, const char *text, int max, int *out)
{
	const char *error;

	*out = (int)strtonum(text, 1, max, &error);
	if (error == NULL)
		return 0;
	fprintf(stderr, "pm2adapterd: %s: '%s' is %s; the range is 1 to %d\n",
	    name, text, error, max);
	return EX_USAGE;
}

static int
set_limit(struct command *command, const char *text)
{
	int n = 0, r = read_number("limit", text, CONTROL_ROWS_MAX, &n);

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
		return read_number("timeout", optarg, SHELL_TIMEOUT_MAX_MS,
		    &command->shell.timeout_ms);
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

/* What goes with which action, judged when all of it is known. */
static int
check_words(const struct command *command)
{
	enum action action = command->action;
	bool is_shell = action == ACTION_EMIT || action == ACTION_ASK;

	if (command->as_json && action != ACTION_STATS &&
	    action != ACTION_ASK && action != ACTION_TAIL)
		return usage_error(
		    "--json goes with --stats, --ask and --tail", "");
	if (command->shell.key != NULL && !is_shell)
		return usage_error("--key goes with --emit and --ask", "");
	if (command->shell.nsp != NULL && action != ACTION_ASK)
		return usage_error("--namespace goes with --ask", "");
	if (command->shell.timeout_ms != 0 && !is_shell)
		return usage_error("--timeout goes with --emit and --ask", "");
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
			return usage_error("what is meant by ", *args);
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
	    "       pm2adapterd --emit TARGET EVENT [JSON]...\n"
	    "       pm2adapterd --ask QUESTION [ARGUMENT]... [--json]\n"
	    "       pm2adapterd --tail TOPIC [--json]\n"
	    "\n"
	    "Carries messages between Socket.IO workers over a Unix socket.\n"
	    "\n"
	    "  --config FILE\n"
	    "        Read options from FILE: `key value` lines.\n"
	    "  --stats [SECTION]...\n"
	    "        Ask the running daemon. SECTION is overview, clients,\n"
	    "        topics, closed or config; default: overview and clients,\n"
	    "        with --json all but config.\n"
	    "  --emit TARGET EVENT [JSON]...\n"
	    "        Emit an event to Socket.IO clients. TARGET is '' for "
	    "all,\n"
	    "        '#ROOM', or 'NAMESPACE' and 'NAMESPACE#ROOM'. Behind --, "
	    "an\n"
	    "        argument may begin with a hyphen.\n"
	    "  --ask QUESTION [ARGUMENT]...\n"
	    "        Ask all workers, and print what each answers: clients\n"
	    "        [ROOM]..., allRooms, clientRooms ID, remoteJoin ID ROOM,\n"
	    "        remoteLeave ID ROOM, remoteDisconnect ID [close],\n"
	    "        customRequest [JSON], fetchSockets [ROOM]... or\n"
	    "        serverSideEmit EVENT [JSON]...\n"
	    "  --tail TOPIC\n"
	    "        Print the messages on a topic as they come; on all that\n"
	    "        begin so where it ends with *.\n"
	    "  --key KEY\n"
	    "        With --emit and --ask: the application, as in the\n"
	    "        adapter's options; default: socket.io.\n"
	    "  --namespace NAMESPACE\n"
	    "        With --ask: the Socket.IO namespace; default: /.\n"
	    "  --timeout MS\n"
	    "        With --emit and --ask: 1 to 300000; default 5000.\n"
	    "  --json\n"
	    "        With --stats, --ask and --tail: as JSON.\n"
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
	    "Exit codes: 0 ended in order; 64 usage; 66 --ask: nobody has "
	    "that\n"
	    "socket; 69 the socket is served by another daemon, or there is\n"
	    "none to talk to; 73 the socket can't be made; 74 output failed;\n"
	    "75 --ask: some did not answer; 78 configuration.\n",
	    out);
}
