#include "ops/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "edge/native/figures.h"
#include "ops/metrics_http.h"
#include "ops/openmetrics.h"
#include "ops/visitors.h"

struct metrics {
	struct native *native;
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
	exposition_write(out, metrics->native, true);
	fclose(out);
	visitor_answer(visitor, text, text_len, false);
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

static void
figures(struct figures *out, void *arg)
{
	const struct metrics *metrics = arg;
	const struct visitors_stats *of[] = {
		visitors_stats(metrics->readers),
		metrics_http_stats(metrics->http),
	};
	int64_t *v = out->values;

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		v[FIGURE_METRICS_CONNECTIONS] += (int64_t)of[i]->n_accepted;
		v[FIGURE_METRICS_REQUESTS] += (int64_t)of[i]->n_served;
		v[FIGURE_METRICS_CROWDED_OUT] += (int64_t)of[i]->n_crowded_out;
		v[FIGURE_METRICS_TIMED_OUT] += (int64_t)of[i]->n_timed_out;
	}
	v[FIGURE_METRICS_REFUSED] =
	    (int64_t)metrics_http_n_refused(metrics->http);
}

struct metrics *
metrics_new(struct loop *loop, struct native *native)
{
	struct metrics *metrics = xcalloc(1, sizeof(*metrics));
	const struct native_others others = {
		.arg = metrics,
		.figures = figures,
	};

	metrics->native = native;
	metrics->readers =
	    visitors_new(loop, "metrics-socket", &reader_ops, metrics);
	metrics->http = metrics_http_new(loop, native);
	native_add_others(native, &others);
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	visitors_free(metrics->readers);
	metrics_http_free(metrics->http);
	free(metrics);
}

void
metrics_drain(struct metrics *metrics)
{
	metrics_http_drain(metrics->http);
}
