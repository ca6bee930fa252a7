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

/* Each puts an array with at most wanted->n_rows rows. */
void report_put_topics(struct native *native,
    const struct control_stats *wanted, struct msg_writer *w);
void report_put_requests(struct native *native,
    const struct control_stats *wanted, struct msg_writer *w);
void report_put_slow(struct native *native, const struct control_stats *wanted,
    struct msg_writer *w);

#endif
