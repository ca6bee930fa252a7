/*
 * sink - what the broker says, and through what: the face of an edge that it
 * sees. All of it is borrowed for the time of the call.
 */
#ifndef PM2A_CORE_SINK_H
#define PM2A_CORE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "core/question.h"
#include "core/topic.h"

struct member;
struct request;

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

/* A question, as it is asked. */
struct ask {
	int64_t ask_id;
	enum gather gather;
	int64_t timeout_ms; /* 0: BROKER_TIMEOUT_DEFAULT_MS */
	/* Who is asked: the members of the one topic, or who has subscribed to
	 * one of the topics exactly. */
	bool to_subscribers;
	const struct topic_name *topics;
	size_t n_topics;
	const void *payload;
	size_t payload_len;
	int64_t asked_us; /* for who asks: request->asked_us */
};

struct broker_sink {
	/* A run for this receiver. False when it was dropped. */
	bool (*message)(struct member *to, const struct message_run *run);
	void (*presence)(struct member *to, const struct presence *presence);
	/* It is asked; id is for its answer. */
	void (*question)(struct member *to, uint64_t id, const struct ask *ask);
	/* An answer to a GATHER_STREAM that it has asked. */
	void (*part)(struct member *to, const struct request *request,
	    const struct member *from, const struct answer *answer);
	/* A question that it has asked has ended. */
	void (*result)(struct member *to, const struct request *request);
};

#endif
