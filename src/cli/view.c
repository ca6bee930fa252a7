#include "cli/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/format.h"

#define RED "\033[31m"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

#define NAME_WIDTH 20

void
view_add(struct view_history *history, double value)
{
	if (history->n == VIEW_HISTORY) {
		history->n--;
		memmove(history->values, history->values + 1,
		    history->n * sizeof(*history->values));
	}
	history->values[history->n++] = value;
}

const char *
view_sparkline(const struct view_history *history, char *out)
{
	/* U+2581 to U+2588, one to eight eighths of a block. */
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82",
		"\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
		"\xe2\x96\x87", "\xe2\x96\x88" };
	double most = 0;
	size_t at = 0;

	for (size_t i = 0; i < history->n; i++)
		most = history->values[i] > most ? history->values[i] : most;
	for (size_t i = 0; i < history->n; i++) {
		double share = most > 0 ? history->values[i] / most : 0;

		memcpy(out + at, blocks[(size_t)(share * 7 + 0.5)], 3);
		at += 3;
	}
	out[at] = '\0';
	return out;
}

/* The screen under work: lines that are counted and cut. */
struct screen {
	const struct view *view;
	FILE *out;
	size_t n_lines;
};

/* Prints one line, cut to the width, in `colour` if it is not NULL. */
__attribute__((format(printf, 3, 4))) static void
put_line(struct screen *screen, const char *colour, const char *fmt, ...)
{
	const struct view *view = screen->view;
	char line[1024];
	size_t columns = 0, i = 0;
	va_list ap;

	if (view->height > 0 && screen->n_lines == view->height)
		return;
	screen->n_lines++;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (; line[i] != '\0'; i++) {
		columns += ((unsigned char)line[i] & 0xc0) != 0x80;
		if (view->width > 0 && columns > view->width)
			break;
	}
	line[i] = '\0';
	if (view->has_colours && colour != NULL)
		fprintf(screen->out, "%s%s" PLAIN "\n", colour, line);
	else
		fprintf(screen->out, "%s\n", line);
}

/* Growth of a counter per second; 0 while there is no earlier answer. */
static double
rate(const struct msg_node *now, const struct msg_node *before, const char *key,
    int64_t elapsed_ms)
{
	int64_t grown;

	if (before == NULL || elapsed_ms <= 0)
		return 0;
	grown = format_get_int(now, key) - format_get_int(before, key);
	return grown < 0 ? 0 : (double)grown * 1000 / (double)elapsed_ms;
}

static void
put_head(struct screen *screen, const struct msg_node *o)
{
	char server[FORMAT_SIZE] = "", socket[FORMAT_SIZE] = "";
	char up[FORMAT_SIZE];
	const struct msg_node *node;
	const char *s;
	size_t len;

	node = msg_find(o, "server");
	if (node != NULL && msg_str(node, &s, &len))
		format_text(server, s, len);
	node = msg_find(o, "socket");
	if (node != NULL && msg_str(node, &s, &len))
		format_text(socket, s, len);
	put_line(screen, BOLD, "%s  pid %" PRId64 "  up %s  %s", server,
	    format_get_int(o, "pid"),
	    format_duration(up, format_get_int(o, "uptime_ms")), socket);
	put_line(screen, NULL, "%s", "");
}

static void
put_flows(struct screen *screen, struct view *view, const struct msg_node *o,
    const struct msg_node *before, int64_t elapsed_ms)
{
	char a[FORMAT_SIZE], b[FORMAT_SIZE], line[4 * VIEW_HISTORY];
	double delivered = rate(o, before, "delivered", elapsed_ms);
	double queue = (double)format_get_int(o, "queue_bytes");
	double busy = 100 * format_get_float(o, "busy");

	if (before != NULL)
		view_add(&view->delivered, delivered);
	view_add(&view->queue, queue);
	view_add(&view->busy, busy);
	put_line(screen, NULL, "  delivered %12s/s  %s",
	    format_count(a, (int64_t)(delivered + 0.5)),
	    view_sparkline(&view->delivered, line));
	put_line(screen, NULL, "  published %12s/s  in %s/s, out %s/s",
	    format_count(
		a, (int64_t)(rate(o, before, "published", elapsed_ms) + 0.5)),
	    format_bytes(b, rate(o, before, "bytes_in", elapsed_ms)),
	    format_bytes(line, rate(o, before, "bytes_out", elapsed_ms)));
	put_line(screen, NULL, "  queued    %12s    %s", format_bytes(a, queue),
	    view_sparkline(&view->queue, line));
	put_line(screen, busy > 80 ? RED : NULL, "  loop busy %11.1f%%    %s",
	    busy, view_sparkline(&view->busy, line));
}

static const char *
quantile(const struct msg_node *o, const char *name, char out[FORMAT_SIZE])
{
	const struct msg_node *latency = msg_find(o, "latency");
	const struct msg_node *h =
	    latency == NULL ? NULL : msg_find(latency, name);

	return format_us(out, h == NULL ? 0 : format_get_int(h, "p99_us"));
}

