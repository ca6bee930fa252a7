/*
 * view - the screen of `--watch`: two replies to STATS as one screen of text.
 * Pure: it knows no terminal and no clock.
 *
 * Rates are the difference of the two answers. Names are the only text of peers
 * that reaches the terminal, and they are made printable.
 */
#ifndef PM2A_CLI_VIEW_H
#define PM2A_CLI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire/msg.h"

#define VIEW_HISTORY 60 /* samples of a sparkline */

/* Samples so far, the oldest first. */
struct view_history {
	double values[VIEW_HISTORY];
	size_t n;
};

struct view {
	size_t width, height; /* of the screen; 0: as much as there is */
	bool has_colours;
	struct view_history delivered, queue, busy;
};

/* Forgets the oldest where there is no room. */
void view_add(struct view_history *history, double value);

/* The history as one character for each sample, the largest as a full block.
 * out has room for 4 * VIEW_HISTORY bytes. Returns out. */
const char *view_sparkline(const struct view_history *history, char *out);

/*
 * Adds the new answer to the histories and prints the screen, at most height
 * lines of width columns. before is the answer of elapsed_ms ago, or NULL; then
 * there are no rates.
 */
void view_print(struct view *view, FILE *out, const struct msg_node *now,
    const struct msg_node *before, int64_t elapsed_ms);

#endif
