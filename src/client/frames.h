/*
 * frames - what arrives, as the caller gets it.
 */
#ifndef PM2A_CLIENT_FRAMES_H
#define PM2A_CLIENT_FRAMES_H

#include "base/err.h"
#include "pm2a.h"
#include "wire/frame.h"

/*
 * What a frame means; the frame is in the input. May end the connection.
 * Returns 0 or -ENOMEM.
 */
int must_check frames_take(struct pm2a *p, const struct frame *f);

#endif
