/*
 * session - what native keeps of one connection, and native itself: shared by
 * native.c, which is their life, session.c, which judges and orders frames,
 * verbs.c and asking.c, which know what they mean, and report.c and figures.c,
 * which tell of them.
 * Nobody else includes it.
 */
#ifndef PM2A_EDGE_NATIVE_SESSION_H
#define PM2A_EDGE_NATIVE_SESSION_H

#include <bsd/sys/queue.h>

#include "stats/rates.h"
#include "edge/native/apps.h"
#include "edge/native/causes.h"
#include "stats/closed.h"
#include "edge/native/native.h"
#include "net/job.h"
#include "stats/timing.h"
#include "wire/control.h"

/* Refusals that leave the connection open; the rest are causes of its end. */
enum refusal {
	REFUSED_FRAME_TOO_BIG,
	REFUSED_BAD_TOPIC,
	REFUSED_BAD_BODY,
	REFUSED_BUSY,
	REFUSED_FORBIDDEN,
	REFUSED_TOPIC_TOO_LONG,
	REFUSED_TOO_MANY_SUBSCRIPTIONS,
	REFUSED_TOO_MANY_PREFIX_LENGTHS,
	REFUSED_BAD_TIMEOUT,
	REFUSED_TOO_MANY_QUESTIONS,
	REFUSED_ANSWER_TOO_BIG,
	REFUSED_GATHER_TOO_BIG,
	N_REFUSALS,
};

/* The code of docs/PROTOCOL.md. */
const char *refusal_name(enum refusal refusal);

struct session {
	TAILQ_ENTRY(session) in_native;
	TAILQ_ENTRY(session) in_waiting; /* until HELLO is through */
	struct native *native;
	struct conn *conn;
	struct member *member; /* NULL until HELLO is through */
	struct peer peer;
	enum control_role role;
	int64_t pm_id; /* -1: not given */
	int64_t pid;   /* as HELLO has it, where the kernel doesn't say */
	char *client;  /* these three NULL until HELLO */
	char *key;
	char *script;
	char *detail;       /* the message of the ERROR that ends it, or NULL */
	uint32_t n_staged;  /* entries with frames of it that are staged */
	uint32_t n_news;    /* frames for it that are staged */
	uint32_t n_leaving; /* UNSUBSCRIBEs as a member that are staged */
	bool has_eof;       /* all has been read, and some of it is staged */
	struct report *report;           /* for its STATS, or NULL */
	struct topics_work *topics_work; /* a frame that takes steps, or NULL */
	bool is_asking;                  /* a STATS of it is staged */
	bool has_asked;                  /* for statistics */
	bool is_unwelcome;               /* its user may not connect */
	bool is_told;   /* that; it is read from until it has closed */
	bool is_hushed; /* that is no news: see allowed_judge() */
	bool is_owing;  /* a drain waits for the end of its sending side */
	uint64_t n_errors;
	uint64_t
	    n_lost; /* messages to an observer that it hasn't been told of */
};

/* What waits for its turn: a run of PUBLISH, or one other frame; or, with n 0,
 * a frame for the session that must not overtake the answers to those. */
struct staged {
	struct session *session; /* NULL once it has been handled */
	struct slice bytes;      /* with a reference */
	uint32_t n;
	uint32_t hash; /* of the one topic of a PUBLISH, or 0 */
};

struct stage {
	struct staged *at;
	size_t n, size;
	int64_t read_us; /* when the turn began that staged it */
};

