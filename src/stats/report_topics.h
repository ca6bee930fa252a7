/*
 * report_topics - the section `topics` of STATS: the first topics in the order
 * of the request, found in steps.
 */
#ifndef PM2A_STATS_REPORT_TOPICS_H
#define PM2A_STATS_REPORT_TOPICS_H

#include <stdbool.h>

#include "core/topic.h"
#include "wire/control.h"
#include "wire/msg.h"

struct topic_rows;

/* Whether topics have a column of that name. */
bool report_sorts_topics(const char *column);

struct topic_rows *report_topics_new(const struct control_stats *wanted)
    __attribute__((returns_nonnull));

/* NULL is allowed. */
void report_topics_free(struct topic_rows *rows);

/* Looks at some topics. Returns whether there are more. */
bool report_topics_step(struct topic_rows *rows, struct topic_registry *reg);

/* Appends an array of the rows, once all topics have been looked at. */
void report_put_topics(struct topic_rows *rows, struct msg_writer *w);

#endif
