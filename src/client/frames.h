/*
 * frames - hands each incoming frame to its module or callback.
 */
#ifndef PM2A_CLIENT_FRAMES_H
#define PM2A_CLIENT_FRAMES_H

#include "base/err.h"
#include "pm2a.h"
#include "wire/frame.h"

/* Handles a frame, which is in the input; may end the connection. Returns 0 or
 * -ENOMEM. */
int must_check frames_take(struct pm2a *p, const struct frame *f);

#endif
