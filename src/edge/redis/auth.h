/*
 * auth - passwords of Redis clients: AUTH, its deadline, and the delay after
 * wrong ones.
 */
#ifndef PM2A_EDGE_REDIS_AUTH_H
#define PM2A_EDGE_REDIS_AUTH_H

#include "edge/redis/args.h"

/* Whether clients must send a password. */
bool redis_has_password(const struct redis *redis);

/* Ends a client that is_unwelcome. */
void redis_turn_away(struct redis_client *client);

/* From now on the client must send AUTH in time, if there is a password. */
void redis_become_stranger(struct redis_client *client);

/* To be called before the client ends. */
void redis_auth_forget(struct redis_client *client);

/* Returns whether the password is right. If not, the client has had an error,
 * and may be quitting. `user` is NULL if none was given. */
bool redis_authenticate(struct redis_call *call, const struct resp_arg *user,
    const struct resp_arg *password);

/* Whether the client's requests must wait, because wrong passwords came from
 * its origin. */
bool redis_must_wait(const struct redis_client *client);

/* Has the client, which is busy, wait; or ends it if too many do. */
void redis_wait(struct redis_client *client);

/* Returns when the next client must have sent AUTH or may continue, or
 * INSTANT_NEVER. */
struct instant redis_auth_deadline(const struct redis *redis);

/* Ends the clients whose deadline is at or before `now`, and resumes those
 * whose delay is over. */
void redis_auth_expire(struct redis *redis, struct instant now);

#endif
