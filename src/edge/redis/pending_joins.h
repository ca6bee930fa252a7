/*
 * pending_joins - namespaces whose workers have just been told to let sockets
 * join rooms.
 *
 * Emitters send workers such a request (a message on
 * `prefix-request#namespace#`) and then emit to the room. With Redis the worker
 * has subscribed to all rooms by a pattern, joins, and receives what follows. A
 * native worker subscribes to the rooms that it has, so a message right behind
 * the request would reach nobody: its subscription is still on its way. So for
 * some seconds a message to a room of that namespace goes to all workers of the
 * namespace: they receive it behind the request, in order, and the packet names
 * the rooms. Nobody waits, and a worker may take its time to join; its
 * subscription has until the namespace is forgotten.
 */
#ifndef PM2A_EDGE_REDIS_PENDING_JOINS_H
#define PM2A_EDGE_REDIS_PENDING_JOINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resp_arg;

#define PENDING_JOINS_MAX 64

/* Zeroed it is empty. */
struct pending_joins {
	struct pending_join {
		uint8_t *topic; /* of a namespace, owned; or NULL */
		size_t len;
		int64_t until_ms;
	} at[PENDING_JOINS_MAX]; /* unused ones last */
	int64_t until_ms;        /* of the last one to be forgotten */
};

void pending_joins_fini(struct pending_joins *joins);

/* To be called for each channel that is published to: notes its namespace if it
 * is a channel of requests. `now_ms` is the time of the turn. */
void pending_joins_note(struct pending_joins *joins,
    const struct resp_arg *channel, int64_t now_ms);

/* As pending_joins_note(), for messages of the sharded adapter. */
void pending_joins_note_sharded(struct pending_joins *joins,
    const struct resp_arg *channel, const struct resp_arg *payload,
    int64_t now_ms);

/* Returns the namespace of a room's channel if joins are pending there. Returns
 * NULL otherwise: then only the channel's subscribers get the message. */
const struct pending_join *pending_joins_find(const struct pending_joins *joins,
    const struct resp_arg *channel, int64_t now_ms);

/* Whether the channel is `key-request#namespace#`, a channel of requests. */
bool pending_joins_is_requests(const struct resp_arg *channel);

#endif
