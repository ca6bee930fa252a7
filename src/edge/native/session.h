/*
 * session - the native edge's state of one connection, and the edge itself.
 * Shared by the files of edge/native, each of which knows those above it:
 * drain, stage, reply, one file for each subject (hello, subscribe, publish,
 * presence, questions, observer, statistics), frames, native. Not included from
 * elsewhere.
 */
#ifndef PM2A_EDGE_NATIVE_SESSION_H
#define PM2A_EDGE_NATIVE_SESSION_H

#include <bsd/sys/queue.h>

#include "base/timeouts.h"
#include "edge/leaving.h"
#include "edge/native/causes.h"
#include "edge/native/settings.h"
#include "edge/turns.h"
#include "net/job.h"
#include "stats/drops.h"
#include "stats/hub.h"
#include "stats/report.h"
#include "wire/control.h"

/* Refusals that leave the connection open; the rest are causes of its end. */
enum refusal {
	REFUSED_FRAME_TOO_BIG,
	REFUSED_BAD_TOPIC,
	REFUSED_BAD_BODY,
	REFUSED_BUSY,
	REFUSED_FORBIDDEN,
	REFUSED_TOPIC_TOO_LONG,
	REFUSED_TOO_MANY_TOPICS,
	REFUSED_TOO_MANY_SUBSCRIPTIONS,
	REFUSED_TOO_MANY_PREFIX_LENGTHS,
	REFUSED_BAD_TIMEOUT,
	REFUSED_TOO_MANY_QUESTIONS,
	REFUSED_ANSWER_TOO_BIG,
	REFUSED_GATHER_TOO_BIG,
	REFUSED_REPLY_TOO_BIG,
	N_REFUSALS,
};

/* The code of docs/PROTOCOL.md. */
const char *refusal_name(enum refusal refusal);

struct session {
	TAILQ_ENTRY(session) in_native;
	struct timeout hello; /* queued until HELLO is through */
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
	char *detail; /* message of the ERROR that ends it, or NULL */
	const struct conn_cause *failing; /* of its end, or NULL */
	struct turns_owner turns; /* its frames, and frames to it, staged */
	uint32_t n_leaving;       /* UNSUBSCRIBEs as a member that are staged */
	bool has_eof;          /* all has been read, and some of it is staged */
	struct report *report; /* for its STATS, or NULL */
	struct topics_work *topics_work; /* a frame that takes steps, or NULL */
	struct union_work *union_work;   /* as well */
	bool is_polling;                 /* a STATS of it is not answered yet */
	bool has_polled;                 /* has sent STATS */
	bool is_unwelcome;               /* its user may not connect */
	bool is_told;   /* that; it is read from until it has closed */
	bool is_hushed; /* that is no news: see allowed_judge() */
	bool is_owing;  /* a drain waits for the end of its sending side */
	uint64_t n_errors;
	uint64_t n_unwritten; /* messages that its queue had at the end */
	uint64_t
	    n_lost; /* messages to an observer that it hasn't been told of */
};

struct native {
	struct loop *loop;
	struct turns turns;
	struct leaving leaving;
	struct loop_source source;
	struct conn_set *set;
	struct broker *broker;
	struct hub *hub;
	struct stats_source stats;
	struct instant tidy_at; /* when scratch is trimmed next */
	struct native_settings settings;
	TAILQ_HEAD(session_list, session) sessions; /* oldest first */
	struct timeouts hellos; /* sessions that must send HELLO */
	struct msg_writer out;  /* scratch: frames on their way to a blob */
	struct slice news;      /* the last PRESENCE, and its contents */
	uint64_t news_id;
	uint32_t news_count;
	size_t news_topic_len;
	bool news_joined;
	struct slice question; /* the last QUESTION */
	uint64_t question_id;
	struct topic_name *names; /* scratch: topics of one PUBLISH or ASK */
	size_t names_size;
	size_t n_scratch; /* bytes of out and names that are in the account of
			   * memory */
	uint64_t n_refused[N_REFUSALS];
	struct drops drops;
	uint64_t n_observed_dropped; /* messages to observers */
	uint32_t n_unwelcome;        /* sessions */
	uint32_t n_losing;           /* sessions whose n_lost isn't 0 */
	bool is_draining;
	uint32_t n_owing; /* sessions that a drain waits for */
	struct instant drain_deadline;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Returns the pid that the kernel reports, or else the one in HELLO. */
int64_t session_pid(const struct session *session);

/* "" until HELLO. */
const char *session_name(const struct session *session);

/* Whether nothing that was read is still to be handled. */
bool session_is_idle(const struct session *session);

#endif
