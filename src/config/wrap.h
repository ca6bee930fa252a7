/*
 * wrap - texts of tables as paragraphs: for --help, files and manuals.
 */
#ifndef PM2A_CONFIG_WRAP_H
#define PM2A_CONFIG_WRAP_H

#include <stdbool.h>
#include <stdio.h>

/* Prints text in lines of at most width columns, each behind indent. With
 * by_sentence each sentence begins a line, as mdoc(7) requires. */
void wrap_print(FILE *out, const char *indent, size_t width, bool by_sentence,
    const char *text);

#endif
