/*
 * names - the topic field of a PUBLISH or ASK, which may name several topics.
 */
#ifndef PM2A_EDGE_NATIVE_NAMES_H
#define PM2A_EDGE_NATIVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame;
struct native;
struct session;

/* Reads the topic field of `f` into native->names, `*n` of them. Returns false
 * if the field is malformed. */
bool names_read(struct native *native, const struct frame *f, size_t *n);

/*
 * As names_read(). Also returns false if the field names no topic, or one that
 * is refused; the session has had an ERROR then. `ask_id` is for that ERROR; -1
 * if none.
 */
bool names_check(
    struct session *session, const struct frame *f, int64_t ask_id, size_t *n);

/* Sends the ERROR for BROKER_E_WALK. `ask_id` as above. */
void names_refuse_walk(
    struct session *session, const struct frame *f, int64_t ask_id);

#endif
