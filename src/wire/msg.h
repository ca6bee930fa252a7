/*
 * msg - msgpack values: checked, read as trees, iterated, written.
 *
 * msg_scan checks every body of a peer before msg_tree builds a tree of it;
 * msg_writer writes. wire/control and its callers know the meaning of the
 * values.
 */
#ifndef PM2A_WIRE_MSG_H
#define PM2A_WIRE_MSG_H

#include "wire/msg_scan.h"
#include "wire/msg_tree.h"
#include "wire/msg_writer.h"

#endif
