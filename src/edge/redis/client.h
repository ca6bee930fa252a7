/*
 * client - the state of one connection, and of the Redis edge itself. Shared by
 * the files of edge/redis; not included from elsewhere.
 */
#ifndef PM2A_EDGE_REDIS_CLIENT_H
#define PM2A_EDGE_REDIS_CLIENT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include "base/timeouts.h"
#include "edge/leaving.h"
#include "edge/redis/forms.h"
#include "edge/redis/guessers.h"
#include "edge/redis/parts.h"
#include "edge/redis/pending_joins.h"
#include "edge/redis/settings.h"
#include "edge/redis/shards.h"
#include "edge/turns.h"
#include "net/conn.h"
#include "net/job.h"
#include "net/listen.h"
#include "stats/drops.h"
#include "stats/hub.h"
#include "wire/resp.h"
#include "wire/resp_write.h"

/* The version of redis-server whose texts and replies these are. */
#define REDIS_VERSION "7.0.15"

struct redis_client {
	TAILQ_ENTRY(redis_client) in_redis;
	struct redis *redis;
	struct conn *conn;
	struct member *member; /* its channels, and the prefixes of patterns */
	struct topic_owner patterns;
	/* The hashes of the prefixes of its patterns, one for each. (If two
	 * collide, a subscription of the broker may outlive its patterns.) */
	struct redis_prefixes {
		uint32_t *hashes;
		size_t n, size;
	} prefixes;
	size_t pattern_steps;  /* of its patterns, for each message */
	struct shards *shards; /* its shard channels */
	struct peer peer;
	bool is_unwelcome; /* its user may not connect */
	bool is_hushed;    /* that is not logged: see allowed_judge() */
	struct resp_parser parser;
	int version; /* of the protocol: 2 or 3 */
	bool is_authenticated;
	unsigned n_auth_failures; /* since it was authenticated */
	struct guessers_origin origin;
	struct timeout stranger; /* queued while not authenticated */
	TAILQ_ENTRY(redis_client) in_waiting;
	bool is_waiting;  /* for its turn to be authenticated: busy */
	bool is_quitting; /* it receives no more replies */
	const struct conn_cause *quit_cause; /* of its end then */
	bool has_eof;             /* all has been read; it is not idle */
	struct turns_owner turns; /* its requests that are staged */
	bool is_busy;             /* its requests are held; reading pauses */
	bool is_refused;          /* it gets an error when it is not busy */
	struct job work;          /* of a client that is busy */
	struct redis_long *doing; /* its request that takes steps, or NULL */
	struct turns_stage held;  /* requests behind that */
	size_t held_at;           /* bytes of held that have been handled */
	char *name;               /* or NULL, as lib_name and lib_ver */
	char *lib_name, *lib_ver; /* set by CLIENT SETINFO; RESET keeps them */
	const char *command;      /* the last one, in lower case */
	const char *detail;       /* of the reason for its end, or NULL */
	uint32_t n_channels;      /* exact ones */
	uint64_t n_delivered, n_dropped; /* messages, not runs */
	uint64_t n_errors;
};

struct redis {
	struct loop *loop;
	struct turns turns;
	struct leaving leaving;
	int credit; /* small requests before the clock is read again */
	struct conn_set *set;
	struct broker *broker;
	struct hub *hub;
	struct stats_source stats_source;
	struct redis_settings settings;
	const struct redis_verb *verbs; /* the table of commands */
	size_t n_verbs;
	uint32_t n_unwelcome;                                /* clients */
	TAILQ_HEAD(redis_client_list, redis_client) clients; /* oldest first */
	struct topic_registry *patterns; /* whose: pattern → clients */
	struct shards_registry shards;   /* shard channel → clients */
	size_t pattern_steps;            /* of all clients' patterns */
	struct msg_writer out;       /* replies to the client that is handled */
	struct redis_client *unsent; /* to which there may be some, or NULL */
	struct msg_writer scratch;
	struct parts parts;    /* of scratch, for one client at a time */
	struct resp_arg *args; /* of the request that is handled */
	LIST_HEAD(redis_listings, redis_long) listings; /* of clients */
	int64_t n_extra; /* deliveries at hand beyond one for each receiver */
	struct forms forms;
	struct broker_tap tap;
	bool is_own;     /* the publish at hand is of a client of Redis */
	bool is_widened; /* only its first topic is for clients of Redis */
	/* The call that publishes to a shard channel: its message is for native
	 * workers and the channel's subscribers alone. Or NULL. */
	struct redis_call *sharded;
	struct pending_joins joins;
	struct timeouts strangers; /* clients that must send AUTH */
	TAILQ_HEAD(redis_waiting, redis_client) waiting; /* oldest first */
	size_t n_waiting;
	struct guessers guessers;
	struct instant started;
	struct redis_stats stats;
	struct drops drops;
	struct loop_source source;
	struct instant trim_at;        /* INSTANT_NEVER: nothing is large */
	struct instant drain_deadline; /* INSTANT_NEVER: it doesn't drain */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Whether no request is staged, held or being done. */
bool redis_is_idle(const struct redis_client *client);

/* Whether it has subscribed to anything. */
bool redis_is_in_pubsub(const struct redis_client *client);

/* How many channels and patterns it has. */
size_t redis_n_subscriptions(const struct redis_client *client);

#endif
