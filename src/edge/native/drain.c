#include "edge/native/drain.h"

#include "edge/native/session.h"

void
drain_finish(struct native *native)
{
	struct session *session;

	TAILQ_FOREACH (session, &native->sessions, in_native)
		conn_finish(session->conn, &conn_shutdown);
}

void
drain_settle(struct session *session)
{
	struct native *native = session->native;

	if (!session->is_owing)
		return;
	session->is_owing = false;
	if (--native->n_owing == 0)
		drain_finish(native);
}

void
drain_end_input(struct session *session)
{
	if (!session->native->is_draining) {
		conn_close(session->conn, &conn_eof);
		return;
	}
	/* It cannot answer any more, and is not waited for. */
	if (session->member != NULL)
		broker_silence(session->native->broker, session->member);
	drain_settle(session);
}
