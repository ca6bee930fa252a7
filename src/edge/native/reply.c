#include "edge/native/reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/stage.h"
#include "net/allowed.h"
#include "wire/msg_blob.h"

void
reply_send(struct session *session, const struct slice *frame)
{
	if (!session->native->turns.is_handling && session->turns.n_staged > 0)
		stage_outgoing(session, frame);
	else
		conn_send(session->conn, frame, false);
}

struct blob *
reply_take_out(struct session *session)
{
	struct msg_writer *w = &session->native->out;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	return msg_blob_take(w);
}

void
reply_send_out(struct session *session)
{
	struct slice s = { .len = session->native->out.len };

	s.blob = reply_take_out(session);
	reply_send(session, &s);
	blob_unref(s.blob);
}

/* One slice with the bytes of all. */
static struct slice
joined(const struct slice *parts, size_t n)
{
	struct slice s = { .len = 0 };
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		s.len += parts[i].len;
	s.blob = blob_new(s.len);
	for (size_t i = 0; i < n; i++) {
		memcpy(s.blob->data + at, slice_data(&parts[i]), parts[i].len);
		at += parts[i].len;
	}
	return s;
}

void
reply_send_parts(struct session *session, const struct slice *parts, size_t n)
{
	struct slice whole;

	if (session->native->turns.is_handling ||
	    session->turns.n_staged == 0) {
		conn_send_parts(session->conn, parts, n, false);
		return;
	}
	whole = joined(parts, n);
	stage_outgoing(session, &whole);
	blob_unref(whole.blob);
}

static void
end_failed(struct session *session)
{
	const struct conn_cause *cause = session->failing;

	control_write_error(
	    &session->native->out, cause->name, session->detail, true);
	reply_send_out(session);
	conn_close(session->conn, cause);
}

static void
handle_failure(struct session *session, const struct incoming *in)
{
	(void)in;
	end_failed(session);
}

/* The frames before the one that has failed are handled first, which may take
 * some turns; those behind it are not read. */
void
reply_fail(struct session *session, const struct conn_cause *cause,
    const char *fmt, ...)
{
	static const struct stage_rule failed = { .handle = handle_failure };
	bool is_handling = session->native->turns.is_handling;
	char message[CLOSED_DETAIL_SIZE];
	va_list ap;

	if (conn_is_closing(session->conn) ||
	    (session->failing != NULL && !is_handling))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	free(session->detail);
	session->detail = xstrdup(message);
	session->failing = cause;
	conn_stop_reading(session->conn);
	if (is_handling || session->turns.n_staged == 0)
		end_failed(session);
	else
		stage_incoming(session, &failed, &(struct incoming){ .n = 0 });
}

void
reply_turn_away(struct session *session)
{
	if (session->is_told)
		conn_close(session->conn, &conn_not_allowed);
	else
		reply_fail(session, &conn_not_allowed, ALLOWED_REFUSAL,
		    (unsigned)session->peer.uid);
}

void
reply_tell_unwelcome(struct session *session)
{
	char message[CLOSED_DETAIL_SIZE];

	if (session->is_told)
		return;
	session->is_told = true;
	snprintf(message, sizeof(message), ALLOWED_REFUSAL,
	    (unsigned)session->peer.uid);
	control_write_error(
	    &session->native->out, conn_not_allowed.name, message, true);
	reply_send_out(session);
	session->detail = xstrdup(message);
}

static void
count_refusal(struct session *session, enum refusal why, const char *message)
{
	char quoted[CLOSED_DETAIL_SIZE + 64]; /* it may quote the peer */

	session->native->n_refused[why]++;
	session->n_errors++;
	log_debug("refused", "id=%" PRIu64 " code=%s message=%s",
	    session->member == NULL ? 0 : session->member->id,
	    refusal_name(why),
	    log_quote(quoted, sizeof(quoted), message, strlen(message)));
}

__attribute__((format(printf, 4, 0))) static void
refuse(struct session *session, enum refusal why, int64_t ask_id,
    const char *fmt, va_list ap)
{
	struct msg_writer *w = &session->native->out;
	char message[CLOSED_DETAIL_SIZE];

	vsnprintf(message, sizeof(message), fmt, ap);
	count_refusal(session, why, message);
	if (ask_id < 0)
		control_write_error(w, refusal_name(why), message, false);
	else
		control_write_ask_error(w, refusal_name(why), message, ask_id);
	reply_send_out(session);
}

void
reply_refuse(struct session *session, enum refusal why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(session, why, -1, fmt, ap);
	va_end(ap);
}

void
reply_refuse_request(struct session *session, enum refusal why, int64_t ask_id,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(session, why, ask_id, fmt, ap);
	va_end(ap);
}
