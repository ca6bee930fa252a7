/*
 * long - requests that would hold the loop up if they were done at once.
 */
#ifndef PM2A_EDGE_REDIS_LONG_H
#define PM2A_EDGE_REDIS_LONG_H

#include "edge/redis/args.h"

/*
 * A request that is done in steps: its client's later requests wait
 * until it is over, so replies keep their order.
 */
struct redis_long {
	struct redis_call call; /* args is NULL */
	struct redis_request request;
	/* Does some ten microseconds' work, for which call.out is there.
	 * Returns whether there is more. */
	bool (*step)(struct redis_long *work);
	/* For a reply that is one value: puts its head, behind which all that
	 * the steps have put is sent. Else NULL. */
	void (*finish)(struct redis_long *work);
	struct msg_writer out; /* put by steps since the last part */
	struct slice *parts;
	size_t n_parts, parts_size;
	size_t n_bytes; /* of all parts */
	/* For the steps' own use. */
	void (*each)(struct redis_call *call, const struct resp_arg *arg);
	size_t next;        /* argument or topic */
	size_t n_found;     /* topics */
	size_t n_looked_at; /* bytes, in this step */
	const char *event;
	const struct topic_owner *owner;
	struct topic_registry *reg;
	struct topic_walk walk;
	struct redis_client *place; /* in redis->clients, or NULL */
	LIST_ENTRY(redis_long) in_listings;
	bool is_done, is_listing, is_typed, is_pubsub;
};

/* Begins to do the call in steps. Its arguments stay. */
struct redis_long *redis_begin(
    struct redis_call *call, bool (*step)(struct redis_long *work));

/* Does one step of the client's request; client->doing is NULL after the last.
 */
void redis_step(struct redis_client *client);

/* Ends the client's request, if any, where it stands. */
void redis_abandon(struct redis_client *client);

/* Calls each for the arguments of call from first on: at once, or in steps if
 * they are many. Returns the work then, else NULL. */
struct redis_long *redis_each_arg(struct redis_call *call, size_t first,
    void (*each)(struct redis_call *call, const struct resp_arg *arg));

/* Whether redis_each_arg() does it at once. */
bool redis_is_short(const struct redis_call *call);

/* The first sets work->place to the first client; the second moves each place
 * at a client that ends to the client behind it. */
void redis_list_clients(struct redis_long *work);
void redis_listings_forget(const struct redis_client *client);

#endif
