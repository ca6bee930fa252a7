/*
 * questions - ASK, which opens a request; ANSWER; and the frames that the
 * broker sends for them: QUESTION, PART and RESULT.
 */
#ifndef PM2A_EDGE_NATIVE_QUESTIONS_H
#define PM2A_EDGE_NATIVE_QUESTIONS_H

#include "core/broker.h"
#include "edge/native/stage.h"

/* Handle ASK; and ANSWER. */
void questions_open(struct session *session, const struct incoming *incoming);
void questions_answer(struct session *session, const struct incoming *incoming);

/* The sink's question(), part() and result(). */
void questions_on_question(
    struct member *to, uint64_t id, const struct broker_request *request);
void questions_on_part(struct member *to, const struct request *request,
    const struct member *from, const struct answer *answer);
void questions_on_result(struct member *to, const struct request *request);

#endif
