/*
 * questions - the questions that this process receives and still owes an
 * answer. They end with their connection.
 */
#ifndef PM2A_CLIENT_QUESTIONS_H
#define PM2A_CLIENT_QUESTIONS_H

#include "base/err.h"
#include "pm2a.h"

/* QUESTION: hands it to on_question, or declines it if nobody handles it.
 * Returns 0, PM2A_E_PROTOCOL if its id is that of an open question, or -ENOMEM.
 */
int must_check questions_on_question(
    struct pm2a *p, const struct pm2a_question *question);

/* Forgets all of them: their connection has ended. */
void questions_forget(struct pm2a *p);

#endif
