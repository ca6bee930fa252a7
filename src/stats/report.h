/*
 * report - the answer to STATS, /stats.json and pm2: sections of rows and maps,
 * as docs/STATS.md lists them.
 */
#ifndef PM2A_STATS_REPORT_H
#define PM2A_STATS_REPORT_H

#include <stdbool.h>

#include "stats/hub.h"
#include "wire/control.h"
#include "wire/msg.h"

struct report;

/* Whether a section that is wanted can be sorted by wanted->sort. */
bool report_can_sort(const struct control_stats *wanted);

/*
 * Gathers the wanted sections, in steps if it has to look at many topics, and
 * calls ready(report, arg) once, perhaps before it returns. report_put() may be
 * called there and nowhere else; the report is freed afterwards. Returns the
 * report, or NULL if ready() has been called.
 */
struct report *report_gather(struct hub *hub,
    const struct control_stats *wanted,
    void (*ready)(struct report *report, void *arg), void *arg);

/*
 * As report_gather(), with the JSON text of the report, for which ready() calls
 * report_take_json(). That returns the text, of *len bytes and from malloc,
 * with `margin` bytes before it for the caller's use.
 */
struct report *report_gather_json(struct hub *hub,
    const struct control_stats *wanted, size_t margin,
    void (*ready)(struct report *report, void *arg), void *arg);
char *report_take_json(struct report *report, size_t *len);

/* Frees the report, whose ready() is not called. NULL is allowed. */
void report_cancel(struct report *report);

/* Appends a map of the wanted sections. */
void report_put(struct report *report, struct msg_writer *w);

/* Gathers and appends at once, however long it takes. */
void report_now(
    struct hub *hub, const struct control_stats *wanted, struct msg_writer *w);

#endif
