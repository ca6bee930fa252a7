/*
 * report - the sections of STATS: shared by report.c, which has those about
 * clients and the daemon, and report_topics.c and report_questions.c. Nobody
 * else includes it; others call native_report().
 */
#ifndef PM2A_EDGE_NATIVE_REPORT_H
#define PM2A_EDGE_NATIVE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/control.h"
#include "wire/msg.h"

struct native;

/* A key and its value. NULL is the empty string. */
void report_put_int(struct msg_writer *w, const char *key, int64_t value);
void report_put_str(struct msg_writer *w, const char *key, const char *value);

/* Whether topics have a column of that name. */
bool report_sorts_topics(const char *column);

/* The first of all topics in the order that is wanted. */
struct topic_rows;
struct topic_registry;

struct topic_rows *report_topics_new(const struct control_stats *wanted)
    __attribute__((returns_nonnull));
void report_topics_free(struct topic_rows *rows); /* NULL is allowed */

/* Looks at some topics. Returns whether there are more. */
bool report_topics_step(struct topic_rows *rows, struct topic_registry *reg);

/* Puts an array of the rows, once all topics have been looked at. */
void report_put_topics(struct topic_rows *rows, struct msg_writer *w);

/* Each puts an array with at most wanted->n_rows rows. */
void report_put_requests(struct native *native,
    const struct control_stats *wanted, struct msg_writer *w);
void report_put_slow(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w);

#endif
