/*
 * broker - routes messages, requests and answers between members: the façade of
 * core/.
 *
 * The broker knows members, topics and slices of bytes. It never looks into a
 * message, owns no fd, reads no clock, and reaches receivers through their
 * sinks. A sink must not call the broker back; to remove a receiver, call
 * broker_leave() after the sink has returned.
 */
#ifndef PM2A_CORE_BROKER_H
#define PM2A_CORE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "core/member.h"
#include "core/sink.h"
#include "core/stats.h"

struct broker;

enum broker_error {
	BROKER_E_TOPIC_EMPTY = 1,
	BROKER_E_TOPIC_LONG,     /* over limits.topic_max_bytes */
	BROKER_E_SUBSCRIPTIONS,  /* over limits.subscriptions_max */
	BROKER_E_PREFIX_LENGTHS, /* over TOPIC_LENGTHS_MAX */
	BROKER_E_TIMEOUT,        /* not 0 to BROKER_TIMEOUT_MAX_MS */
	BROKER_E_QUESTIONS,      /* over limits.questions_max */
	BROKER_E_QUESTIONS_ALL,  /* over limits.questions_all_max */
	BROKER_E_ANSWER_BIG,     /* over limits.answer_max_bytes */
	BROKER_E_ANSWER,         /* VERDICT_MORE is not allowed here */
	BROKER_E_WALK,           /* over BROKER_WALK_MAX */
};

/* Subscriptions that one message or request may have to look at, since many
 * topics may have many subscribers each: 3 to 8 ms. */
#define BROKER_WALK_MAX 1000000

#define BROKER_TIMEOUT_DEFAULT_MS 5000
#define BROKER_TIMEOUT_MAX_MS 300000

struct broker_limits {
	size_t topic_max_bytes;      /* 1 to TOPIC_NAME_MAX */
	uint32_t subscriptions_max;  /* of one member */
	uint32_t questions_max;      /* open ones of one member */
	uint32_t questions_all_max;  /* open ones of all */
	size_t answer_max_bytes;     /* of one answer */
	size_t gather_max_bytes;     /* of the answers to one question */
	size_t gather_all_max_bytes; /* of all answers; 0: no limit */
	uint64_t parts_max_bytes;    /* of a stream with a limit; 0: any */
};

/* Sees each run that is published, and returns how many receivers it has
 * delivered it to that have not subscribed at the broker. */
struct broker_tap {
	size_t (*message)(void *arg, const struct message_run *run);
	void *arg;
};

struct broker *broker_new(const struct broker_limits *limits,
    struct hash_key key) __attribute__((returns_nonnull));

/* All members must have left; releases them. NULL is allowed. */
void broker_free(struct broker *broker);

/* Replaces the limits, for later calls. */
void broker_set_limits(
    struct broker *broker, const struct broker_limits *limits);

/* Adds a member that is served through `sink`, which must outlive it; `user` is
 * passed back with it. Ids start at 1. */
struct member *broker_join(struct broker *broker, const char *name,
    const struct broker_sink *sink, void *user)
    __attribute__((returns_nonnull));

/*
 * Ends a member: it receives nothing more, its sink and `user` are not used any
 * more, its requests are dropped and its debts are settled. Its subscriptions
 * end too, those as a member of a topic before all others, and the topic's
 * other members receive PRESENCE, until about `n_steps` are used: one for each
 * subscription and for each receiver of PRESENCE. The rest counts, in
 * topics and their members too, until broker_release() has ended it. Returns
 * whether something is left, of this or another member.
 */
bool broker_leave(
    struct broker *broker, struct member *member, uint32_t n_steps);

/* Goes on ending subscriptions of members that have left, the last to leave
 * first, for about `n_steps`. Returns whether something is left. */
bool broker_release(struct broker *broker, uint32_t n_steps);

/*
 * In force at once. To do it again changes nothing and is 0. BROKER_E_* says
 * why it was not done. An empty prefix is allowed and matches everything. While
 * members are to be released it calls broker_release() for two steps, so that
 * new subscriptions can't outnumber those that end.
 */
int must_check broker_subscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name);

bool broker_is_subscribed(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name);

/* No effect if the member is not subscribed. */
void broker_unsubscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name);

/* Whether `name` may be published to: 0 or BROKER_E_TOPIC_*. */
int must_check broker_check_topic(
    const struct broker *broker, const struct topic_name *name);

