/*
 * result - a RESULT in the form of struct pm2a_result: with arrays and
 * terminated names. Payloads point into the frame.
 */
#ifndef PM2A_CLIENT_RESULT_H
#define PM2A_CLIENT_RESULT_H

#include "base/err.h"
#include "pm2a.h"
#include "wire/reply.h"

struct result {
	struct pm2a_result public;
	struct pm2a_missing *missing;
	struct pm2a_answer *answers;
	char *names;
};

/* Reads `reply` to its end. Returns 0 (call result_fini()) or -ENOMEM. */
int must_check result_init(struct result *out, struct reply_result *reply);

void result_fini(struct result *result);

#endif
