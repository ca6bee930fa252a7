/*
 * requests - the requests that this process opens with pm2a_ask(), until their
 * result ends them.
 */
#ifndef PM2A_CLIENT_REQUESTS_H
#define PM2A_CLIENT_REQUESTS_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pm2a.h"
#include "wire/reply.h"

/* Ends all requests: with the error `sent` if they were sent, otherwise with
 * `unsent`. */
void requests_end(struct pm2a *p, int sent, int unsent);

/* Notes that the request `id`, which waited for a connection, is sent. */
void requests_on_sent(struct pm2a *p, uint64_t id, struct instant now);

/* Ends every request whose deadline is at or before `now`. */
void requests_expire(struct pm2a *p, struct instant now);

/* Ends the request `id`, if it is open, with an error; `refusal` as in struct
 * pm2a_result. */
void requests_refuse(
    struct pm2a *p, uint64_t id, int error, const char *refusal);

/* RESULT and PART. The first returns 0 or -ENOMEM. */
int must_check requests_on_result(struct pm2a *p, struct reply_result *reply);
void requests_on_part(struct pm2a *p, const struct reply_part *part);

#endif
