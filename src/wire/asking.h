/*
 * asking - the frames of questions, at the daemon's end: reads ASK and ANSWER,
 * writes QUESTION, PART and RESULT, as docs/PROTOCOL.md lays down. What is read
 * points into the body. Names of outcomes and reasons are the caller's.
 */
#ifndef PM2A_WIRE_ASKING_H
#define PM2A_WIRE_ASKING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/question.h"
#include "wire/control.h"
#include "wire/msg.h"

struct asking_ask {
	int64_t id;
	enum gather gather;
	int64_t timeout_ms; /* of any value */
	const char *payload;
	size_t payload_len;
};

struct asking_answer {
	uint64_t question;
	enum verdict verdict;
	const char *payload; /* empty where there is none */
	size_t payload_len;
};

/* Reads ASK's body. Returns 0, CONTROL_E_BODY (with *why) or -ENOMEM. */
int must_check asking_read_ask(const void *body, size_t len,
    struct asking_ask *out, struct control_why *why);

/* Reads ANSWER's body. Returns 0, CONTROL_E_BODY (with *why) or -ENOMEM. */
int must_check asking_read_answer(const void *body, size_t len,
    struct asking_answer *out, struct control_why *why);

/* Appends one whole QUESTION to w. */
struct asking_question {
	uint8_t flags;
	const void *topic; /* the topic field */
	size_t topic_len;
	uint64_t id;
	enum gather gather;
	const void *payload;
	size_t payload_len;
};
void asking_write_question(
    struct msg_writer *w, const struct asking_question *question);

/* Appends one whole PART to w. */
void asking_write_part(struct msg_writer *w, int64_t ask_id, uint64_t from,
    const void *payload, size_t len);

/*
 * A RESULT is written piece by piece: asking_begin_result(), then an array of
 * asking_put_missing(), an array of answers (asking_put_answer() or str), and
 * control_end() with FRAME_RESULT. Returns where the frame begins.
 */
size_t asking_begin_result(struct msg_writer *w, int64_t ask_id,
    const char *outcome, uint32_t n_expected, uint32_t n_answered);
void asking_put_missing(
    struct msg_writer *w, uint64_t id, const char *name, const char *reason);
void asking_put_answer(struct msg_writer *w, uint64_t id, const char *name,
    const void *payload, size_t len);

#endif