/* As broker_check_topic(), for the n names of a message or a request. Returns
 * BROKER_E_TOPIC_EMPTY if n is 0. */
int must_check broker_check_topics(
    const struct broker *broker, const struct topic_name *names, size_t n);

/* Whether a message or a request to the n names looks at few enough
 * subscriptions: 0 or BROKER_E_WALK. */
int must_check broker_check_walk(
    struct broker *broker, const struct topic_name *names, size_t n);

/*
 * For a caller that publishes many messages in a row, each to a topic of its
 * own: fetches some messages ahead what broker_publish() would wait for. The
 * hash goes into the topic_name; broker_prefetch_entry() is of use when memory
 * has had the time for what broker_prefetch() fetches, and
 * broker_prefetch_subs() when it has for that. None of them changes anything.
 */
uint32_t broker_hash(
    const struct broker *broker, const struct topic_name *name);
void broker_prefetch(const struct broker *broker, uint32_t hash);
void broker_prefetch_entry(const struct broker *broker, uint32_t hash);
void broker_prefetch_subs(const struct broker *broker, uint32_t hash);

/*
 * Delivers `run` once to every member other than `from` that has a subscription
 * matching any of the `n` names. Returns the number of those members, without
 * those whose sink passes it. The names must have passed broker_check_topics(),
 * so `n` is at least 1.
 */
size_t broker_publish(struct broker *broker, struct member *from,
    const struct topic_name *names, size_t n, const struct message_run *run);

/* Has the tap, which is borrowed, see what is published from now on, after its
 * receivers; NULL: nobody does, which costs nothing. It must not call the
 * broker back, but for broker_note_delivered(). */
void broker_set_tap(struct broker *broker, const struct broker_tap *tap);

/* Counts a run that a tap has delivered to `to`. */
void broker_note_delivered(
    struct broker *broker, struct member *to, const struct message_run *run);

/*
 * Opens a request of `from`: every other member that `opening` names receives a
 * question. The sink of `from` receives the result, once, perhaps before this
 * returns. Returns BROKER_E_* if it was not opened. The topics must have passed
 * broker_check_topics(), and broker_has_request() must be false.
 */
int must_check broker_open_request(struct broker *broker, struct member *from,
    const struct broker_request *opening, struct instant now);

/* Returns whether the member has an open request with that id. */
bool broker_has_request(
    struct broker *broker, const struct member *member, int64_t ask_id);

/* Returns whether the member owes an answer to the question `id`, which is a
 * union, and `len` bytes are not over limits.answer_max_bytes: then its strings
 * must be read. */
bool broker_wants_strings(struct broker *broker, const struct member *member,
    uint64_t id, size_t len);

/* Adds strings of an answer to a union that the member owes: broker_answer()
 * follows, without these. Returns whether more of them can be added; not after
 * the request has ended. */
bool broker_add_strings(struct broker *broker, struct member *member,
    uint64_t id, const struct answer_string *strings, size_t n);

/* Takes an answer. Late, repeated and foreign answers are counted; the result
 * is then 0. BROKER_E_ANSWER_BIG: the debt is settled without the answer.
 * BROKER_E_ANSWER: the debt stands. */
int must_check broker_answer(
    struct broker *broker, struct member *from, const struct answer *answer);

/* Stops sending questions to the member, which cannot answer any more; its
 * debts are settled as DEBT_LEFT. */
void broker_silence(struct broker *broker, struct member *member);

/* Return the next deadline of a request, or INSTANT_NEVER; and end every
 * request whose deadline is at or before `now`. */
struct instant broker_next_deadline(struct broker *broker);
void broker_expire(struct broker *broker, struct instant now);

/* Adds to the work of the messages: for a sink to which one is more than a
 * delivery. */
void broker_add_work(struct broker *broker, uint64_t n);

/* Return and set how many messages a run may have, since a sink may need long
 * for each; by default any number. */
uint32_t broker_run_max(const struct broker *broker);
void broker_set_run_max(struct broker *broker, uint32_t n);

const struct broker_stats *broker_stats(const struct broker *broker);
struct topic_registry *broker_topics(struct broker *broker);
const struct request_registry *broker_requests(const struct broker *broker);
size_t broker_n_members(const struct broker *broker);

#endif
