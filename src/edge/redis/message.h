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

/* Writes it for one version of RESP; `pattern` is NULL if the client has it by
 * its channel. */
void redis_put_message(struct msg_writer *w, int version, const char *event,
    const struct topic *pattern, const struct redis_message *m);

/* Writes what the client receives of m: once for its channel, and once for each
 * pattern. Returns the number of deliveries. */
size_t redis_put_matches(struct msg_writer *w,
    const struct redis_client *client, const struct redis_message *m);

void redis_count_delivered(struct redis_client *client, size_t n);

/* Queues n messages, and counts them or that they were dropped. */
enum sink_verdict redis_send_message(struct redis_client *client,
    const struct slice *s, size_t n, bool is_volatile);

#endif
