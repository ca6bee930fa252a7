/*
 * publish - PUBLISH, and messages to sessions.
 */
#ifndef PM2A_EDGE_NATIVE_PUBLISH_H
#define PM2A_EDGE_NATIVE_PUBLISH_H

#include <stdbool.h>

#include "core/sink.h"
#include "edge/native/stage.h"

/* Returns false if the session must not publish `f`, and has had an ERROR. */
bool publish_may(struct session *session, const struct frame *f);

/* Publishes a run of which publish_may() has passed the first frame. */
void publish_handle(struct session *session, const struct incoming *in);

/* The sink's message(). */
enum sink_verdict publish_on_message(
    struct member *to, const struct message_run *run);

#endif
