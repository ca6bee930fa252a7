/*
 * option - the options as a table, and their types. config.c reads them, and
 * print.c shows them; no other file includes it.
 */
#ifndef PM2A_CONFIG_OPTION_H
#define PM2A_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/values.h"

enum option_type {
	PATH,
	OPTIONAL_PATH,
	ADDRESS,
	ADDRESSES,
	NAMES,
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
	const char
	    *values;    /* the possible ones, separated by blanks, or NULL */
	bool is_text;   /* the field is a char *, else an int64_t */
	bool is_file;   /* it may be the name of a file */
	bool is_list;   /* the option may be given several times */
	bool is_secret; /* its value is never shown */
};

struct option {
	const char *name;
	enum option_type type;
	size_t field; /* offset in struct config of a field of its type */
	int64_t min, max, initial;
	bool reloadable;
	const char *text;
};

extern const struct type config_types[];
extern const struct option config_options[];
extern const size_t config_options_n;

/* Returns the field of the option, which has its type. */
int64_t *config_number(
    const struct config *config, const struct option *option);
char **config_string(const struct config *config, const struct option *option);

const struct type *config_type(const struct option *option);

/* A number as config_set() takes it. Returns out. */
const char *config_format(
    const struct option *option, int64_t value, char *out, size_t size);

#endif
