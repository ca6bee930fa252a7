#include "stats/drops.h"

enum sink_verdict
drops_send(
    struct drops *drops, struct conn *conn, const struct message_run *run)
{
	enum conn_sent sent = conn_send(conn, &run->bytes, run->is_volatile);

	if (sent == CONN_QUEUED)
		return SINK_QUEUED;
	if (sent == CONN_DROPPED)
		drops->n_volatile += run->n;
	else
		drops->n_undelivered += run->n;
	return SINK_DROPPED;
}
