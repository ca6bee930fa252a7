/*
 * observer - messages to sessions of the role observer, and their losses.
 */
#ifndef PM2A_EDGE_NATIVE_OBSERVER_H
#define PM2A_EDGE_NATIVE_OBSERVER_H

#include <stdbool.h>

struct message_run;
struct native;
struct session;

/* The sink's message() for an observer. */
enum sink_verdict observer_on_message(
    struct session *session, const struct message_run *run);

/* Tells observers that read again how many messages they have lost; to be
 * called once a second. */
void observer_tell_all(struct native *native);

/* To be called when the session ends. */
void observer_gone(struct session *session);

#endif
