/*
 * asks - the questions of both sides: those that we have put, and those that we
 * owe an answer.
 */
#ifndef PM2A_CLIENT_ASKS_H
#define PM2A_CLIENT_ASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pm2a.h"
#include "wire/reply.h"

/* Ends all open questions of ours: those that were sent with this error, the
 * others with that. */
void asks_end(struct pm2a *p, int sent, int unsent);

/* Questions of ours that waited for a connection are on their way. */
void asks_on_sent(struct pm2a *p, uint64_t id, struct instant now);

/* Ends those whose deadline has come. */
void asks_expire(struct pm2a *p, struct instant now);

/* Ends one that can't be sent. */
void asks_refuse(struct pm2a *p, uint64_t id, int error, const char *refusal);

/* RESULT and PART. Returns 0 or -ENOMEM. */
int must_check asks_on_result(struct pm2a *p, struct reply_result *reply);
void asks_on_part(struct pm2a *p, const struct reply_part *part);

/* QUESTION: notes it and asks the caller. Returns 0 or -ENOMEM. */
int must_check asks_on_question(
    struct pm2a *p, const struct pm2a_question *question);

/* Questions that we owe end with their connection. */
void asks_forget_questions(struct pm2a *p);

/* "list" and so on; false where there is none of that name. */
bool asks_find_gather(const struct reply_text *name, enum pm2a_gather *out);

#endif
