#include "ops/metrics_http.h"

#include <bsd/stdlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "ops/openmetrics.h"
#include "ops/page.h"
#include "stats/report.h"
#include "wire/control.h"
#include "wire/http.h"

/*
 * A page that some site has loaded into a browser can reach loopback addresses,
 * and by a name of its own too (DNS rebinding). So Host must be an address or
 * localhost, nothing allows another origin to read, nothing here changes
 * anything, and a request that a browser makes for a page of another origin is
 * refused before it costs anything, unless a person follows a link.
 */

struct metrics_http {
	struct hub *hub;
	struct visitors *visitors;
	bool is_draining;
	uint64_t n_refused;
};

/* A request that is being answered. */
struct exchange {
	struct metrics_http *http;
	struct visitor *visitor;
	const struct http_request *request; /* NULL once it is answered later */
	bool is_head;
	bool keeps;
};

#define REFUSAL(status, line)                                               \
	"HTTP/1.1 " status "\r\nConnection: close\r\nContent-Type: "        \
	"text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\n" line \
	"\n"

static const char late[] = REFUSAL(
    "408 Request Timeout", "the request must be whole within ten seconds");
static const char crowded[] = REFUSAL("503 Service Unavailable",
    "too many connections; sixteen at a time are served");

static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed\r\nAllow: GET, HEAD" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

static void
put_date(FILE *out)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	fprintf(out, "Date: %s\r\n", text);
}

/* Puts the head of a reply whose body has len bytes. */
static void
put_head(FILE *out, const struct exchange *exchange, int status,
    const char *type, size_t len)
{
	exchange->http->n_refused += status >= 400;
	fprintf(out,
	    "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n"
	    "Content-Type: %s\r\nConnection: %s\r\n",
	    status, phrase(status), len, type,
	    exchange->keeps ? "keep-alive" : "close");
	put_date(out);
	fputs("Cache-Control: no-store\r\n"
	      "X-Content-Type-Options: nosniff\r\n"
	      "X-Frame-Options: DENY\r\n"
	      "Referrer-Policy: no-referrer\r\n"
	      "Cross-Origin-Resource-Policy: same-origin\r\n"
	      "Cross-Origin-Opener-Policy: same-origin\r\n"
	      "Content-Security-Policy: default-src 'none'; "
	      "script-src 'self'; style-src 'self'; connect-src 'self'; "
	      "img-src data:; base-uri 'none'; form-action 'none'; "
	      "frame-ancestors 'none'\r\n\r\n",
	    out);
}

/* Sends len bytes, which are copied; the head alone if that was asked for. */
static void
send_reply(const struct exchange *exchange, int status, const char *type,
    const void *body, size_t len)
{
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = xmemstream(&text, &text_len);

	put_head(out, exchange, status, type, len);
	if (!exchange->is_head)
		fwrite(body, 1, len, out);
	fclose(out);
	visitor_answer(exchange->visitor, text, 0, text_len, exchange->keeps);
}

#define HEAD_SIZE 2048 /* bytes of a head, at most */

/* Sends text, len bytes from malloc, without copying it: its head goes into its
 * first HEAD_SIZE bytes. */
static void
send_large(
    const struct exchange *exchange, const char *type, char *text, size_t len)
{
	char *head = NULL;
	size_t head_len = 0;
	FILE *out = xmemstream(&head, &head_len);

	put_head(out, exchange, 200, type, len - HEAD_SIZE);
	fclose(out);
	memcpy(text + HEAD_SIZE - head_len, head, head_len);
	free(head);
	visitor_answer(exchange->visitor, text, HEAD_SIZE - head_len,
	    exchange->is_head ? HEAD_SIZE : len, exchange->keeps);
}

static void
send_line(const struct exchange *exchange, int status, const char *line)
{
	send_reply(
	    exchange, status, "text/plain; charset=utf-8", line, strlen(line));
}

/* Returns true if the text has the word anywhere. */
static bool
has(const struct http_text *text, const char *word)
{
	return text->data != NULL &&
	       memmem(text->data, text->len, word, strlen(word)) != NULL;
}