static void
put_state(struct screen *screen, const struct msg_node *o)
{
	const struct msg_node *questions = msg_find(o, "questions");
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	put_line(screen, NULL,
	    "  %" PRId64 " workers, %s connections, %s topics, memory %s",
	    format_get_int(o, "members"),
	    format_count(a, format_get_int(o, "connections")),
	    format_count(b, format_get_int(o, "topics")),
	    format_bytes(c, (double)format_get_int(o, "memory_bytes")));
	put_line(screen, NULL,
	    "  %" PRId64 " questions open; p99: message %s, question %s, "
	    "turn %s",
	    questions == NULL ? 0 : format_get_int(questions, "open"),
	    quantile(o, "transit", a), quantile(o, "gather", b),
	    quantile(o, "turn", c));
}

/* Writes the nonzero error counters; growing ones in red. */
static void
put_troubles(struct screen *screen, const struct msg_node *o,
    const struct msg_node *before, const char *key)
{
	const struct msg_node *map = msg_find(o, key);
	const struct msg_node *old =
	    before == NULL ? NULL : msg_find(before, key);
	char text[256] = "", name[FORMAT_SIZE], count[FORMAT_SIZE];
	bool grows = false;
	size_t at = 0, len;
	const char *s;
	int64_t n;

	for (size_t i = 0; map != NULL && i < msg_count(map); i++) {
		if (!msg_int(msg_at(map, i), &n) || n == 0 ||
		    !msg_str(msg_key_at(map, i), &s, &len) ||
		    at >= sizeof(text))
			continue;
		format_text(name, s, len);
		grows |= old != NULL && format_get_int(old, name) != n;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s",
		    at == 0 ? "" : ", ", name, format_count(count, n));
	}
	if (at > 0)
		put_line(screen, grows ? RED : DIM, "  %-7s %s", key, text);
}

static const struct msg_node *
find_client(const struct msg_node *rows, int64_t id)
{
	for (size_t i = 0; rows != NULL && i < msg_count(rows); i++)
		if (format_get_int(msg_at(rows, i), "id") == id)
			return msg_at(rows, i);
	return NULL;
}

static void
put_client(struct screen *screen, const struct msg_node *row,
    const struct msg_node *before, int64_t elapsed_ms)
{
	const struct msg_node *node = msg_find(row, "name");
	char name[FORMAT_SIZE] = "", pm_id[16] = "-";
	char age[FORMAT_SIZE], in[FORMAT_SIZE], out[FORMAT_SIZE];
	char bytes[FORMAT_SIZE], queue[FORMAT_SIZE];
	int64_t n, drops = format_get_int(row, "drops");
	bool drops_more =
	    before != NULL && drops > format_get_int(before, "drops");
	const char *s;
	size_t len;

	if (node != NULL && msg_str(node, &s, &len))
		format_cut(format_text(name, s, len), NAME_WIDTH);
	node = msg_find(row, "pm_id");
	if (node != NULL && msg_int(node, &n))
		snprintf(pm_id, sizeof(pm_id), "%" PRId64, n);
	put_line(screen, drops_more ? RED : NULL,
	    "%5" PRId64 " %s%*s %5s %7" PRId64 " %8s %9s %9s %11s/s "
	    "%10s %5" PRId64 " %6" PRId64,
	    format_get_int(row, "id"), name,
	    (int)(NAME_WIDTH - format_width(name)), "", pm_id,
	    format_get_int(row, "pid"),
	    format_duration(age, format_get_int(row, "age_ms")),
	    format_count(in,
		(int64_t)(rate(row, before, "messages_in", elapsed_ms) + 0.5)),
	    format_count(out,
		(int64_t)(rate(row, before, "messages_out", elapsed_ms) + 0.5)),
	    format_bytes(bytes, rate(row, before, "bytes_out", elapsed_ms)),
	    format_bytes(queue, (double)format_get_int(row, "queue_bytes")),
	    format_get_int(row, "questions_owed"), drops);
}

void
view_print(struct view *view, FILE *out, const struct msg_node *now,
    const struct msg_node *before, int64_t elapsed_ms)
{
	struct screen screen = { view, out, 0 };
	const struct msg_node *o = msg_find(now, "overview");
	const struct msg_node *old =
	    before == NULL ? NULL : msg_find(before, "overview");
	const struct msg_node *rows = msg_find(now, "clients");
	const struct msg_node *old_rows =
	    before == NULL ? NULL : msg_find(before, "clients");

	if (o == NULL)
		return;
	put_head(&screen, o);
	put_flows(&screen, view, o, old, elapsed_ms);
	put_state(&screen, o);
	put_troubles(&screen, o, old, "drops");
	put_troubles(&screen, o, old, "errors");
	put_troubles(&screen, o, old, "closes");
	put_line(&screen, NULL, "%s", "");
	put_line(&screen, BOLD,
	    "%5s %-*s %5s %7s %8s %9s %9s %13s %10s %5s %6s", "ID", NAME_WIDTH,
	    "NAME", "PM_ID", "PID", "AGE", "MSGS/s", "RECV/s", "OUT", "QUEUE",
	    "OWED", "DROPS");
	for (size_t i = 0; rows != NULL && i < msg_count(rows); i++) {
		const struct msg_node *row = msg_at(rows, i);

		put_client(&screen, row,
		    find_client(old_rows, format_get_int(row, "id")),
		    elapsed_ms);
	}
}
