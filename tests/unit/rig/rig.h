/*
 * rig - a broker for tests, and the words of its enums. Built on it:
 * members.h (members that record), requests.h (the registry of requests alone)
 * and edges.h (connections and the edges). All of them are in one archive, so a
 * test links the parts that it includes and the layers that those need.
 */
#ifndef PM2A_TESTS_UNIT_RIG_H
#define PM2A_TESTS_UNIT_RIG_H

#include "core/broker.h"
#include "unit/support.h"

extern struct broker *broker;
extern struct instant now; /* as the tests of core/ tell it */

extern const char *const rig_outcomes[], *const rig_states[];

/* Creates `broker`. */
void rig_open(const struct broker_limits *limits);

/* Frees `broker`, which must have no member, subscription, request, gathered
 * byte or deadline. */
void rig_close(void);

/* Gives spare memory back; no blob may be left. */
void rig_expect_no_blobs(void);

#endif
