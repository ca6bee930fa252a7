/*
 * frames - bytes from sessions: finds frames, judges their headers, and stages
 * or handles them.
 */
#ifndef PM2A_EDGE_NATIVE_FRAMES_H
#define PM2A_EDGE_NATIVE_FRAMES_H

#include <stddef.h>

#include "base/blob.h"

struct conn;

/* Handles what a connection shows: conn_ops.input. */
size_t frames_input(struct conn *conn, const struct slice *data, size_t *want);

#endif
