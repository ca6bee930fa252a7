#include "ops/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "ops/openmetrics.h"
#include "ops/metrics_http.h"

/* Who reads from the socket: all of the text, and how much has been sent. */
struct reader {
	LIST_ENTRY(reader) link;
	struct metrics *metrics;
	struct event writable; /* or the time is over */
	int fd;
	char *text;
	size_t len, sent;
};

struct metrics {
	struct loop *loop;
	struct native *native;
	struct metrics_http *http; /* or NULL */
	LIST_HEAD(reader_list, reader) readers;
	unsigned n_readers;
};

static void
reader_free(struct reader *reader)
{
	LIST_REMOVE(reader, link);
	reader->metrics->n_readers--;
	event_del(&reader->writable);
	close(reader->fd);
	free(reader->text);
	free(reader);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval timeout = { METRICS_TIMEOUT_MS / 1000, 0 };
	struct reader *reader = arg;
	ssize_t n;

	loop_began_us(reader->metrics->loop);
	if (what & EV_TIMEOUT) {
		log_info("metrics-timeout", "sent=%zu of=%zu", reader->sent,
		    reader->len);
		reader_free(reader);
		return;
	}
	n = send(fd, reader->text + reader->sent, reader->len - reader->sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	reader->sent += n > 0 ? (size_t)n : 0;
	if (reader->sent == reader->len ||
	    (n < 0 && errno != EAGAIN && errno != EINTR))
		reader_free(reader);
	else
		event_add(&reader->writable, &timeout);
}

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	struct metrics *metrics = user;
	struct reader *reader;
	FILE *out;

	(void)peer;
	if (metrics->n_readers == METRICS_READERS_MAX) {
		log_info("metrics-full", "readers=%u", metrics->n_readers);
		close(fd);
		return;
	}
	reader = xcalloc(1, sizeof(*reader));
	reader->metrics = metrics;
	reader->fd = fd;
	out = xmemstream(&reader->text, &reader->len);
	exposition_write(out, metrics->native, true);
	fclose(out);
	LIST_INSERT_HEAD(&metrics->readers, reader, link);
	metrics->n_readers++;
	event_assign(&reader->writable, loop_base(metrics->loop), fd, EV_WRITE,
	    on_writable, reader);
	on_writable(fd, EV_WRITE, reader);
}

const struct listen_ops metrics_listen_ops = { .accepted = on_accepted };

struct metrics *
metrics_new(struct loop *loop, struct native *native)
{
	struct metrics *metrics = xcalloc(1, sizeof(*metrics));

	metrics->loop = loop;
	metrics->native = native;
	LIST_INIT(&metrics->readers);
	return metrics;
}

void
metrics_free(struct metrics *metrics)
{
	struct reader *reader;

	if (metrics == NULL)
		return;
	while ((reader = LIST_FIRST(&metrics->readers)) != NULL)
		reader_free(reader);
	metrics_http_free(metrics->http);
	free(metrics);
}

int
metrics_serve_http(struct metrics *metrics, int fd)
{
	return metrics_http_new(
	    metrics->loop, metrics->native, fd, &metrics->http);
}

void
metrics_drain(struct metrics *metrics)
{
	metrics_http_drain(metrics->http);
}