struct native {
	struct loop *loop;
	struct loop_task staging;
	bool is_handling;     /* what is staged */
	struct blob *at_hand; /* the frame that a verb handles is in it */
	struct stage fresh;   /* staged in this turn */
	struct stage ripe;    /* staged in the turn before */
	struct loop_source source;
	struct conn_set *set;
	struct broker *broker;
	const struct listener *listener;
	struct native_settings settings;
	struct native_others others[NATIVE_OTHERS_MAX];
	size_t n_others;
	TAILQ_HEAD(session_list, session) sessions; /* oldest first */
	TAILQ_HEAD(waiting_list, session) waiting; /* for HELLO, oldest first */
	struct msg_writer out; /* scratch: frames on their way to a blob */
	struct slice news;     /* the last PRESENCE, and what it says */
	uint64_t news_id;
	uint32_t news_count;
	size_t news_topic_len;
	bool news_joined;
	struct slice question; /* the last QUESTION */
	uint64_t question_id;
	struct topic_name *names; /* scratch: topics of one PUBLISH or ASK */
	size_t names_size;
	struct answer_string *strings; /* scratch: those of one ANSWER */
	size_t strings_size;
	size_t n_scratch; /* bytes of out, names, strings, fresh and ripe that
			   * are in the account of memory */
	struct apps apps;
	struct closed closed;
	struct rates rates;
	struct timing timing;
	uint64_t n_reloaded, n_reloads_refused;
	bool is_reload_refused; /* the last one */
	char reload_said[256];  /* of the last one */
	struct instant started;
	int64_t epoch_ms;
	uint64_t n_refused[N_REFUSALS];
	uint64_t n_volatile_dropped; /* messages */
	uint64_t n_observed_dropped; /* messages to observers */
	uint32_t n_unwelcome;        /* sessions */
	uint32_t n_losing;           /* sessions whose n_lost isn't 0 */
	uint64_t n_undelivered;      /* messages to a connection that ends */
	bool is_draining;
	uint32_t n_owing; /* sessions that a drain waits for */
	struct instant drain_deadline;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* The pid that the kernel tells, or what HELLO says. */
int64_t session_pid(const struct session *session);

/* Handles what a connection shows: conn_ops.input. */
size_t session_input(struct conn *conn, const struct slice *data, size_t *want);

/* At the end of a turn: handles what was staged in the turn before it. */
void session_run_ripe(struct native *native);

/* Handles all that is staged of the session and for it, now. */
void session_run_staged(struct session *session);

/* Everything that the session has sent has been read: ends it, or counts it as
 * finished in a drain. In native.c. */
void session_end_input(struct session *session);

/* To be called when something that was staged has been handled: ends the input
 * if all of it has, and its end has been read. */
void session_settle(struct session *session);

/* Sends a frame. Frames of one session go out in the order of what they answer.
 */
void session_send(struct session *session, const struct slice *frame);

/* Sends what has been written to native->out, which is one frame, and empties
 * it. */
void session_send_out(struct session *session);

/* Ends the session with an ERROR that says why. */
void session_fail(struct session *session, const struct conn_cause *cause,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Ends a session that is_unwelcome, with an ERROR unless it has had one. */
void session_turn_away(struct session *session);

/* Answers with an ERROR and goes on. */
void session_refuse(struct session *session, enum refusal why, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Answers an ASK with an ERROR, which ends the question; or, if `ask_id` is -1,
 * another frame. */
void session_refuse_ask(struct session *session, enum refusal why,
    int64_t ask_id, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct frame;

/* A SUBSCRIBE or UNSUBSCRIBE of so many bytes may take steps. */
#define SESSION_LARGE_BODY 16384

/* Topics that were refused, by the reason. */
struct topic_tally {
	uint32_t n_empty, n_long, n_over, n_lengths;
};

/* Counts a result of the broker; and tells the session of what was counted. */
void session_tally(struct topic_tally *n, int r);
void session_refuse_topics(struct session *session, struct topic_tally n);

/* Ends the session's SUBSCRIBE or UNSUBSCRIBE that takes steps. */
void session_drop_topics(struct session *session);

/*
 * Reads the topic field of f, a PUBLISH or ASK, into native->names. False if
 * the field is malformed, names no topic, or names one that is refused; the
 * session has been told why. `ask_id` goes into the refusal; -1 if none.
 */
bool session_read_names(
    struct session *session, const struct frame *f, int64_t ask_id, size_t *n);

/* Each does what a frame of its type asks for; the header has been judged. */
void verb_hello(struct session *session, const struct frame *f);
void verb_subscribe(struct session *session, const struct frame *f);
void verb_unsubscribe(struct session *session, const struct frame *f);
void verb_ping(struct session *session, const struct frame *f);
void verb_pong(struct session *session, const struct frame *f);
void verb_ask(struct session *session, const struct frame *f);
void verb_answer(struct session *session, const struct frame *f);
void verb_stats(struct session *session, const struct frame *f);

/* False when f may not be published, which the session has been told. */
bool verb_may_publish(struct session *session, const struct frame *f);

/* Publishes the run that f begins, which verb_may_publish() has passed. */
void verb_publish(struct session *session, const struct frame *f,
    const struct staged *staged);

/* What may wait for an observer, besides one message of any size. */
#define OBSERVER_QUEUE_MAX (1u << 20)

/* The sink's message() for an observer. */
bool observer_message(struct session *session, const struct message_run *run);

/* Tells those who read again what they have lost; once a second. */
void observer_tell_all(struct native *native);

/* The session ends. */
void observer_gone(struct session *session);

/* "list", "union", "first" or "stream". */
const char *asking_name_of(enum request_gather gather);

/* The sink's part in asking. */
void asking_on_question(struct member *to, uint64_t id, const struct ask *ask);
void asking_on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer);
void asking_on_result(struct member *to, const struct request *request);

#endif
