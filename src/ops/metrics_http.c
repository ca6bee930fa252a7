#include "ops/metrics_http.h"

#include <bsd/stdlib.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "ops/openmetrics.h"
#include "ops/metrics.h"
#include "ops/page.h"
#include "wire/control.h"
#include "wire/json.h"

/*
 * evhttp reads the requests, within limits: 8 KiB of headers, 1 KiB of a body
 * that nobody looks at, GET and HEAD, ten seconds without a byte. It has no
 * limit of connections and none for the want of descriptors, and tells nobody
 * when one is over. So a second reference to each socket is kept here. Who has
 * none of evhttp's callbacks any more has been left by it, which shuts the
 * socket down first: it is closed here within a second. As many as may be there
 * are counted; while there are so many the listener rests, and who comes waits
 * in the backlog.
 *
 * A page that some site has loaded into a browser can reach loopback addresses,
 * and by a name of its own too (DNS rebinding). So Host must be an address or
 * localhost, nothing allows another origin to read, and nothing here changes
 * anything.
 */

#define HEADERS_MAX 8192
#define BODY_MAX 1024

static const struct timeval census_interval = { 1, 0 };

struct metrics_http {
	struct loop *loop;
	struct native *native;
	struct evhttp *http;
	struct evconnlistener *listener; /* evhttp's */
	struct event *census;
	LIST_HEAD(visitor_list, visitor) visitors;
	unsigned n_open;
	bool is_draining;
};

/* Who is there, or has been until a moment ago. */
struct visitor {
	LIST_ENTRY(visitor) link;
	struct bufferevent *bev; /* with a reference */
};

static bool
has_left(const struct visitor *visitor)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;
	void *arg;

	bufferevent_getcb(visitor->bev, &on_read, &on_write, &on_event, &arg);
	return on_read == NULL && on_write == NULL && on_event == NULL;
}

static void
forget(struct metrics_http *http, struct visitor *visitor)
{
	LIST_REMOVE(visitor, link);
	bufferevent_decref(visitor->bev);
	free(visitor);
	http->n_open--;
}

static void
take_census(struct metrics_http *http)
{
	struct visitor *visitor, *next;

	LIST_FOREACH_SAFE (visitor, &http->visitors, link, next)
		if (has_left(visitor))
			forget(http, visitor);
}

static void
on_census(evutil_socket_t fd, short what, void *arg)
{
	struct metrics_http *http = arg;

	(void)fd;
	(void)what;
	loop_began_us(http->loop);
	take_census(http);
	if (http->n_open < METRICS_READERS_MAX)
		evconnlistener_enable(http->listener);
	if (http->n_open > 0)
		evtimer_add(http->census, &census_interval);
}

static struct bufferevent *
make_bufferevent(struct event_base *base, void *arg)
{
	struct metrics_http *http = arg;
	struct visitor *visitor = xcalloc(1, sizeof(*visitor));

	loop_began_us(http->loop);
	visitor->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (visitor->bev == NULL)
		log_fatal("out-of-memory", "accepting=HTTP");
	take_census(http);
	bufferevent_incref(visitor->bev);
	LIST_INSERT_HEAD(&http->visitors, visitor, link);
	if (++http->n_open == METRICS_READERS_MAX)
		evconnlistener_disable(http->listener);
	evtimer_add(http->census, &census_interval);
	return visitor->bev;
}

/* Out of descriptors: the next census lets it go on. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct metrics_http *http = arg;

	log_warn("metrics-accept", "error=\"%s\"", strerror(errno));
	evconnlistener_disable(listener);
	evtimer_add(http->census, &census_interval);
}

/* Whether Host names this host as nobody else's DNS can: an address, or
 * localhost. */
static bool
is_own_host(const char *host)
{
	size_t len;

	if (host == NULL)
		return false;
	len = strcspn(host, ":");
	if (host[0] == '[')
		return strncmp(host, "[::1]", 5) == 0;
	if (len == strlen("localhost") && strncmp(host, "localhost", len) == 0)
		return true;
	return len > 0 && strspn(host, "0123456789.") == len;
}

static void
add_header(struct evhttp_request *request, const char *name, const char *value)
{
	evhttp_add_header(
	    evhttp_request_get_output_headers(request), name, value);
}

/* Sends len bytes, which are copied. evhttp would send them to who has asked
 * for the head alone too. */
static void
send_reply(struct evhttp_request *request, int code, const char *type,
    const void *body, size_t len)
{
	bool is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
	struct evbuffer *buffer = evbuffer_new();
	char length[24];

	if (buffer == NULL ||
	    evbuffer_add(buffer, body, is_head ? 0 : len) != 0)
		log_fatal("out-of-memory", "sending=HTTP");
	snprintf(length, sizeof(length), "%zu", len);
	add_header(request, "Content-Length", length);
	add_header(request, "Content-Type", type);
	add_header(request, "Cache-Control", "no-store");
	add_header(request, "X-Content-Type-Options", "nosniff");
	add_header(request, "X-Frame-Options", "DENY");
	add_header(request, "Referrer-Policy", "no-referrer");
	add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
	add_header(request, "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; "
	    "connect-src 'self'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'");
	evhttp_send_reply(request, code, NULL, buffer);
	evbuffer_free(buffer);
}

static void
send_line(struct evhttp_request *request, int code, const char *line)
{
	send_reply(
	    request, code, "text/plain; charset=utf-8", line, strlen(line));
}

