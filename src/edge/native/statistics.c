#include "edge/native/statistics.h"

#include "base/log.h"
#include "edge/native/reply.h"

/* A reply that no queue can take would cut the connection. */
static void
refuse_large(struct session *session, size_t len, size_t max)
{
	session->native->out.len = 0;
	reply_refuse(session, REFUSED_REPLY_TOO_BIG,
	    "STATS: a reply of %zu bytes; queue-limit is %zu: request fewer "
	    "sections or rows, or raise it",
	    len, max);
}

static void
on_report(struct report *report, void *arg)
{
	struct session *session = arg;
	struct msg_writer *w = &session->native->out;
	size_t max = conn_set_limits(session->native->set)->hard_bytes;
	size_t start = control_begin(w);

	report_put(report, w);
	control_end(w, start, FRAME_STATS_REPLY);
	session->report = NULL;
	session->is_polling = false;
	if (w->len > max && !w->fault)
		refuse_large(session, w->len, max);
	else
		reply_send_out(session);
	stage_settle(session);
}

static void
gather(struct session *session, const struct control_stats *wanted)
{
	session->has_polled = true;
	session->is_polling = true;
	conn_flush_now(session->conn);
	session->report =
	    report_gather(session->native->hub, wanted, on_report, session);
}

void
statistics_handle(struct session *session, const struct incoming *in)
{
	const struct frame *f = &in->f;
	struct control_stats wanted;
	struct control_why why;
	int r = control_read_stats(f->body, f->body_len, &wanted, &why);

	switch (r) {
	case 0:
		if (!report_can_sort(&wanted)) {
			reply_refuse(session, REFUSED_BAD_BODY,
			    "STATS: sort: no section that is wanted has a "
			    "column '%s' to sort by",
			    wanted.sort);
			return;
		}
		gather(session, &wanted);
		break;
	case CONTROL_E_SECTION:
		reply_refuse(session, REFUSED_BAD_BODY, "STATS: %s", why.text);
		break;
	case CONTROL_E_BODY:
	case CONTROL_E_FIELD:
		reply_fail(session, &native_bad_body, "STATS: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=STATS");
	}
}
