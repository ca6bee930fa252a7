#include "edge/native/observer.h"

#include <inttypes.h>
#include <stdio.h>

#include "edge/native/reply.h"

/*
 * An observer costs other clients nothing. It has a small queue; a message
 * without room in it, and every message while memory is short, is dropped and
 * counted, long before the observer is a slow consumer or one of the largest
 * holders of memory. When it reads again, an ERROR reports how many messages it
 * has lost.
 */

/* Bytes that may wait for an observer, besides one message of any size. */
#define OBSERVER_QUEUE_MAX (1u << 20)

enum sink_verdict
observer_on_message(struct session *session, const struct message_run *run)
{
	struct native *native = session->native;
	size_t waiting = conn_queue_bytes(session->conn);
	bool has_room =
	    waiting == 0 || waiting + run->bytes.len <= OBSERVER_QUEUE_MAX;

	if (has_room &&
	    conn_send(session->conn, &run->bytes, true) == CONN_QUEUED)
		return SINK_QUEUED;
	native->n_losing += session->n_lost == 0;
	session->n_lost += run->n;
	native->n_observed_dropped += run->n;
	return SINK_DROPPED;
}

static void
tell(struct session *session)
{
	char message[128];

	snprintf(message, sizeof(message),
	    "%" PRIu64 " messages were dropped, for they were not read in time",
	    session->n_lost);
	session->n_lost = 0;
	session->native->n_losing--;
	control_write_error(&session->native->out, "dropped", message, false);
	reply_send_out(session);
}

void
observer_tell_all(struct native *native)
{
	struct session *session;

	if (native->n_losing == 0)
		return;
	TAILQ_FOREACH (session, &native->sessions, in_native)
		if (session->n_lost > 0 && !conn_is_closing(session->conn) &&
		    conn_queue_bytes(session->conn) <= OBSERVER_QUEUE_MAX / 2)
			tell(session);
}

void
observer_gone(struct session *session)
{
	session->native->n_losing -= session->n_lost > 0;
}
