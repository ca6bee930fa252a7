/*
 * msg - msgpack values: judged, read as trees, iterated, written.
 *
 * msg_scan judges every body that comes from a peer before msg_tree builds a
 * tree of it; msg_writer writes. What the values mean is for wire/control and
 * its callers.
 */
#ifndef PM2A_WIRE_MSG_H
#define PM2A_WIRE_MSG_H

#include "wire/msg_scan.h"
#include "wire/msg_tree.h"
#include "wire/msg_writer.h"

#endif
