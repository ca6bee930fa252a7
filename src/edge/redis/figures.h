/*
 * figures - the Redis edge's part of the daemon's statistics.
 */
#ifndef PM2A_EDGE_REDIS_FIGURES_H
#define PM2A_EDGE_REDIS_FIGURES_H

struct redis;

/* Adds redis->stats_source to redis->hub. */
void redis_figures_add(struct redis *redis);

#endif