static void
send_metrics(const struct exchange *exchange)
{
	bool is_open =
	    has(&exchange->request->accept, "application/openmetrics-text");
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	openmetrics_write(out, exchange->http->hub, is_open);
	fclose(out);
	send_reply(exchange, 200,
	    is_open ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT, text, len);
	free(text);
}

static void
send_health(const struct exchange *exchange)
{
	if (exchange->http->is_draining)
		send_line(exchange, 503, "draining\n");
	else
		send_line(exchange, 200, "ok\n");
}

/* Reads "a,b" into wanted. Returns false if a name is not
 * that of a section. */
static bool
read_sections(const char *list, struct control_stats *wanted)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ","), i = 0;
		const char *name;

		for (; i < CONTROL_N_SECTIONS; i++) {
			name = control_section_name((enum control_section)i);
			if (strlen(name) == len && memcmp(name, list, len) == 0)
				break;
		}
		if (i == CONTROL_N_SECTIONS)
			return false;
		wanted->wanted[i] = true;
		list += len;
		list += *list == ',';
	}
	return true;
}

/* Reads a value of the query, if present. Returns NULL, or an error. */
static const char *
read_sections_value(const struct http_text *query, struct control_stats *wanted,
    char *value, size_t size)
{
	int r = http_query_value(query, "sections", value, size);

	if (r == HTTP_E_ABSENT)
		snprintf(value, size, "overview,clients");
	if (r == HTTP_E_UNREADABLE || !read_sections(value, wanted))
		return "sections: overview, clients, topics, requests, closed, "
		       "slow and config, with commas\n";
	return NULL;
}

static const char *
read_limit(const struct http_text *query, struct control_stats *wanted,
    char *value, size_t size)
{
	int r = http_query_value(query, "limit", value, size);
	const char *error = NULL;

	if (r == HTTP_E_ABSENT)
		return NULL;
	if (r == 0)
		wanted->n_rows =
		    (uint32_t)strtonum(value, 1, CONTROL_ROWS_MAX, &error);
	return r == 0 && error == NULL ? NULL : "limit: 1 to 1000\n";
}

static const char *
read_sort(const struct http_text *query, struct control_stats *wanted,
    char *value, size_t size)
{
	int r = http_query_value(query, "sort", value, size);

	if (r == 0 && strlen(value) < sizeof(wanted->sort))
		strcpy(wanted->sort, value);
	else if (r != HTTP_E_ABSENT)
		return "sort: a key of clients or topics\n";
	return report_can_sort(wanted) ? NULL
				       : "sort: a key of clients or topics\n";
}

/* Reads the query. Returns NULL, or an error. */
static const char *
read_query(const struct http_text *query, struct control_stats *wanted)
{
	static const char *(*const readers[])(const struct http_text *query,
	    struct control_stats *wanted, char *value, size_t size) = {
		read_sections_value,
		read_limit,
		read_sort,
	};
	char value[256];
	const char *why = NULL;

	*wanted = (struct control_stats){ .n_rows = CONTROL_ROWS_DEFAULT };
	for (size_t i = 0;
	     why == NULL && i < sizeof(readers) / sizeof(*readers); i++)
		why = readers[i](query, wanted, value, sizeof(value));
	return why;
}

/* A /stats.json whose report is being gathered. */
struct pending {
	struct exchange exchange;
	struct report *report; /* NULL: it is ready at once */
};

static void
cancel_stats(void *arg)
{
	struct pending *pending = arg;

	report_cancel(pending->report);
	free(pending);
}

static void
on_report(struct report *report, void *arg)
{
	struct pending *pending = arg;
	size_t len = 0;
	char *text = report_take_json(report, &len);

	send_large(&pending->exchange, "application/json", text, len);
	free(pending);
}

static void
send_stats(const struct exchange *exchange)
{
	struct control_stats wanted;
	const char *why = read_query(&exchange->request->query, &wanted);
	struct pending *pending;
	struct report *report;

	if (why != NULL) {
		send_line(exchange, 400, why);
		return;
	}
	pending = xcalloc(1, sizeof(*pending));
	pending->exchange = *exchange;
	pending->exchange.request = NULL;
	report = report_gather_json(
	    exchange->http->hub, &wanted, HEAD_SIZE, on_report, pending);
	if (report == NULL)
		return;
	pending->report = report;
	visitor_wait(exchange->visitor, cancel_stats, pending);
}

