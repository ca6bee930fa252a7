/*
 * dispatch - one turn of a client.
 */
#ifndef PM2A_CLIENT_DISPATCH_H
#define PM2A_CLIENT_DISPATCH_H

#include "base/err.h"
#include "pm2a.h"

/* pm2a_dispatch() for a caller that has entered `p`, and uses it afterwards. It
 * may be freed then, but its memory is there. */
int must_check dispatch_turn(struct pm2a *p, short revents);

#endif
