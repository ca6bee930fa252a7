/*
 * causes - the errors of docs/PROTOCOL.md that end a connection.
 */
#ifndef PM2A_EDGE_NATIVE_CAUSES_H
#define PM2A_EDGE_NATIVE_CAUSES_H

#include "net/conn_cause.h"

extern const struct conn_cause native_bad_frame;
extern const struct conn_cause native_frame_too_big;
extern const struct conn_cause native_unknown_type;
extern const struct conn_cause native_bad_flags;
extern const struct conn_cause native_bad_topic;
extern const struct conn_cause native_bad_body;
extern const struct conn_cause native_hello_expected;
extern const struct conn_cause native_hello_timeout;
extern const struct conn_cause native_bad_hello;
extern const struct conn_cause native_bad_version;
extern const struct conn_cause native_bad_state;

/* All of them, with NULL behind the last. */
extern const struct conn_cause *const native_causes[];

#endif
