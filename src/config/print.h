/*
 * print - the options as text: a configuration file, --help, the manual.
 */
#ifndef PM2A_CONFIG_PRINT_H
#define PM2A_CONFIG_PRINT_H

#include <stddef.h>
#include <stdio.h>

#include "config/values.h"

/* The value of option i as text that config_set() takes. Returns out. */
const char *config_value(
    const struct config *config, size_t i, char *out, size_t size);

/* Writes a file with every option, its meaning and range as comments. A socket
 * that is not set is a comment too. */
void config_print_file(const struct config *config, FILE *out);

/* The options for --help. */
void config_print_help(FILE *out);

/* The options as a list in mdoc(7). */
void config_print_manual(FILE *out);

#endif
