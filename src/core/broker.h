/*
 * broker - who gets what: the façade of core/.
 *
 * The broker knows members, topics and slices of bytes. It never looks into a
 * message, owns no fd, reads no clock, and speaks to the world through the sink
 * of each receiver, which it calls once. A sink must not call the broker back;
 * a receiver that has to go is taken out with broker_leave() after the call.
 */
#ifndef PM2A_CORE_BROKER_H
#define PM2A_CORE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"
#include "core/member.h"
#include "core/stats.h"

struct broker;

enum broker_error {
	BROKER_E_TOPIC_EMPTY = 1,
	BROKER_E_TOPIC_LONG,    /* over limits.topic_max_bytes */
	BROKER_E_SUBSCRIPTIONS, /* over limits.subscriptions_max */
};

struct broker_limits {
	size_t topic_max_bytes;     /* 1 to TOPIC_NAME_MAX */
	uint32_t subscriptions_max; /* of one member */
};

/* Somebody joined or left a topic. */
struct presence {
	const char *topic;
	size_t topic_len;
	bool joined;
	const struct member *who;
	uint32_t count; /* members of the topic now */
};

/* n messages of one publisher to the same topics, as one run of bytes. */
struct message_run {
	struct slice bytes;
	uint32_t n;
	bool is_volatile;
};

struct broker_sink {
	/* A run for this receiver. False when it was dropped. */
	bool (*message)(struct member *to, const struct message_run *run);
	void (*presence)(struct member *to, const struct presence *presence);
};

/* A topic's name in somebody's buffer. */
struct topic_name {
	const void *bytes;
	size_t len;
};

struct broker *broker_new(const struct broker_limits *limits,
    struct hash_key key) __attribute__((returns_nonnull));

/* All members must have left. NULL is fine. */
void broker_free(struct broker *broker);

/* Other limits for what comes from now on. */
void broker_set_limits(
    struct broker *broker, const struct broker_limits *limits);

/* A new member that is served through sink, which outlives it; user comes back
 * with it. Ids start at 1. */
struct member *broker_join(struct broker *broker, const char *name,
    const struct broker_sink *sink, void *user)
    __attribute__((returns_nonnull));

/* Ends the member's subscriptions, tells the other members of its topics, and
 * frees it. */
void broker_leave(struct broker *broker, struct member *member);

/*
 * In force at once. To do it again changes nothing and is 0. BROKER_E_* says
 * why it was not done. An empty prefix is allowed and matches everything.
 */
int must_check broker_subscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name);

/* What isn't subscribed is left alone. */
void broker_unsubscribe(struct broker *broker, struct member *member,
    enum topic_kind kind, const struct topic_name *name);

/* Whether name may be published to: 0 or BROKER_E_TOPIC_*. */
int must_check broker_check_topic(
    const struct broker *broker, const struct topic_name *name);

/*
 * Gives run to everybody but from whose subscriptions match one of the n names,
 * each of which has passed broker_check_topic(); once to each.
 */
void broker_publish(struct broker *broker, struct member *from,
    const struct topic_name *names, size_t n, const struct message_run *run);

const struct broker_stats *broker_stats(const struct broker *broker);
struct topic_registry *broker_topics(struct broker *broker);
size_t broker_n_members(const struct broker *broker);

#endif
