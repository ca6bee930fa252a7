/*
 * command_word - the words of the command line other than options of the
 * configuration, as a table for command.c, --help and the completions. Private
 * to command*.c.
 */
#ifndef PM2A_CLI_COMMAND_WORD_H
#define PM2A_CLI_COMMAND_WORD_H

#include <stddef.h>

enum action {
	ACTION_SERVE,
	ACTION_STATS,
	ACTION_WATCH,
	ACTION_HEALTHZ,
	ACTION_SIGNAL,
	ACTION_TEST,
	ACTION_EMIT,
	ACTION_ASK,
	ACTION_TAIL,
	ACTION_LEND,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_DUMP_CONFIG,
	ACTION_DUMP_MANUAL,
	ACTION_DUMP_COMPLETION,
};

/* Options of the configuration are numbered from 0, and words from here. */
enum word_id {
	WORD_ACTION = 1000, /* plus the action */
	WORD_CONFIG = 1100,
	WORD_JSON,
	WORD_LIMIT,
	WORD_SORT,
	WORD_WATCH,
	WORD_INTERVAL,
	WORD_KEY,
	WORD_NAMESPACE,
	WORD_TIMEOUT,
};

struct word {
	const char *name;
	int id;
	/* Of the word itself, as in --help; NULL: it has none. */
	const char *argument;
	/* Its arguments, as in --help, or NULL. */
	const char *rest;
	/* The values of argument or rest, separated by blanks, or NULL. */
	const char *values;
	const char *text;
};

#define COMMAND_N_WORDS 22

extern const struct word command_words[COMMAND_N_WORDS];

#endif
