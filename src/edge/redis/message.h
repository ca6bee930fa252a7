/*
 * message - a message in the form in which Redis clients receive it.
 */
#ifndef PM2A_EDGE_REDIS_MESSAGE_H
#define PM2A_EDGE_REDIS_MESSAGE_H

#include "edge/redis/client.h"

/* Points into the bytes of a frame or of a request. */
struct redis_message {
	const uint8_t *topic;
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
};

/* Puts it for one version of RESP; `pattern` is NULL if the client has it by
 * its channel. No effect if the parts are over their limit. */
void redis_put_message(struct parts *parts, int version, const char *event,
    const struct topic *pattern, const struct redis_message *m);

/* Puts what the client receives of m: once for its channel, and once for each
 * pattern. Returns the number of deliveries, with those that did not fit. */
size_t redis_put_matches(struct parts *parts, const struct redis_client *client,
    const struct redis_message *m);

void redis_count_delivered(struct redis_client *client, size_t n);

/* Begins what one client receives, of strings in source. */
struct parts *redis_begin_parts(struct redis *redis, struct blob *source)
    __attribute__((returns_nonnull));

/* As redis_send_message(), for what was put since redis_begin_parts(). */
enum sink_verdict redis_send_parts(
    struct redis_client *client, size_t n, bool is_volatile);

/* Queues n messages, and counts them or that they were dropped. */
enum sink_verdict redis_send_message(struct redis_client *client,
    const struct slice *s, size_t n, bool is_volatile);

#endif
