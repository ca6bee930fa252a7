#include "cli/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/format.h"

static void
json_scalar(FILE *out, const struct msg_node *value)
{
	const char *s;
	size_t len;
	int64_t n;
	double d;
	bool b;

	if (msg_int(value, &n))
		fprintf(out, "%" PRId64, n);
	else if (msg_float(value, &d) && isfinite(d))
		fprintf(out, "%.3f", d);
	else if (msg_bool(value, &b))
		fputs(b ? "true" : "false", out);
	else if (msg_str(value, &s, &len))
		text_put_json(out, s, len);
	else
		fputs("null", out);
}

/* Recursion is bounded: no tree is deeper than MSG_DEPTH_MAX. */
static void
json_value(FILE *out, const struct msg_node *value, int indent)
{
	bool is_map = msg_type(value) == MSG_MAP;
	size_t n = msg_count(value);

	if (!is_map && msg_type(value) != MSG_ARRAY) {
		json_scalar(out, value);
		return;
	}
	fputc(is_map ? '{' : '[', out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n%*s", i == 0 ? "" : ",", indent + 2, "");
		if (is_map) {
			json_scalar(out, msg_key_at(value, i));
			fputs(": ", out);
		}
		json_value(out, msg_at(value, i), indent + 2);
	}
	if (n > 0)
		fprintf(out, "\n%*s", indent, "");
	fputc(is_map ? '}' : ']', out);
}

void
print_json(FILE *out, const struct msg_node *value)
{
	json_value(out, value, 0);
	fputc('\n', out);
}

enum cell { TEXT, COUNT, ID, BYTES, AGE, TOOK, CLOCK };

/* Strings, with commas, as many as fit. */
static char *
format_list(char out[FORMAT_SIZE], const struct msg_node *list)
{
	char name[FORMAT_SIZE];
	size_t at = 0, len;
	const char *s;

	for (size_t i = 0; i < msg_count(list) && at < FORMAT_SIZE; i++)
		if (msg_str(msg_at(list, i), &s, &len))
			at +=
			    (size_t)snprintf(out + at, FORMAT_SIZE - at, "%s%s",
				i == 0 ? "" : ", ", format_text(name, s, len));
	return format_cut(out, FORMAT_SIZE);
}

static char *
format_cell(char out[FORMAT_SIZE], const struct msg_node *row, const char *key,
    enum cell kind)
{
	const struct msg_node *node = msg_find(row, key);
	const char *s;
	size_t len;
	int64_t n;

	snprintf(out, FORMAT_SIZE, "-");
	if (node == NULL)
		return out;
	if (msg_type(node) == MSG_ARRAY)
		return format_list(out, node);
	if (kind == TEXT && msg_str(node, &s, &len) && len > 0)
		return format_text(out, s, len);
	if (kind == TEXT || !msg_int(node, &n))
		return out;
	if (kind == BYTES)
		return format_bytes(out, (double)n);
	if (kind == AGE)
		return format_duration(out, n);
	if (kind == TOOK)
		return format_us(out, n);
	if (kind == CLOCK)
		return format_clock(out, n);
	if (kind == ID)
		snprintf(out, FORMAT_SIZE, "%" PRId64, n);
	else
		format_count(out, n);
	return out;
}

struct column {
	const char *title;
	const char *key;
	enum cell kind;
};

static const struct column client_columns[] = {
	{ "ID", "id", ID },
	{ "NAME", "name", TEXT },
	{ "PM_ID", "pm_id", ID },
	{ "PID", "pid", ID },
	{ "ROLE", "role", TEXT },
	{ "AGE", "age_ms", AGE },
	{ "MSGS IN", "messages_in", COUNT },
	{ "MSGS OUT", "messages_out", COUNT },
	{ "IN", "bytes_in", BYTES },
	{ "OUT", "bytes_out", BYTES },
	{ "QUEUE", "queue_bytes", BYTES },
	{ "PEAK", "queue_peak_bytes", BYTES },
	{ "SUBS", "subscriptions", COUNT },
	{ "ASKED", "asked", COUNT },
	{ "OPEN", "asked_open", COUNT },
	{ "OWED", "questions_owed", COUNT },
	{ "DROPS", "drops", COUNT },
	{ NULL, NULL, TEXT },
};

static const struct column topic_columns[] = {
	{ "SUBSCRIBERS", "subscribers", COUNT },
	{ "MEMBERS", "members", COUNT },
	{ "KIND", "kind", TEXT },
	{ "TOPIC", "topic", TEXT },
	{ NULL, NULL, TEXT },
};

static const struct column request_columns[] = {
	{ "ID", "id", ID },
	{ "ASKER", "asker", TEXT },
	{ "TOPIC", "topic", TEXT },
	{ "GATHER", "gather", TEXT },
	{ "AGE", "age_ms", AGE },
	{ "LEFT", "left_ms", AGE },
	{ "EXPECTED", "expected", COUNT },
	{ "ANSWERED", "answered", COUNT },
	{ "OWED BY", "owed", TEXT },
	{ NULL, NULL, TEXT },
};

