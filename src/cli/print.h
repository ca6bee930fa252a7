/*
 * print - STATS_REPLY for people and for programs: tables and JSON.
 */
#ifndef PM2A_CLI_PRINT_H
#define PM2A_CLI_PRINT_H

#include <stdio.h>

#include "wire/msg.h"

/* The value as JSON (RFC 8259), indented by two spaces, and a newline. Bytes
 * that are no UTF-8 come out as U+FFFD. */
void print_json(FILE *out, const struct msg_node *value);

/* The sections of a STATS_REPLY as tables, each below a title. */
void print_tables(FILE *out, const struct msg_node *reply);

#endif
