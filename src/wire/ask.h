/*
 * ask - what a client says, as whole frames: HELLO, SUBSCRIBE, PUBLISH, ASK,
 * ANSWER, STATS, PING and PONG, as docs/PROTOCOL.md lays them down.
 *
 * Each function appends to a msg_writer, whose fault says whether memory was
 * had. Lengths are the caller's to have checked: a topic field has at most
 * ASK_TOPIC_MAX bytes, and a frame fits into 32 bits.
 */
#ifndef PM2A_WIRE_ASK_H
#define PM2A_WIRE_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "base/question.h"
#include "wire/frame.h"
#include "wire/msg.h"

#define ASK_TOPIC_MAX 65535

struct ask_bytes {
	const void *data;
	size_t len;
};

struct ask_hello {
	const char *name, *client, *role;
	const char *key; /* or NULL */
	int64_t pid;
	int64_t pm_id;        /* -1: none */
	uint64_t previous_id; /* of the connection before; 0: there was none */
	int64_t previous_epoch_ms;
};

void ask_write_hello(struct msg_writer *w, const struct ask_hello *hello);

/* The topic field of several topics, FRAME_SEVERAL: a msgpack array. It is no
 * frame, and goes as topic into those below. */
void ask_put_several(
    struct msg_writer *w, const struct ask_bytes *topics, size_t n);

/* SUBSCRIBE or UNSUBSCRIBE. */
void ask_write_topics(struct msg_writer *w, enum frame_type type, uint8_t flags,
    const struct ask_bytes *topics, size_t n);

struct ask_question {
	uint8_t flags;
	struct ask_bytes topic; /* the topic field */
	uint64_t id;            /* at most INT64_MAX */
	const char *gather;
	int64_t timeout_ms;
	struct ask_bytes payload;
};

void ask_write_question(
    struct msg_writer *w, const struct ask_question *question);

/* ANSWER. With VERDICT_NO there is no payload. */
void ask_write_answer(struct msg_writer *w, uint64_t question,
    enum verdict verdict, struct ask_bytes payload);

struct ask_stats {
	const char *const *sections; /* NULL: the daemon's default */
	size_t n_sections;
	uint32_t limit;   /* rows; 0: the daemon's default */
	const char *sort; /* a key of the rows; NULL: none */
};

/* STATS. */
void ask_write_stats(struct msg_writer *w, const struct ask_stats *stats);

/* A frame whose body is opaque: PUBLISH, PING, PONG. */
void ask_write_opaque(struct msg_writer *w, enum frame_type type, uint8_t flags,
    struct ask_bytes topic, struct ask_bytes body);

#endif
