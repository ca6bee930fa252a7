/*
 * hello - HELLO: a session waits for it and then becomes a member of the
 * broker.
 */
#ifndef PM2A_EDGE_NATIVE_HELLO_H
#define PM2A_EDGE_NATIVE_HELLO_H

#include "edge/native/stage.h"

void hello_handle(struct session *session, const struct incoming *in);

#endif
