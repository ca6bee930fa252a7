/*
 * requests - requests in order: staged, carried out a turn later, or held while
 * their client is busy.
 */
#ifndef PM2A_EDGE_REDIS_REQUESTS_H
#define PM2A_EDGE_REDIS_REQUESTS_H

#include "edge/redis/args.h"

/* Prepares the edge, and a client that is zeroed. */
void redis_requests_init(struct redis *redis);
void redis_requests_init_client(struct redis_client *client);

/* Frees the arrays of requests and replies. Nothing may be staged. */
void redis_requests_fini(struct redis *redis);

/* Frees large arrays; to be called at redis->trim_at. */
void redis_requests_trim(struct redis *redis);

/* Stages the request that the client's parser has found at the beginning of
 * `data`. */
void redis_stage_request(
    struct redis_client *client, const struct slice *data, bool is_over);

/* Returns whether a closing client's requests are done with: those that have an
 * effect on others are carried out, within the time that turns have. */
bool redis_settle(struct redis_client *client);

/* Answers malformed input with an error, and ends the client. */
void redis_tell_refusal(struct redis_client *client);

#endif
