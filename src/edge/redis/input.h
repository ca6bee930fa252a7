/*
 * input - bytes from Redis clients: finds requests, and stages them.
 */
#ifndef PM2A_EDGE_REDIS_INPUT_H
#define PM2A_EDGE_REDIS_INPUT_H

#include <stddef.h>

#include "base/blob.h"

struct conn;

/* Handles what a connection shows: conn_ops.input. */
size_t redis_input(struct conn *conn, const struct slice *data, size_t *want);

#endif
