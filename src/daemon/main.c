#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/place.h"
#include "cli/command.h"
#include "cli/lend.h"
#include "cli/probe.h"
#include "cli/query.h"
#include "cli/shell.h"
#include "cli/watch.h"
#include "config/config.h"
#include "config/print.h"
#include "daemon/serve.h"
#include "net/loop.h"
#include "wire/json.h"
#include "wire/msg.h"

static void
print_version(void)
{
	printf("pm2adapterd %s\nlibevent %s\nmsgpack-c %s\nlibbsd %s\n"
	       "jansson %s\n",
	    VERSION, loop_library_version(), msg_library_version(),
	    LIBBSD_VERSION, json_library_version());
}

static int
test(const struct config *config)
{
	int code = serve_check(config);

	if (code == 0)
		puts("configuration ok");
	return code;
}

static int
act(const struct command *command, const struct config *config)
{
	struct shell shell = command_shell(command, config);

	switch (command->action) {
	case ACTION_STATS:
		return query_print(
		    config->socket, &command->stats, command->as_json);
	case ACTION_WATCH:
		return watch_run(config->socket, &command->stats,
		    command->interval_ms == 0 ? WATCH_INTERVAL_DEFAULT_MS
					      : command->interval_ms);
	case ACTION_HEALTHZ:
		return probe_health(config->socket, shell.timeout_ms);
	case ACTION_SIGNAL:
		return probe_signal(
		    config->socket, command->what, shell.timeout_ms);
	case ACTION_TEST:
		return test(config);
	case ACTION_LEND:
		return lend_channel(config->socket, command->what);
	case ACTION_EMIT:
		return shell_emit(&shell);
	case ACTION_ASK:
		return shell_ask(&shell);
	case ACTION_TAIL:
		return shell_tail(&shell);
	default:
		return serve_run(command, config);
	}
}

/* A daemon may inherit its socket. */
static bool
needs_socket(enum action action)
{
	return action != ACTION_SERVE && action != ACTION_TEST &&
	       action != ACTION_DUMP_CONFIG;
}

static int
run(const struct command *command)
{
	struct config_why why;
	struct config config;
	int code = 0;

	switch (command->action) {
	case ACTION_HELP:
		command_print_help(stdout);
		return 0;
	case ACTION_VERSION:
		print_version();
		return 0;
	case ACTION_DUMP_MANUAL:
		config_print_manual(stdout);
		return 0;
	case ACTION_DUMP_COMPLETION:
		command_print_completion(command->what, stdout);
		return 0;
	default:
		break;
	}
	if (command_config(command, &config, &why) != 0) {
		fprintf(stderr, "pm2adapterd: %s\n", why.text);
		return EX_CONFIG;
	}
	if (config.socket[0] == '\0' && needs_socket(command->action)) {
		fprintf(
		    stderr, "pm2adapterd: socket: %s\n", place_problem_here());
		code = EX_CONFIG;
	} else if (command->action == ACTION_DUMP_CONFIG)
		config_print_file(&config, stdout);
	else
		code = act(command, &config);
	config_fini(&config);
	return code;
}

/*
 * Descriptors 0 to 2 must not become a socket or a pipe of the event loop,
 * since output would be written to it. Closed ones become /dev/null; stdout is
 * opened for reading, so that a command reports that its output is lost.
 */
static bool
occupy_standard_descriptors(void)
{
	static const int modes[] = { O_RDONLY, O_RDONLY, O_WRONLY };

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", modes[fd]) != fd)
			return false;
	return true;
}

/* Flushes standard output. Returns `code`, or EX_IOERR if that fails. */
static int
finish_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "pm2adapterd: standard output: %s\n", strerror(errno));
	return code == 0 ? EX_IOERR : code;
}

int
main(int argc, char **argv)
{
	struct command command;
	int code;

	if (!occupy_standard_descriptors())
		return EX_OSERR;
	code = command_parse(argc, argv, &command);
	if (code == 0)
		code = finish_output(run(&command));
	command_fini(&command);
	return code;
}
