/*
 * command - the action of the command line, and the configuration from it and
 * the file. Reports unknown words on standard error; the caller reports wrong
 * values.
 */
#ifndef PM2A_CLI_COMMAND_H
#define PM2A_CLI_COMMAND_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "cli/command_word.h"
#include "cli/shell.h"
#include "config/config.h"
#include "wire/control.h"

struct setting;

struct command {
	STAILQ_HEAD(setting_list, setting)
	settings;                /* options, to be set at each reload */
	const char *config_file; /* or NULL */
	enum action action;
	bool as_json;
	bool is_watching; /* --watch was given */
	struct control_stats stats;
	int interval_ms; /* of --watch */
	/* Of --signal, --lend-channel and --dump-completion. */
	const char *what;
	struct shell shell; /* its arguments; see command_shell() */
};

/* Reads argv, which must outlive *out. Returns 0 or EX_USAGE, which has been
 * complained of. In both cases command_fini() is due. */
int must_check command_parse(int argc, char **argv, struct command *out);

void command_fini(struct command *command);

/* Defaults, then the file, then the command line. Returns 0 or EX_CONFIG, with
 * *why; after 0, config_fini() is due. */
int must_check command_config(
    const struct command *command, struct config *out, struct config_why *why);

/* Returns the orders of --emit, --ask or --tail; it points into both. */
struct shell command_shell(
    const struct command *command, const struct config *config);

/* Prints --help. */
void command_print_help(FILE *out);

/* Prints what shell completes, "bash" or "zsh". */
void command_print_completion(const char *shell, FILE *out);

#endif
