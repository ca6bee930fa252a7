/*
 * sink - the interface through which the broker sends to an edge. All arguments
 * are borrowed for the call.
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

/* A member joined or left a topic. */
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

/* A request, as it is opened. */
struct broker_request {
	int64_t ask_id;
	enum gather gather;
	int64_t timeout_ms;       /* 0: BROKER_TIMEOUT_DEFAULT_MS */
	uint64_t parts_max_bytes; /* of a stream; 0: no limit */
	/* Whether the questions go to those that have subscribed to one of the
	 * topics exactly; else they go to the members of the one topic. */
	bool to_subscribers;
	const struct topic_name *topics;
	size_t n_topics;
	const void *payload;
	size_t payload_len;
	int64_t opened_us; /* for the caller: request->opened_us */
};

enum sink_verdict {
	SINK_DROPPED, /* the receiver loses it */
	SINK_QUEUED,
	SINK_PASSED, /* the receiver has not subscribed to it after all */
};

struct broker_sink {
	/* A run for this receiver. */
	enum sink_verdict (*message)(
	    struct member *to, const struct message_run *run);
	void (*presence)(struct member *to, const struct presence *presence);
	/* A question for it; `id` is for its answer. */
	void (*question)(struct member *to, uint64_t id,
	    const struct broker_request *opening);
	/* An answer to a GATHER_STREAM that it has opened. */
	void (*part)(struct member *to, const struct request *request,
	    const struct member *from, const struct answer *answer);
	/* A request that it has opened has ended. */
	void (*result)(struct member *to, const struct request *request);
};

#endif
