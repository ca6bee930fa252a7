/*
 * figures - the native edge's part of the daemon's statistics.
 */
#ifndef PM2A_EDGE_NATIVE_FIGURES_H
#define PM2A_EDGE_NATIVE_FIGURES_H

#include "edge/native/session.h"

/* Adds native->stats to native->hub. */
void native_figures_add(struct native *native);

#endif
