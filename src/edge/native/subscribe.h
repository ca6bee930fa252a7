/*
 * subscribe - SUBSCRIBE and UNSUBSCRIBE.
 */
#ifndef PM2A_EDGE_NATIVE_SUBSCRIBE_H
#define PM2A_EDGE_NATIVE_SUBSCRIBE_H

#include "edge/native/stage.h"

/* Handle SUBSCRIBE; and UNSUBSCRIBE. */
void subscribe_handle(struct session *session, const struct incoming *in);
void subscribe_handle_end(struct session *session, const struct incoming *in);

/* Ends the session's frame that takes steps, if any. */
void subscribe_drop(struct session *session);

#endif
