#include "edge/native/session.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "wire/frame.h"

#define PREVIOUS_LOOKED_AT 1024 /* sessions */

static bool
on_message(struct member *to, const struct message_run *run)
{
	struct session *session = to->user;

	if (session->role == CONTROL_OBSERVER)
		return observer_message(session, run);
	if (conn_send(session->conn, &run->bytes, run->is_volatile) ==
	    CONN_QUEUED)
		return true;
	if (run->is_volatile && !conn_is_closing(session->conn))
		session->native->n_volatile_dropped += run->n;
	else
		session->native->n_undelivered += run->n;
	return false;
}

/* Whether native->news is the frame of this event. */
static bool
is_last_news(const struct native *native, const struct presence *p)
{
	return native->news.blob != NULL && native->news_id == p->who->id &&
	       native->news_joined == p->joined &&
	       native->news_count == p->count &&
	       native->news_topic_len == p->topic_len &&
	       memcmp(slice_data(&native->news) + FRAME_HEADER_SIZE, p->topic,
		   p->topic_len) == 0;
}

static void
write_news(struct native *native, const struct presence *p)
{
	struct msg_writer *w = &native->out;

	control_write_presence(w, &(struct control_presence){
				      .topic = p->topic,
				      .topic_len = p->topic_len,
				      .joined = p->joined,
				      .id = p->who->id,
				      .name = p->who->name,
				      .count = p->count,
				  });
	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	blob_unref(native->news.blob);
	native->news = (struct slice){ blob_copy(w->data, w->len), 0, w->len };
	native->news_id = p->who->id;
	native->news_joined = p->joined;
	native->news_count = p->count;
	native->news_topic_len = p->topic_len;
	w->len = 0;
}

/* Written once for all who hear of it. In a drain nobody needs to hear. */
static void
on_presence(struct member *to, const struct presence *presence)
{
	struct session *session = to->user;
	struct native *native = session->native;

	if (conn_is_closing(session->conn) ||
	    (native->is_draining && !presence->joined))
		return;
	if (!is_last_news(native, presence))
		write_news(native, presence);
	session_send(session, &native->news);
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
	.question = asking_on_question,
	.part = asking_on_part,
	.result = asking_on_result,
};

/* Whether a connection with that id is still here, and if so its session. Only
 * the newest are looked at: thousands that come back at once must not cost the
 * square of their number, to be told a word that is no secret. */
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
 * How the connection that a client had before has ended. One that is still here
 * was given up by the client, and the news of that has not been read yet.
 */
static struct control_ending
ending_of(const struct native *native, const struct control_previous *previous)
{
	const struct closed_entry *entry;
	const struct session *session;
	const struct conn_cause *cause;

	if (previous->epoch_ms != native->epoch_ms)
		return (struct control_ending){ "unknown", 0 };
	entry = closed_find(&native->closed, previous->id);
	if (entry != NULL)
		return (
		    struct control_ending){ entry->reason, entry->queue_bytes };
	session = find_session(native, previous->id);
	if (session == NULL)
		return (struct control_ending){ "unknown", 0 };
	cause = conn_cause(session->conn);
	return (struct control_ending){
		(cause == NULL ? &conn_eof : cause)->name,
		conn_queue_bytes(session->conn) +
		    conn_stats(session->conn)->n_unwritten,
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
		.epoch_ms = native->epoch_ms,
		.max_frame = native->settings.max_frame,
		.max_topic = (uint32_t)native->settings.topic_max_bytes,
		.ping_interval_ms = native->settings.ping_interval_ms,
		.previous = previous->id == 0 ? NULL : &ending,
	    });
	session_send_out(session);
}

