#include "ops/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/xalloc.h"
#include "ops/metrics_http.h"
#include "ops/openmetrics.h"
#include "ops/visitors.h"

struct metrics {
	struct hub *hub;
	struct stats_source stats;
	struct visitors *readers; /* of the socket */
	struct metrics_http *http;
};

static size_t
serve(void *user, struct visitor *visitor, const char *data, size_t len)
{
	struct metrics *metrics = user;
	char *text = NULL;
	size_t text_len = 0;
	FILE *out = xmemstream(&text, &text_len);

	(void)data;
	openmetrics_write(out, metrics->hub, true);
	fclose(out);
	visitor_answer(visitor, text, 0, text_len, false);
	return len;
}

static const struct visitors_ops reader_ops = { .serve = serve };

static void
on_reader(void *user, int fd, const struct peer *peer)
{
	struct metrics *metrics = user;

	(void)peer;
	visitors_accept(metrics->readers, fd);
}

static void
on_http(void *user, int fd, const struct peer *peer)
{
	struct metrics *metrics = user;

	(void)peer;
	metrics_http_accept(metrics->http, fd);
}

const struct listen_ops metrics_listen_ops = { .accepted = on_reader };
const struct listen_ops metrics_http_listen_ops = { .accepted = on_http };

enum {
	CONNECTIONS,
	REQUESTS,
	REFUSED,
	CROWDED_OUT,
	TIMED_OUT,
	N_OWN,
};

static const struct figure_info own[N_OWN] = {
	[CONNECTIONS] = { "metrics", "connections",
	    "pm2adapterd_metrics_connections", FIGURE_COUNTER,
	    "Connections accepted on metrics-socket and metrics-listen" },
	[REQUESTS] = { "metrics", "requests", "pm2adapterd_metrics_requests",
	    FIGURE_COUNTER,
	    "Requests for metrics answered, including refused ones" },
	[REFUSED] = { "metrics", "refused",
	    "pm2adapterd_metrics_refused_requests", FIGURE_COUNTER,
	    "HTTP requests answered with status 400 or above" },
	[CROWDED_OUT] = { "metrics", "crowded_out",
	    "pm2adapterd_metrics_crowded_out_connections", FIGURE_COUNTER,
	    "Busy connections for metrics closed to make room" },
	[TIMED_OUT] = { "metrics", "timed_out",
	    "pm2adapterd_metrics_timed_out_connections", FIGURE_COUNTER,
	    "Connections for metrics closed because a request or reply took "
	    "over ten seconds" },
};

static void
set_figures(struct stats_source *source, int64_t *v)
{
	const struct metrics *metrics =
	    container_of(source, struct metrics, stats);
	const struct visitors_stats *of[] = {
		visitors_stats(metrics->readers),
		metrics_http_stats(metrics->http),
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		v[CONNECTIONS] += (int64_t)of[i]->n_accepted;
		v[REQUESTS] += (int64_t)of[i]->n_served;
		v[CROWDED_OUT] += (int64_t)of[i]->n_crowded_out;
		v[TIMED_OUT] += (int64_t)of[i]->n_timed_out;
	}
	v[REFUSED] = (int64_t)metrics_http_n_refused(metrics->http);
}

struct metrics *
metrics_new(struct loop *loop, struct hub *hub)
{
	struct metrics *metrics = xcalloc(1, sizeof(*metrics));

	metrics->hub = hub;
	metrics->readers =
	    visitors_new(loop, "metrics-socket", &reader_ops, metrics);
	metrics->http = metrics_http_new(loop, hub);
	metrics->stats = (struct stats_source){
		.figures = own,
		.n_figures = N_OWN,
		.set_figures = set_figures,
	};
	hub_add_source(hub, &metrics->stats);
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	hub_remove_source(metrics->hub, &metrics->stats);
	visitors_free(metrics->readers);
	metrics_http_free(metrics->http);
	free(metrics);
}

void
metrics_drain(struct metrics *metrics)
{
	metrics_http_drain(metrics->http);
}
