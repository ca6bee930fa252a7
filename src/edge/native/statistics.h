/*
 * statistics - STATS, of which a session may have one at a time.
 */
#ifndef PM2A_EDGE_NATIVE_STATISTICS_H
#define PM2A_EDGE_NATIVE_STATISTICS_H

#include "edge/native/stage.h"

/* Answers at once, or in steps if it has to look at many topics. */
void statistics_handle(struct session *session, const struct incoming *in);

#endif
