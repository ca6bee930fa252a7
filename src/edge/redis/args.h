/*
 * args - a request of a Redis client, its arguments, and errors about them.
 */
#ifndef PM2A_EDGE_REDIS_ARGS_H
#define PM2A_EDGE_REDIS_ARGS_H

#include "edge/redis/client.h"

/* Arguments that any command may have; commands that take each argument by
 * itself may have as many as a request. */
#define REDIS_ARGS_MAX 1024

#define REDIS_SHOWN_MAX 128 /* bytes of an argument in an error */

/* A request, and where its arguments are. */
struct redis_request {
	struct blob *blob;     /* with a reference */
	size_t off;            /* spans count from here */
	size_t n;              /* arguments */
	struct resp_span *own; /* where they are if they are many, or NULL */
	bool is_over;          /* it was too long: it has no arguments */
};

/* A request that is carried out. */
struct redis_call {
	struct redis_client *client;
	/* Its name first; no more than REDIS_ARGS_MAX of them, see
	 * redis_arg(). */
	const struct resp_arg *args;
	size_t n;
	struct msg_writer *out; /* for the reply */
	struct redis_request *request;
	const struct resp_span *spans;
};

/* Returns argument i of the call, which must exist. */
struct resp_arg redis_arg(const struct redis_call *call, size_t i);

/* An error reply: counted. */
#define redis_error(call, ...)                            \
	do {                                              \
		(call)->client->n_errors++;               \
		(call)->client->redis->stats.n_errors++;  \
		resp_put_error((call)->out, __VA_ARGS__); \
	} while (0)

/* Whether the argument is this word; case-insensitive. */
bool redis_is(const struct resp_arg *arg, const char *word);

/* How many bytes of it an error shows. */
int redis_shown(const struct resp_arg *arg);

/* The argument as a topic of the broker's. */
struct topic_name redis_name(const struct resp_arg *arg);

/* The argument as a topic with the hash of a registry of our own. */
struct topic_name redis_hashed(
    const struct topic_registry *reg, const struct resp_arg *arg);

/* Returns false if `r`, of the broker, is a refusal of a name; the client has
 * had an error. */
bool redis_check(struct redis_call *call, int r);

#endif
