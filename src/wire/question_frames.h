/*
 * question_frames - the frames of requests and questions, at the daemon's end:
 * reads ASK and ANSWER, writes QUESTION, PART and RESULT, as in
 * docs/PROTOCOL.md. Decoded structs point into the body. The caller names
 * outcomes and reasons.
 */
#ifndef PM2A_WIRE_QUESTION_FRAMES_H
#define PM2A_WIRE_QUESTION_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/question.h"
#include "wire/control.h"
#include "wire/msg.h"

struct question_request {
	int64_t id;
	enum gather gather;
	int64_t timeout_ms; /* of any value */
	const char *payload;
	size_t payload_len;
	int64_t parts_max_bytes; /* 0: none given */
};

struct question_answer {
	uint64_t question;
	enum verdict verdict;
	const char *payload; /* empty if there is none */
	size_t payload_len;
};

/* Reads ASK's body. Returns 0, CONTROL_E_BODY (with *why) or -ENOMEM. */
int must_check question_read_request(const void *body, size_t len,
    struct question_request *out, struct control_why *why);

/* Reads ANSWER's body. Returns 0, CONTROL_E_BODY (with *why) or -ENOMEM. */
int must_check question_read_answer(const void *body, size_t len,
    struct question_answer *out, struct control_why *why);

/* Appends one whole QUESTION to w. */
struct question_frame {
	uint8_t flags;
	const void *topic; /* the topic field */
	size_t topic_len;
	uint64_t id;
	enum gather gather;
	const void *payload;
	size_t payload_len;
};
void question_write(
    struct msg_writer *w, const struct question_frame *question);

/* Appends one whole PART to w. */
void question_write_part(struct msg_writer *w, int64_t ask_id, uint64_t from,
    const void *payload, size_t len);

/*
 * A RESULT is written piece by piece: question_begin_result(), then an array of
 * question_put_missing(), an array of answers (question_put_answer_head() or
 * str), and control_end() with FRAME_RESULT. Returns where the frame begins.
 */
size_t question_begin_result(struct msg_writer *w, int64_t ask_id,
    const char *outcome, uint32_t n_expected, uint32_t n_answered);
void question_put_missing(
    struct msg_writer *w, uint64_t id, const char *name, const char *reason);
/* Writes an answer up to its payload, whose `len` bytes must follow. */
void question_put_answer_head(
    struct msg_writer *w, uint64_t id, const char *name, size_t len);

#endif
