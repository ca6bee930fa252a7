/*
 * unwritten - the messages in the queue of a connection that ends.
 */
#ifndef PM2A_EDGE_NATIVE_UNWRITTEN_H
#define PM2A_EDGE_NATIVE_UNWRITTEN_H

#include <stdint.h>

#include "net/conn.h"

/* Counts the messages that are queued and not completely written. More than
 * 65,536 frames are estimated from the size of the first ones. */
uint64_t unwritten_count(const struct conn *conn);

#endif
