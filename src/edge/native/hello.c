#include "edge/native/hello.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/presence.h"
#include "edge/native/publish.h"
#include "edge/native/questions.h"
#include "edge/native/reply.h"
#include "edge/native/unwritten.h"

#define PREVIOUS_LOOKED_AT 1024 /* sessions */

static const struct broker_sink sink = {
	.message = publish_on_message,
	.presence = presence_on_change,
	.question = questions_on_question,
	.part = questions_on_part,
	.result = questions_on_result,
};

/* Finds the open session with this id. Searches only the newest connections:
 * thousands that reconnect at once must not cost the square of their number. */
static const struct session *
find_session(const struct native *native, uint64_t id)
{
	const struct session *session;
	int n_left = PREVIOUS_LOOKED_AT;

	TAILQ_FOREACH_REVERSE(
	    session, &native->sessions, session_list, in_native)
	{
		if (session->member != NULL && session->member->id == id)
			return session;
		if (--n_left == 0)
			break;
	}
	return NULL;
}

/*
 * How the client's previous connection has ended. If it is still open here, the
 * client has closed it, and that has not been read yet.
 */
static struct control_ending
ending_of(const struct native *native, const struct control_previous *previous)
{
	static const struct control_ending unknown = {
		.reason = "unknown",
		.since_ms = -1,
	};
	const struct closed_entry *entry;
	const struct session *session;
	const struct conn_cause *cause;

	struct instant now = loop_now(native->loop);

	if (previous->epoch_ms != hub_epoch_ms(native->hub))
		return unknown;
	entry = closed_find(hub_closed(native->hub), previous->id);
	if (entry != NULL)
		return (struct control_ending){
			.reason = entry->reason,
			.n_unwritten = entry->queue_bytes,
			.n_messages = entry->n_unwritten,
			.since_ms = now.ms - entry->lost_since.ms,
		};
	session = find_session(native, previous->id);
	if (session == NULL)
		return unknown;
	cause = conn_cause(session->conn);
	return (struct control_ending){
		.reason = (cause == NULL ? &conn_eof : cause)->name,
		.n_unwritten = conn_queue_bytes(session->conn) +
			       conn_stats(session->conn)->n_unwritten,
		.n_messages =
		    session->n_unwritten + unwritten_count(session->conn),
		.since_ms = now.ms -
			    instant_earlier(conn_oldest(session->conn), now).ms,
	};
}

static void
welcome(struct session *session, const struct control_previous *previous)
{
	struct native *native = session->native;
	struct control_ending ending = ending_of(native, previous);

	control_write_welcome(&native->out,
	    &(struct control_welcome){
		.server = native->settings.server,
		.id = session->member->id,
		.epoch_ms = hub_epoch_ms(native->hub),
		.max_frame = native->settings.max_frame,
		.max_topic = (uint32_t)native->settings.topic_max_bytes,
		.ping_interval_ms = native->settings.ping_interval_ms,
		.has_handles = native->settings.has_handles,
		.previous = previous->id == 0 ? NULL : &ending,
	    });
	reply_send_out(session);
}

/* Two scripts under one key are most likely two applications that mix. */
static void
note_app(struct session *session)
{
	const char *other = apps_add(
	    hub_apps(session->native->hub), session->key, session->script);
	char text[3][CONTROL_SCRIPT_MAX * 4 + 3];

	if (other == NULL)
		return;
	log_line(LOG_WARN, "two-scripts", "key=%s script=%s other=%s",
	    log_quote(
		text[0], sizeof(text[0]), session->key, strlen(session->key)),
	    log_quote(text[1], sizeof(text[1]), session->script,
		strlen(session->script)),
	    log_quote(text[2], sizeof(text[2]), other, strlen(other)));
}

static void
admit(struct session *session, const struct control_hello *hello)
{
	struct native *native = session->native;
	char name[CONTROL_NAME_MAX * 4 + 3];

	timeouts_leave(&native->hellos, &session->hello);
	session->role = hello->role;
	session->pid = hello->pid;
	session->pm_id = hello->pm_id;
	session->client = xstrdup(hello->client);
	session->key = xstrdup(hello->key);
	session->script = xstrdup(hello->script);
	session->member =
	    broker_join(native->broker, hello->name, &sink, session);
	log_line(hello->role == CONTROL_OBSERVER ? LOG_DEBUG : LOG_INFO,
	    "conn-opened",
	    "id=%" PRIu64 " name=%s pid=%" PRId64 " uid=%u role=%s",
	    session->member->id,
	    log_quote(name, sizeof(name), hello->name, strlen(hello->name)),
	    session_pid(session), (unsigned)session->peer.uid,
	    control_role_name(hello->role));
	if (session->role == CONTROL_MEMBER)
		note_app(session);
	else
		broker_silence(native->broker, session->member);
	welcome(session, &hello->previous);
}

void
hello_handle(struct session *session, const struct incoming *in)
{
	const struct frame *f = &in->f;
	struct control_hello hello;
	struct control_why why;

	if (session->member != NULL) {
		reply_fail(session, &native_bad_state, "a second HELLO");
		return;
	}
	switch (control_read_hello(f->body, f->body_len, &hello, &why)) {
	case 0:
		admit(session, &hello);
		break;
	case CONTROL_E_VERSION:
		reply_fail(session, &native_bad_version, "HELLO: %s", why.text);
		break;
	case CONTROL_E_BODY:
		reply_fail(session, &native_bad_body, "HELLO: %s", why.text);
		break;
	case CONTROL_E_FIELD:
		reply_fail(session, &native_bad_hello, "HELLO: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=HELLO");
	}
}
