/*
 * unions - the strings of an ANSWER to a union. A frame may have a million; so
 * many are added in steps, and the connection is not read from until they are.
 */
#ifndef PM2A_EDGE_NATIVE_UNIONS_H
#define PM2A_EDGE_NATIVE_UNIONS_H

#include "edge/native/session.h"

/*
 * Takes an answer to a union that is owed and not too big; its payload is in
 * `blob`. If that is large, the connection has been paused. Returns false, and
 * has done nothing, if the payload is not an array of strings.
 */
bool unions_answer(
    struct session *session, struct blob *blob, const struct answer *answer);

/* Ends the steps of a session that ends. */
void unions_drop(struct session *session);

#endif
