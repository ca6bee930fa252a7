/*
 * report_questions - the sections `requests` and `slow` of STATS.
 */
#ifndef PM2A_STATS_REPORT_QUESTIONS_H
#define PM2A_STATS_REPORT_QUESTIONS_H

#include "stats/hub.h"
#include "wire/control.h"
#include "wire/msg.h"

/* Each appends an array of at most wanted->n_rows rows. */
void report_put_requests(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w);
void report_put_slow(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w);

#endif
