#include "ops/openmetrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stats/clients.h"
#include "stats/figures.h"
#include "stats/hub.h"

#define PREFIX "pm2adapterd_"

struct text {
	FILE *out;
	bool is_openmetrics;
};

/* The head of a metric. A counter is called without _total in OpenMetrics, and
 * with it in the older format. */
static void
put_head(const struct text *text, const char *name, const char *type,
    const char *help)
{
	bool is_counter = strcmp(type, "counter") == 0;
	const char *suffix =
	    is_counter && !text->is_openmetrics ? "_total" : "";

	fprintf(text->out, "# HELP %s%s %s.\n# TYPE %s%s %s\n", name, suffix,
	    help, name, suffix, type);
}

/* Writes the value of a label, which is UTF-8. \\, " and newlines are escaped
 * as the format requires, other unsafe characters as \xNN with an escaped
 * backslash.
 */
static void
put_label(FILE *out, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	char escaped[TEXT_ESCAPED_SIZE];
	size_t left = strlen(value), n;
	bool is_safe;

	for (; left > 0; s += n, left -= n) {
		n = text_next(s, left, &is_safe);
		if (*s == '\\' || *s == '"') {
			putc_unlocked('\\', out);
			putc_unlocked(*s, out);
		} else if (*s == '\n') {
			fputs("\\n", out);
		} else if (is_safe) {
			fwrite(s, 1, n, out);
		} else {
			text_escape(s, n, escaped);
			for (const char *c = escaped; *c != '\0'; c++)
				if (*c == '\\')
					fputs("\\\\", out);
				else
					putc_unlocked(*c, out);
		}
	}
}

static void
put_figure(const struct figure_info *info, int64_t value, void *arg)
{
	const struct text *text = arg;
	bool is_counter = info->kind == FIGURE_COUNTER;
	double unit = 1;

	for (int i = 0; i < info->decimals; i++)
		unit *= 10;
	put_head(
	    text, info->metric, is_counter ? "counter" : "gauge", info->help);
	fprintf(text->out, "%s%s ", info->metric, is_counter ? "_total" : "");
	if (info->decimals == 0)
		fprintf(text->out, "%" PRId64 "\n", value);
	else
		fprintf(
		    text->out, "%.*f\n", info->decimals, (double)value / unit);
}

/* Buckets at powers of four: 16 us to 16.8 s. Times are truncated to whole
 * microseconds, so a time below 16 us is at most 15, where a bucket ends. */
static void
put_histogram(const struct text *text, const char *name, const char *help,
    const struct histogram *h)
{
	put_head(text, name, "histogram", help);
	for (int bit = 4; bit <= 24; bit += 2)
		fprintf(text->out, "%s_bucket{le=\"%.6f\"} %" PRIu64 "\n", name,
		    (double)(1 << bit) / 1e6,
		    histogram_n_within(h, ((uint64_t)1 << bit) - 1));
	fprintf(text->out,
	    "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_count %" PRIu64
	    "\n%s_sum %.6f\n",
	    name, h->n, name, h->n, name, (double)h->sum_us / 1e6);
}

static void
put_close(const char *reason, uint64_t n, void *arg)
{
	const struct text *text = arg;

	fprintf(text->out,
	    PREFIX "closed_connections_total{reason=\"%s\"} %" PRIu64 "\n",
	    reason, n);
}

static void
put_refusal(const char *code, uint64_t n, void *arg)
{
	const struct text *text = arg;

	fprintf(text->out,
	    PREFIX "refused_frames_total{code=\"%s\"} %" PRIu64 "\n", code, n);
}

static void
put_of_clients(const struct text *text, const struct client_rows *rows,
    const char *name, bool is_counter, size_t field, const char *help)
{
	put_head(text, name, is_counter ? "counter" : "gauge", help);
	for (size_t i = 0; i < rows->n; i++) {
		const struct client_row *row = &rows->at[i];

		fprintf(text->out, "%s%s{id=\"%" PRId64 "\",name=\"", name,
		    is_counter ? "_total" : "", row->id);
		put_label(text->out, row->name);
		fprintf(text->out, "\",role=\"%s\",pm_id=\"", row->role);
		if (row->pm_id >= 0)
			fprintf(text->out, "%" PRId64, row->pm_id);
		fprintf(text->out, "\"} %" PRId64 "\n",
		    *(const int64_t *)((const char *)row + field));
	}
}

static void
put_clients(const struct text *text, struct hub *hub)
{
	struct client_rows rows = { .max = OPENMETRICS_CLIENTS_MAX,
		.sort = "queue_bytes" };

	hub_each_client(hub, rows_add, &rows);
	rows_trim(&rows);
	put_of_clients(text, &rows, PREFIX "client_queue_bytes", false,
	    offsetof(struct client_row, queue_bytes),
	    "Bytes queued for the connection");
	put_of_clients(text, &rows, PREFIX "client_published_messages", true,
	    offsetof(struct client_row, messages_in),
	    "Messages the connection published");
	put_of_clients(text, &rows, PREFIX "client_delivered_messages", true,
	    offsetof(struct client_row, messages_out),
	    "Messages queued to the connection");
	put_of_clients(text, &rows, PREFIX "client_dropped_messages", true,
	    offsetof(struct client_row, drops),
	    "Messages for the connection dropped");
	free(rows.at);
}

void
openmetrics_write(FILE *out, struct hub *hub, bool is_openmetrics)
{
	struct text text = { out, is_openmetrics };
	struct figures figures;

	hub_figures(hub, &figures);
	put_head(&text, PREFIX "build_info", "gauge",
	    "1, with the version as a label");
	fprintf(out, PREFIX "build_info{version=\"" VERSION "\"} 1\n");
	hub_each_figure(hub, &figures, put_figure, &text);
	put_head(&text, PREFIX "loop_busy_ratio", "gauge",
	    "Share of the last ten seconds in which the loop was busy");
	fprintf(out, PREFIX "loop_busy_ratio %.6f\n", figures.busy);
	put_histogram(&text, PREFIX "message_transit_seconds",
	    "Time from reading a message to writing or queueing it",
	    figures.transit);
	put_histogram(&text, PREFIX "question_gather_seconds",
	    "Time from ASK to RESULT", figures.gather);
	put_histogram(&text, PREFIX "loop_turn_seconds",
	    "Busy time of a turn of the loop", figures.turn);
	put_head(&text, PREFIX "closed_connections", "counter",
	    "Connections ended, by reason");
	hub_each_close(hub, put_close, &text);
	put_head(&text, PREFIX "refused_frames", "counter",
	    "Frames refused, by code");
	hub_each_refusal(hub, put_refusal, &text);
	put_clients(&text, hub);
	if (is_openmetrics)
		fputs("# EOF\n", out);
}