static void
send_file(const struct exchange *exchange)
{
	const struct page_file *file = page_find(
	    exchange->request->path.data, exchange->request->path.len);

	if (file != NULL)
		send_reply(exchange, 200, file->type, file->data,
		    (size_t)(file->end - file->data));
	else
		send_line(exchange, 404, "not found\n");
}

#define HEALTH "/healthz"

static const struct {
	const char *path;
	void (*send)(const struct exchange *exchange);
} routes[] = {
	{ "/metrics", send_metrics },
	{ HEALTH, send_health },
	{ "/stats.json", send_stats },
};

static bool
is_own_origin(const struct http_request *request)
{
	static const char scheme[] = "http://";
	const struct http_text *origin = &request->origin;
	size_t n = sizeof(scheme) - 1;

	return origin->data == NULL ||
	       (origin->len == n + request->host.len &&
		   memcmp(origin->data, scheme, n) == 0 &&
		   memcmp(origin->data + n, request->host.data,
		       request->host.len) == 0);
}

/* Returns true if a browser says that a page of another origin asks (W3C Fetch
 * Metadata), and not a person who has followed a link. */
static bool
is_of_other_origin(const struct http_request *request)
{
	const struct http_text *site = &request->fetch_site;
	bool is_link = http_is(&request->fetch_mode, "navigate") &&
		       http_is(&request->fetch_dest, "document");

	if (!is_own_origin(request))
		return true;
	return !is_link &&
	       (http_is(site, "cross-site") || http_is(site, "same-site"));
}

static void
route(const struct exchange *exchange)
{
	const struct http_request *request = exchange->request;

	if (!http_is_own_host(&request->host)) {
		send_line(exchange, 403,
		    "Host must be an address of this host, or localhost\n");
		return;
	}
	if (is_of_other_origin(request)) {
		send_line(
		    exchange, 403, "pages of other origins are refused\n");
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (http_is(&request->path, routes[i].path)) {
			routes[i].send(exchange);
			return;
		}
	send_file(exchange);
}

static enum visitor_verdict
judge(void *user, const char *data, size_t len)
{
	struct http_request request;

	(void)user;
	switch (http_read(data, len, &request)) {
	case HTTP_SHORT:
		return VISITOR_SHORT;
	case HTTP_BAD:
		return VISITOR_AT_ONCE;
	default:
		return http_is(&request.path, HEALTH) ? VISITOR_AT_ONCE
						      : VISITOR_READY;
	}
}

static size_t
serve(void *user, struct visitor *visitor, const char *data, size_t len)
{
	struct http_request request;
	struct exchange exchange = { .http = user, .visitor = visitor };

	exchange.request = &request;
	if (http_read(data, len, &request) != HTTP_READY) {
		exchange.is_head = request.is_head;
		send_line(&exchange, request.status, request.why);
		return len;
	}
	exchange.is_head = request.is_head;
	exchange.keeps = request.keeps && !exchange.http->is_draining;
	route(&exchange);
	return request.len;
}

static const struct visitors_ops ops = {
	.in_max = HTTP_HEAD_MAX,
	.judge = judge,
	.serve = serve,
	.late = late,
	.crowded = crowded,
};

struct metrics_http *
metrics_http_new(struct loop *loop, struct hub *hub)
{
	struct metrics_http *http = xcalloc(1, sizeof(*http));

	http->hub = hub;
	http->visitors = visitors_new(loop, "metrics-listen", &ops, http);
	return http;
}

void
metrics_http_free(struct metrics_http *http)
{
	if (http == NULL)
		return;
	visitors_free(http->visitors);
	free(http);
}

void
metrics_http_accept(struct metrics_http *http, int fd)
{
	visitors_accept(http->visitors, fd);
}

void
metrics_http_drain(struct metrics_http *http)
{
	http->is_draining = true;
}

const struct visitors_stats *
metrics_http_stats(const struct metrics_http *http)
{
	return visitors_stats(http->visitors);
}

uint64_t
metrics_http_n_refused(const struct metrics_http *http)
{
	return http->n_refused;
}