static const struct column slow_columns[] = {
	{ "AT", "ended_at", CLOCK },
	{ "KIND", "kind", TEXT },
	{ "TOOK", "took_us", TOOK },
	{ "MSGS", "messages", COUNT },
	{ "DELIVERIES", "deliveries", COUNT },
	{ "IN", "bytes_in", BYTES },
	{ "OUT", "bytes_out", BYTES },
	{ "ASKER", "asker", TEXT },
	{ "TOPIC", "topic", TEXT },
	{ "OUTCOME", "outcome", TEXT },
	{ "EXPECTED", "expected", COUNT },
	{ "ANSWERED", "answered", COUNT },
	{ "MISSING", "missing", TEXT },
	{ NULL, NULL, TEXT },
};

static const struct column closed_columns[] = {
	{ "AT", "closed_at", CLOCK },
	{ "ID", "id", ID },
	{ "NAME", "name", TEXT },
	{ "PID", "pid", ID },
	{ "REASON", "reason", TEXT },
	{ "AGE", "age_ms", AGE },
	{ "IN", "bytes_in", BYTES },
	{ "OUT", "bytes_out", BYTES },
	{ "QUEUE", "queue_bytes", BYTES },
	{ "PEAK", "queue_peak_bytes", BYTES },
	{ "DETAIL", "detail", TEXT },
	{ NULL, NULL, TEXT },
};

static size_t
column_width(const struct msg_node *rows, const struct column *column)
{
	size_t width = format_width(column->title), w;
	char cell[FORMAT_SIZE];

	for (size_t i = 0; i < msg_count(rows); i++) {
		w = format_width(format_cell(
		    cell, msg_at(rows, i), column->key, column->kind));
		width = w > width ? w : width;
	}
	return width;
}

/* Text on the left, numbers on the right; no blanks at the end of a line. */
static void
put_cell(FILE *out, const char *text, const struct column *column, size_t width,
    bool is_last)
{
	int pad = (int)(width - format_width(text));

	if (column->kind != TEXT)
		fprintf(out, "%*s%s", pad, "", text);
	else
		fprintf(out, "%s%*s", text, is_last ? 0 : pad, "");
	fputs(is_last ? "\n" : "  ", out);
}

static void
print_table(FILE *out, const char *title, const struct msg_node *rows,
    const struct column *columns)
{
	char cell[FORMAT_SIZE];
	size_t widths[24];

	if (msg_count(rows) == 0) {
		fprintf(out, "no %s\n", title);
		return;
	}
	for (size_t c = 0; columns[c].title != NULL; c++) {
		widths[c] = column_width(rows, &columns[c]);
		put_cell(out, columns[c].title, &columns[c], widths[c],
		    columns[c + 1].title == NULL);
	}
	for (size_t i = 0; i < msg_count(rows); i++)
		for (size_t c = 0; columns[c].title != NULL; c++)
			put_cell(out,
			    format_cell(cell, msg_at(rows, i), columns[c].key,
				columns[c].kind),
			    &columns[c], widths[c],
			    columns[c + 1].title == NULL);
}

static void
print_flow(FILE *out, const struct msg_node *o, const char *key, bool bytes)
{
	const struct msg_node *rates = msg_find(o, "rates");
	char total[FORMAT_SIZE], rate[FORMAT_SIZE];
	double per_second = rates == NULL ? 0 : format_get_float(rates, key);

	if (bytes) {
		format_bytes(total, (double)format_get_int(o, key));
		format_bytes(rate, per_second);
	} else {
		format_count(total, format_get_int(o, key));
		format_count(rate, (int64_t)(per_second + 0.5));
	}
	fprintf(out, "%14s  %10s/s", total, rate);
}

static void
print_counts(FILE *out, const struct msg_node *o, const char *key)
{
	const struct msg_node *map = msg_find(o, key);
	char count[FORMAT_SIZE], name[FORMAT_SIZE];
	size_t n_shown = 0, len;
	const char *s;
	int64_t n;

	fprintf(out, "  %-12s", key);
	for (size_t i = 0; map != NULL && i < msg_count(map); i++) {
		if (!msg_int(msg_at(map, i), &n) || n == 0 ||
		    !msg_str(msg_key_at(map, i), &s, &len))
			continue;
		fprintf(out, "%s%s %s", n_shown++ == 0 ? "" : ", ",
		    format_text(name, s, len), format_count(count, n));
	}
	fputs(n_shown == 0 ? "none\n" : "\n", out);
}

static void
print_scripts(FILE *out, const struct msg_node *scripts)
{
	char cell[FORMAT_SIZE];
	const char *s;
	size_t len;

	for (size_t i = 0; i < msg_count(scripts); i++)
		if (msg_str(msg_at(scripts, i), &s, &len))
			fprintf(out, "    %s\n", format_text(cell, s, len));
}

