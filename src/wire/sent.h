/*
 * sent - a client's frames: HELLO, SUBSCRIBE, PUBLISH, ASK, ANSWER, STATS, PING
 * and PONG, as in docs/PROTOCOL.md.
 *
 * Each function appends one whole frame to a msg_writer, whose fault is set on
 * -ENOMEM. The caller checks lengths: a topic field has at most SENT_TOPIC_MAX
 * bytes, and a frame fits into 32 bits.
 */
#ifndef PM2A_WIRE_SENT_H
#define PM2A_WIRE_SENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/question.h"
#include "wire/frame.h"
#include "wire/msg.h"

#define SENT_TOPIC_MAX 65535

struct sent_bytes {
	const void *data;
	size_t len;
};

struct sent_hello {
	const char *name, *client, *role;
	const char *key; /* or NULL */
	int64_t pid;
	int64_t pm_id;        /* -1: none */
	uint64_t previous_id; /* of the connection before; 0: there was none */
	int64_t previous_epoch_ms;
};

void sent_write_hello(struct msg_writer *w, const struct sent_hello *hello);

/* The topic field of several topics, FRAME_SEVERAL: a msgpack array. It is no
 * frame, and goes as topic into those below. */
void sent_put_several(
    struct msg_writer *w, const struct sent_bytes *topics, size_t n);

/* SUBSCRIBE or UNSUBSCRIBE. */
void sent_write_topics(struct msg_writer *w, enum frame_type type,
    uint8_t flags, const struct sent_bytes *topics, size_t n);

struct sent_request {
	uint8_t flags;
	struct sent_bytes topic; /* the topic field */
	uint64_t id;             /* at most INT64_MAX */
	const char *gather;
	int64_t timeout_ms;
	struct sent_bytes payload;
};

void sent_write_request(
    struct msg_writer *w, const struct sent_request *question);

/* ANSWER. With VERDICT_NO there is no payload. */
void sent_write_answer(struct msg_writer *w, uint64_t question,
    enum verdict verdict, struct sent_bytes payload);

struct sent_stats {
	const char *const *sections; /* NULL: the daemon's default */
	size_t n_sections;
	uint32_t limit;   /* rows; 0: the daemon's default */
	const char *sort; /* a key of the rows; NULL: none */
};

/* STATS. */
void sent_write_stats(struct msg_writer *w, const struct sent_stats *stats);

/* A frame whose body is opaque: PUBLISH, PING, PONG. */
void sent_write_opaque(struct msg_writer *w, enum frame_type type,
    uint8_t flags, struct sent_bytes topic, struct sent_bytes body);

#endif
