/*
 * missed - what a caller is told who is connected again: that messages went by,
 * for how long, and how the daemon says that the connection before has ended.
 */
#ifndef PM2A_CLIENT_MISSED_H
#define PM2A_CLIENT_MISSED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "pm2a.h"
#include "wire/reply.h"

#define MISSED_REASON_MAX 64

struct missed {
	uint64_t id;          /* of the last connection that was open, or 0 */
	int64_t epoch_ms;     /* of that one */
	bool is_due;          /* it had subscriptions, and has ended */
	int why;              /* as on_disconnect was told */
	struct instant since; /* when it ended */
	char reason[MISSED_REASON_MAX + 1]; /* as WELCOME has it */
	uint64_t n_unwritten;
};

/* The open connection has ended. */
void missed_on_end(struct pm2a *p, int why);

/* Another one is welcome. */
void missed_on_welcome(struct pm2a *p, const struct reply_welcome *welcome);

/* Another one is open, and on_connect has returned: tells the caller. */
void missed_on_open(struct pm2a *p);

#endif