static void
print_mixed_keys(FILE *out, const struct msg_node *o)
{
	const struct msg_node *keys = msg_find(o, "mixed_keys");
	char cell[FORMAT_SIZE];
	const char *s;
	size_t len;

	for (size_t i = 0; keys != NULL && i < msg_count(keys); i++) {
		if (!msg_str(msg_key_at(keys, i), &s, &len))
			continue;
		fprintf(out,
		    "\n  the key %s has different scripts, whose broadcasts "
		    "mix:\n",
		    format_text(cell, s, len));
		print_scripts(out, msg_at(keys, i));
	}
}

static void
print_latency(FILE *out, const struct msg_node *o)
{
	static const char *const names[] = { "transit", "gather", "turn" };
	const struct msg_node *latency = msg_find(o, "latency"), *h;
	char p50[FORMAT_SIZE], p99[FORMAT_SIZE], max[FORMAT_SIZE];

	fprintf(out, "  loop        %13.1f%%  busy\n",
	    100 * format_get_float(o, "busy"));
	fputs("  latency    ", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		h = latency == NULL ? NULL : msg_find(latency, names[i]);
		if (h == NULL)
			continue;
		fprintf(out, "%s %s %s / %s / %s", i == 0 ? "" : ",", names[i],
		    format_us(p50, format_get_int(h, "p50_us")),
		    format_us(p99, format_get_int(h, "p99_us")),
		    format_us(max, format_get_int(h, "max_us")));
	}
	fputs("  (p50 / p99 / max)\n", out);
}

static void
print_overview(FILE *out, const struct msg_node *o)
{
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	fprintf(out, "%s  pid %" PRId64 "  up %s  %s\n\n",
	    format_cell(a, o, "server", TEXT), format_get_int(o, "pid"),
	    format_duration(b, format_get_int(o, "uptime_ms")),
	    format_cell(c, o, "socket", TEXT));
	fprintf(out, "  connections %14s  members %s, queued %s\n",
	    format_count(a, format_get_int(o, "connections")),
	    format_count(b, format_get_int(o, "members")),
	    format_bytes(c, (double)format_get_int(o, "queue_bytes")));
	fprintf(out, "  topics      %14s  prefixes %s, subscriptions %s\n",
	    format_count(a, format_get_int(o, "topics")),
	    format_count(b, format_get_int(o, "prefixes")),
	    format_count(c, format_get_int(o, "subscriptions")));
	fprintf(out, "  memory      %14s  of %s, peak %s\n",
	    format_bytes(a, (double)format_get_int(o, "memory_bytes")),
	    format_bytes(b, (double)format_get_int(o, "memory_limit_bytes")),
	    format_bytes(c, (double)format_get_int(o, "memory_peak_bytes")));
	fputs("  published   ", out);
	print_flow(out, o, "published", false);
	fputs("   in  ", out);
	print_flow(out, o, "bytes_in", true);
	fputs("\n  delivered   ", out);
	print_flow(out, o, "delivered", false);
	fputs("   out ", out);
	print_flow(out, o, "bytes_out", true);
	fputc('\n', out);
	print_latency(out, o);
	print_counts(out, o, "questions");
	print_counts(out, o, "spliced");
	print_counts(out, o, "redis");
	print_counts(out, o, "drops");
	print_counts(out, o, "errors");
	print_counts(out, o, "closes");
	print_mixed_keys(out, o);
}

static void
print_config(FILE *out, const struct msg_node *config)
{
	char key[FORMAT_SIZE], value[FORMAT_SIZE];
	const char *s;
	size_t len;

	for (size_t i = 0; i < msg_count(config); i++) {
		if (!msg_str(msg_key_at(config, i), &s, &len))
			continue;
		format_text(key, s, len);
		if (!msg_str(msg_at(config, i), &s, &len))
			continue;
		fprintf(out, "  %-20s %s\n", key, format_text(value, s, len));
	}
}

/* Begins a section: an empty line stands between two. */
static const struct msg_node *
begin_section(
    FILE *out, const struct msg_node *reply, const char *name, bool *is_first)
{
	const struct msg_node *section = msg_find(reply, name);

	if (section != NULL && !*is_first)
		fputc('\n', out);
	*is_first = *is_first && section == NULL;
	return section;
}

void
print_tables(FILE *out, const struct msg_node *reply)
{
	static const struct {
		const char *section;
		const char *title;
		const struct column *columns;
	} tables[] = {
		{ "clients", "clients", client_columns },
		{ "topics", "topics", topic_columns },
		{ "requests", "open questions", request_columns },
		{ "closed", "closed", closed_columns },
		{ "slow", "slow turns or questions", slow_columns },
	};
	bool is_first = true;
	const struct msg_node *node =
	    begin_section(out, reply, "overview", &is_first);

	if (node != NULL)
		print_overview(out, node);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		node = begin_section(out, reply, tables[i].section, &is_first);
		if (node != NULL)
			print_table(
			    out, tables[i].title, node, tables[i].columns);
	}
	node = begin_section(out, reply, "config", &is_first);
	if (node != NULL)
		print_config(out, node);
}