static void
send_metrics(struct metrics_http *http, struct evhttp_request *request)
{
	const char *accept = evhttp_find_header(
	    evhttp_request_get_input_headers(request), "Accept");
	bool is_open = accept != NULL &&
		       strstr(accept, "application/openmetrics-text") != NULL;
	size_t len = 0;
	char *text = NULL;
	FILE *out = xmemstream(&text, &len);

	exposition_write(out, http->native, is_open);
	fclose(out);
	send_reply(request, HTTP_OK,
	    is_open ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT, text, len);
	free(text);
}

static void
send_health(struct metrics_http *http, struct evhttp_request *request)
{
	if (http->is_draining)
		send_line(request, HTTP_SERVUNAVAIL, "draining\n");
	else
		send_line(request, HTTP_OK, "ok\n");
}

/* Reads "a,b" into wanted. False where one is none. */
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

/* Reads the query. NULL, or what is wrong with it. */
static const char *
read_query(struct evhttp_request *request, struct control_stats *wanted)
{
	const char *text =
	    evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
	const char *value, *error, *why = NULL;
	struct evkeyvalq query;

	*wanted = (struct control_stats){ .n_rows = CONTROL_ROWS_DEFAULT };
	if (evhttp_parse_query_str(text == NULL ? "" : text, &query) != 0)
		return "the query can't be read\n";
	value = evhttp_find_header(&query, "sections");
	if (value == NULL)
		value = "overview,clients";
	if (!read_sections(value, wanted))
		why = "sections: overview, clients, topics, requests, closed, "
		      "slow and config, with commas\n";
	value = evhttp_find_header(&query, "limit");
	if (value != NULL) {
		wanted->n_rows =
		    (uint32_t)strtonum(value, 1, CONTROL_ROWS_MAX, &error);
		if (error != NULL)
			why = "limit: 1 to 1000\n";
	}
	value = evhttp_find_header(&query, "sort");
	if (value != NULL)
		snprintf(wanted->sort, sizeof(wanted->sort), "%s", value);
	if (why == NULL && !native_can_sort(wanted))
		why = "sort: a key of clients or topics\n";
	evhttp_clear_headers(&query);
	return why;
}

static void
send_stats(struct metrics_http *http, struct evhttp_request *request)
{
	struct control_stats wanted;
	struct msg_writer w = { 0 };
	const char *why = read_query(request, &wanted);
	struct bytes bytes;
	size_t len = 0;
	char *text = NULL;
	FILE *out;

	if (why != NULL) {
		send_line(request, HTTP_BADREQUEST, why);
		return;
	}
	out = xmemstream(&text, &len);
	native_report(http->native, &wanted, &w);
	if (w.fault)
		log_fatal("out-of-memory", "writing=STATS");
	bytes = bytes_over(w.data, w.len);
	json_print(out, &bytes);
	fclose(out);
	send_reply(request, HTTP_OK, "application/json", text, len);
	free(text);
	msg_writer_fini(&w);
}

static const struct {
	const char *path;
	void (*send)(struct metrics_http *http, struct evhttp_request *request);
} routes[] = {
	{ "/metrics", send_metrics },
	{ "/healthz", send_health },
	{ "/stats.json", send_stats },
};

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct metrics_http *http = arg;
	const char *path =
	    evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	const struct page_file *file;

	loop_began_us(http->loop);
	if (!is_own_host(evhttp_find_header(
		evhttp_request_get_input_headers(request), "Host"))) {
		send_line(request, 403,
		    "Host must be an address of this host, or localhost\n");
		return;
	}
	for (size_t i = 0; path != NULL && i < sizeof(routes) / sizeof(*routes);
	     i++)
		if (strcmp(routes[i].path, path) == 0) {
			routes[i].send(http, request);
			return;
		}
	file = page_find(path == NULL ? "" : path);
	if (file != NULL)
		send_reply(request, HTTP_OK, file->type, file->data,
		    (size_t)(file->end - file->data));
	else
		send_line(request, HTTP_NOTFOUND, "not found\n");
}

static void
set_limits(struct evhttp *http)
{
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http, HEADERS_MAX);
	evhttp_set_max_body_size(http, BODY_MAX);
	evhttp_set_timeout(http, METRICS_TIMEOUT_MS / 1000);
}

int
metrics_http_new(
    struct loop *loop, struct native *native, int fd, struct metrics_http **out)
{
	struct metrics_http *http = xcalloc(1, sizeof(*http));
	struct evhttp_bound_socket *bound = NULL;

	http->loop = loop;
	http->native = native;
	LIST_INIT(&http->visitors);
	http->http = evhttp_new(loop_base(loop));
	http->census = evtimer_new(loop_base(loop), on_census, http);
	if (http->http != NULL && http->census != NULL &&
	    evutil_make_socket_nonblocking(fd) == 0 &&
	    evutil_make_socket_closeonexec(fd) == 0)
		bound = evhttp_accept_socket_with_handle(http->http, fd);
	if (bound == NULL) {
		close(fd);
		metrics_http_free(http);
		return err_trace(-ENOMEM);
	}
	http->listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(http->listener, on_accept_error);
	set_limits(http->http);
	evhttp_set_bevcb(http->http, make_bufferevent, http);
	evhttp_set_gencb(http->http, on_request, http);
	*out = http;
	return 0;
}

void
metrics_http_drain(struct metrics_http *http)
{
	if (http != NULL)
		http->is_draining = true;
}

void
metrics_http_free(struct metrics_http *http)
{
	struct visitor *visitor;

	if (http == NULL)
		return;
	if (http->http != NULL)
		evhttp_free(http->http);
	while ((visitor = LIST_FIRST(&http->visitors)) != NULL)
		forget(http, visitor);
	if (http->census != NULL)
		event_free(http->census);
	free(http);
}
