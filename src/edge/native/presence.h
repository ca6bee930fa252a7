/*
 * presence - PRESENCE: tells members of a topic that another one has joined or
 * left.
 */
#ifndef PM2A_EDGE_NATIVE_PRESENCE_H
#define PM2A_EDGE_NATIVE_PRESENCE_H

#include "core/sink.h"

/* The sink's presence(). The frame is written once for all receivers; during a
 * drain, members that leave are not reported. */
void presence_on_change(struct member *to, const struct presence *presence);

#endif
