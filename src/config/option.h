/*
 * config_option - the options as a table, and what their types are called: what
 * config.c, which reads them, and config_print.c, which shows them, share.
 * Nobody else includes it.
 */
#ifndef PM2A_CONFIG_OPTION_H
#define PM2A_CONFIG_OPTION_H

#include "config/config.h"

/* Texts come first. */
enum option_type {
	PATH,
	OPTIONAL_PATH,
	ADDRESS,
	ADDRESSES,
	SECRET,
	MODE,
	LEVEL,
	FORMAT,
	COUNT,
	SIZE,
	DURATION
};

struct unit {
	const char *name;
	int64_t factor;
};

struct type {
	const char *argument;     /* in --help and the manual */
	const char *wanted;       /* in errors */
	const struct unit *units; /* the largest first; NULL: no number */
	const char *values; /* that it has, separated by blanks, or NULL */
};

struct option {
	const char *name;
	enum option_type type;
	size_t field; /* char * where the type is a text, or else int64_t */
	int64_t min, max, initial;
	bool reloadable;
	const char *text;
};

#define CONFIG_N_OPTIONS 28

extern const struct type config_types[];
extern const struct option config_options[];

/* The field of the option, as its type has it. */
int64_t *config_number(
    const struct config *config, const struct option *option);
char **config_string(const struct config *config, const struct option *option);

bool config_is_text(const struct option *option);

/* A number as config_set() takes it. Returns out. */
const char *config_format(
    const struct option *option, int64_t value, char *out, size_t size);

#endif