/* Two scripts under one key are most likely two applications that mix. */
static void
note_app(struct session *session)
{
	const char *other =
	    apps_add(&session->native->apps, session->key, session->script);
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

	TAILQ_REMOVE(&native->waiting, session, in_waiting);
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
verb_hello(struct session *session, const struct frame *f)
{
	struct control_hello hello;
	struct control_why why;

	if (session->member != NULL) {
		session_fail(session, &native_bad_state, "a second HELLO");
		return;
	}
	switch (control_read_hello(f->body, f->body_len, &hello, &why)) {
	case 0:
		admit(session, &hello);
		break;
	case CONTROL_E_VERSION:
		session_fail(
		    session, &native_bad_version, "HELLO: %s", why.text);
		break;
	case CONTROL_E_BODY:
		session_fail(session, &native_bad_body, "HELLO: %s", why.text);
		break;
	case CONTROL_E_FIELD:
		session_fail(session, &native_bad_hello, "HELLO: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=HELLO");
	}
}

void
session_refuse_topics(struct session *session, struct topic_tally n)
{
	const struct native_settings *settings = &session->native->settings;

	if (n.n_empty > 0)
		session_refuse(session, REFUSED_BAD_TOPIC,
		    "SUBSCRIBE: %u empty topics; only a prefix may be empty",
		    n.n_empty);
	if (n.n_long > 0)
		session_refuse(session, REFUSED_TOPIC_TOO_LONG,
		    "SUBSCRIBE: %u topics are too long; max-topic is %zu bytes",
		    n.n_long, settings->topic_max_bytes);
	if (n.n_over > 0)
		session_refuse(session, REFUSED_TOO_MANY_SUBSCRIPTIONS,
		    "SUBSCRIBE: %u topics too many; max-subscriptions is %u",
		    n.n_over, settings->subscriptions_max);
	if (n.n_lengths > 0)
		session_refuse(session, REFUSED_TOO_MANY_PREFIX_LENGTHS,
		    "SUBSCRIBE: %u prefixes of new lengths; this connection "
		    "has %zu, and %zu of %d are left for all: one can be "
		    "added only while it has fewer than are left",
		    n.n_lengths,
		    topic_owner_n_lengths(&session->member->topics),
		    topic_n_lengths_left(
			broker_topics(session->native->broker)),
		    TOPIC_LENGTHS_MAX);
}

void
session_tally(struct topic_tally *n, int r)
{
	n->n_empty += r == BROKER_E_TOPIC_EMPTY;
	n->n_long += r == BROKER_E_TOPIC_LONG;
	n->n_over += r == BROKER_E_SUBSCRIPTIONS;
	n->n_lengths += r == BROKER_E_PREFIX_LENGTHS;
}

static void
add_name(struct native *native, size_t n, struct topic_name name)
{
	if (n == native->names_size) {
		native->names_size = n == 0 ? 16 : 2 * n;
		native->names = xreallocarray(
		    native->names, native->names_size, sizeof(name));
	}
	native->names[n] = name;
}

/* Reads the topic field into native->names. False if it is malformed. */
static bool
read_names(struct native *native, const struct frame *f, size_t *n)
{
	struct msg_topics topics = { .n_left = 0 };
	const uint8_t *bytes;
	size_t len;

	*n = 0;
	if (!(f->flags & FRAME_SEVERAL))
		add_name(native, (*n)++,
		    (struct topic_name){
			.bytes = f->topic, .len = f->topic_len });
	else if (msg_topics_open(f->topic, f->topic_len, &topics) != 0)
		return false;
	while (msg_topics_next(&topics, &bytes, &len))
		add_name(native, (*n)++,
		    (struct topic_name){ .bytes = bytes, .len = len });
	return true;
}

bool
session_read_names(
    struct session *session, const struct frame *f, int64_t ask_id, size_t *n)
{
	struct native *native = session->native;
	const char *name = frame_type_name(f->type);
	int r;

	if (!read_names(native, f, n)) {
		session_fail(session, &native_bad_topic,
		    "%s: the topic field is not an array of topics", name);
		return false;
	}
	r = broker_check_topics(native->broker, native->names, *n);
	if (r == BROKER_E_TOPIC_EMPTY)
		session_refuse_ask(session, REFUSED_BAD_TOPIC, ask_id,
		    *n == 0 ? "%s: an array of no topics; at least 1"
			    : "%s: an empty topic; at least 1 byte",
		    name);
	else if (r != 0)
		session_refuse_ask(session, REFUSED_TOPIC_TOO_LONG, ask_id,
		    "%s: a topic is too long; max-topic is %zu bytes", name,
		    native->settings.topic_max_bytes);
	return r == 0;
}

/* What most messages are: one topic, from who may, and nothing to refuse. */
static bool
is_plain(const struct session *session, const struct frame *f)
{
	return !(f->flags & FRAME_SEVERAL) &&
	       session->role != CONTROL_OBSERVER &&
	       broker_check_topic(session->native->broker,
		   &(struct topic_name){
		       .bytes = f->topic, .len = f->topic_len }) == 0;
}

bool
verb_may_publish(struct session *session, const struct frame *f)
{
	size_t n;

	if (is_plain(session, f))
		return true;
	if (session->role == CONTROL_OBSERVER) {
		session_refuse(session, REFUSED_FORBIDDEN,
		    "PUBLISH: the role observer can't publish");
		return false;
	}
	return session_read_names(session, f, -1, &n);
}

void
verb_publish(
    struct session *session, const struct frame *f, const struct staged *staged)
{
	struct native *native = session->native;
	struct message_run run = {
		.bytes = staged->bytes,
		.n = staged->n,
		.is_volatile = f->flags & FRAME_VOLATILE,
	};
	size_t n_names;

	if (!(f->flags & FRAME_SEVERAL))
		broker_publish(native->broker, session->member,
		    &(struct topic_name){
			f->topic, f->topic_len, staged->hash },
		    1, &run);
	else if (read_names(native, f, &n_names))
		broker_publish(native->broker, session->member, native->names,
		    n_names, &run);
}

void
verb_ping(struct session *session, const struct frame *f)
{
	uint8_t head[FRAME_HEADER_SIZE];
	struct msg_writer *w = &session->native->out;

	frame_write_head(head, FRAME_PONG, 0, NULL, 0, f->body_len);
	msg_put_raw(w, head, sizeof(head));
	msg_put_raw(w, f->body, f->body_len);
	session_send_out(session);
}

void
verb_pong(struct session *session, const struct frame *f)
{
	(void)session;
	(void)f;
}

static void
on_report(struct report *report, void *arg)
{
	struct session *session = arg;
	struct msg_writer *w = &session->native->out;
	size_t start = control_begin(w);

	native_report(report, w);
	control_end(w, start, FRAME_STATS_REPLY);
	session->report = NULL;
	session->is_asking = false;
	session->n_staged--;
	session_send_out(session);
	session_settle(session);
}

/* The session has something staged until the report is there. */
static void
gather(struct session *session, const struct control_stats *wanted)
{
	session->has_asked = true;
	session->is_asking = true;
	session->n_staged++;
	session->report =
	    native_gather(session->native, wanted, on_report, session);
}

void
verb_stats(struct session *session, const struct frame *f)
{
	struct control_stats wanted;
	struct control_why why;
	int r = control_read_stats(f->body, f->body_len, &wanted, &why);

	switch (r) {
	case 0:
		if (!native_can_sort(&wanted)) {
			session_refuse(session, REFUSED_BAD_BODY,
			    "STATS: sort: no section that is wanted has a "
			    "column '%s' to sort by",
			    wanted.sort);
			return;
		}
		gather(session, &wanted);
		break;
	case CONTROL_E_SECTION:
		session_refuse(
		    session, REFUSED_BAD_BODY, "STATS: %s", why.text);
		break;
	case CONTROL_E_BODY:
	case CONTROL_E_FIELD:
		session_fail(session, &native_bad_body, "STATS: %s", why.text);
		break;
	default:
		log_fatal("out-of-memory", "reading=STATS");
	}
}
