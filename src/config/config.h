/*
 * config - the options: one table, from which the command line, the file,
 * --help, --dump-config, conf/pm2adapterd.conf and the manual's list are made
 * (config/print).
 *
 * A pure module: text in, struct or text out; it opens no file and logs
 * nothing. An error names the key, the value and the range.
 */
#ifndef PM2A_CONFIG_CONFIG_H
#define PM2A_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/values.h"

enum config_error {
	CONFIG_E_UNKNOWN = 1, /* no such key */
	CONFIG_E_VALUE,       /* not a value of its type, or out of range */
	CONFIG_E_CONFLICT,    /* two values that exclude each other */
};

/* An error as a sentence without a full stop. */
struct config_why {
	char text[512];
};

/* The defaults; default_socket is copied. */
void config_init(struct config *config, const char *default_socket);

/* Idempotent. */
void config_fini(struct config *config);

/* Makes a deep copy; end it with config_fini() too. */
struct config config_copy(const struct config *config);

/* Sets one option from text. Returns 0 or CONFIG_E_*, with *why. */
int must_check config_set(struct config *config, const char *name,
    const char *value, struct config_why *why);

/* Sets options from lines `key value`; `#` begins a comment. name is the file's
 * name for *why, which then begins with `name:line: `. A zero byte is no text:
 * CONFIG_E_VALUE. */
int must_check config_read(struct config *config, const char *name,
    const char *text, size_t len, struct config_why *why);

/* Whether allow-users or allow-groups is set. */
bool config_is_exclusive(const struct config *config);

/* Checks that the values do not conflict. Returns 0 or CONFIG_E_CONFLICT. */
int must_check config_check(
    const struct config *config, struct config_why *why);

/* The number of options, and the name of option `i`. */
size_t config_n_options(void);
const char *config_name(size_t i);

/* For --help and completion of option `i`: its description, the name of its
 * argument, its possible values separated by blanks (NULL if not a list), and
 * whether its value is a file name. */
const char *config_text(size_t i);
const char *config_argument(size_t i);
const char *config_values(size_t i);
bool config_is_file(size_t i);

/* Whether the option can change while the daemon runs. */
bool config_is_reloadable(size_t i);

/* Whether a and b differ in option i. */
bool config_differs(const struct config *a, const struct config *b, size_t i);

/* Sets option i of config to its value in other. */
void config_take(struct config *config, const struct config *other, size_t i);

#endif
