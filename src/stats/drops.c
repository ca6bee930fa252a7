#include "stats/drops.h"

static enum sink_verdict
count(struct drops *drops, enum conn_sent sent, size_t n)
{
	if (sent == CONN_QUEUED)
		return SINK_QUEUED;
	if (sent == CONN_DROPPED)
		drops->n_volatile += n;
	else
		drops->n_undelivered += n;
	return SINK_DROPPED;
}

enum sink_verdict
drops_send(
    struct drops *drops, struct conn *conn, const struct message_run *run)
{
	return count(
	    drops, conn_send(conn, &run->bytes, run->is_volatile), run->n);
}

enum sink_verdict
drops_send_parts(struct drops *drops, struct conn *conn,
    const struct slice *parts, size_t n_parts, size_t n, bool is_volatile)
{
	return count(
	    drops, conn_send_parts(conn, parts, n_parts, is_volatile), n);
}
