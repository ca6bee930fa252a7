/*
 * redis_client - what redis keeps of one connection, and redis itself: shared
 * by redis.c, which is their life, requests.c, which puts requests in
 * order, and the other files redis_*.c, which know the commands. Nobody else
 * includes it.
 */
#ifndef PM2A_EDGE_REDIS_CLIENT_H
#define PM2A_EDGE_REDIS_CLIENT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include "base/timeouts.h"
#include "edge/redis/causes.h"
#include "edge/redis/redis.h"
#include "net/job.h"
#include "stats/drops.h"
#include "stats/timing.h"
#include "wire/resp.h"
#include "wire/resp_write.h"

/* Whose words and replies these are. */
#define REDIS_VERSION "7.0.15"

/* The hashes of what a client's patterns begin with, one for each pattern, in
 * no order. Where two texts have one hash, the broker's subscription to one may
 * stay longer than a pattern needs it, which costs a match for each message. */
struct redis_prefixes {
	uint32_t *hashes;
	size_t n, size;
};

/* A request that waits for its turn. */
struct redis_request {
	struct redis_client *client; /* NULL once it has been handled */
	struct blob *blob;           /* with a reference */
	size_t off;                  /* spans count from here */
	size_t span, n;              /* its arguments */
	struct resp_span *own;       /* where they are if they are many */
	bool is_over;                /* it was too long: it has none */
};

struct redis_stage {
	struct redis_request *at;
	size_t n, size;
	struct resp_span *spans;
	size_t n_spans, spans_size;
	int64_t read_us; /* when the turn began that staged it */
};

/* Where a client comes from: its kind, and the bytes of a user id or of an
 * address. */
struct redis_origin {
	uint8_t bytes[16];
};

/* An origin from which wrong passwords came. */
struct redis_guesser {
	struct redis_origin origin;
	unsigned n_failed;
	struct instant last;  /* failure */
	struct instant until; /* when it may try again */
};

#define REDIS_GUESSERS_MAX 64

struct redis_client {
	TAILQ_ENTRY(redis_client) in_redis;
	struct redis *redis;
	struct conn *conn;
	struct member *member; /* its channels, and the prefixes of patterns */
	struct topic_owner patterns;
	struct redis_prefixes prefixes;
	size_t pattern_steps; /* of its patterns, for each message */
	struct topic_owner shards;
	struct peer peer;
	bool is_unwelcome; /* its user may not connect */
	bool is_hushed;    /* that is no news: see allowed_judge() */
	struct resp_parser parser;
	int version; /* of the protocol: 2 or 3 */
	bool is_authenticated;
	unsigned n_auth_failures; /* since it was authenticated */
	struct redis_origin origin;
	struct timeout stranger; /* queued while not authenticated */
	TAILQ_ENTRY(redis_client) in_waiting;
	bool is_waiting;  /* for its turn to be authenticated: busy */
	bool is_quitting; /* it is answered no more */
	const struct conn_cause *quit_cause; /* of its end then */
	bool has_eof;             /* all has been read; some of it is staged */
	bool is_busy;             /* its requests wait in held, and it is not
				   * read from */
	bool is_refused;          /* which it is told when it is not busy */
	struct job work;          /* what it is busy with */
	struct redis_long *doing; /* its request that takes steps, or NULL */
	struct redis_stage held;  /* requests behind that */
	size_t n_handled;         /* of them */
	char *name;               /* or NULL */
	const char *command;      /* the last one, in small letters */
	const char *detail;       /* of why it has to go, or NULL */
	uint32_t n_channels;      /* exact ones */
	uint32_t n_staged;        /* requests, with those that are held */
	uint64_t n_delivered; /* messages; the broker counts what it offers */
	uint64_t n_dropped;   /* messages, likewise */
	uint64_t n_errors;
};

/* A namespace's topic, and how long what goes to its rooms goes to all of it.
 */
struct redis_asked {
	uint8_t *topic; /* or NULL */
	size_t len;
	int64_t until_ms;
};

#define REDIS_ASKED_MAX 64

/* A flag of frames that a translation has written, and nobody sends: a client
 * gets it for the first topic alone that it has subscribed to. */
#define REDIS_FIRST_TOPIC 0x80

/* A run of native workers, as clients of Redis get it. */
struct redis_translation {
	struct slice source;
	struct message_run run; /* none are left where n is 0 */
	bool has_one_topic;     /* all of it has that of the source */
};

struct redis {
	struct loop *loop;
	struct loop_task staging;
	struct redis_stage fresh, ripe;
	bool is_handling;
	int credit; /* what may be done before the clock is looked at */
	struct conn_set *set;
	struct broker *broker;
	struct closed *closed;
	struct timing *timing; /* NULL: nobody counts */
	struct redis_settings settings;
	uint32_t n_unwelcome;                                /* clients */
	TAILQ_HEAD(redis_client_list, redis_client) clients; /* oldest first */
	struct topic_registry *patterns; /* whose: pattern → clients */
	struct topic_registry *shards;   /* shard channel → clients */
	size_t pattern_steps;            /* of all clients' patterns */
	struct msg_writer out;           /* replies to who is handled */
	struct msg_writer scratch;
	struct resp_arg *args; /* of the request that is handled */
	LIST_HEAD(redis_listings, redis_long) listings; /* of clients */
	/* Deliveries of the publish at hand beyond one for each receiver. */
	int64_t n_extra;
	/* The last run that went to a client, as its version has it. */
	struct redis_form {
		struct slice source, bytes;
	} forms[2];
	struct redis_translation translation; /* of the last run */
	struct broker_tap tap;
	bool is_own;       /* the publish at hand is of a client of Redis */
	bool is_sharded;   /* and for native workers alone */
	struct blob *room; /* of this turn's small messages, or NULL */
	size_t room_used;  /* bytes */
	struct loop_task forgetting; /* of the forms and the room */
	struct redis_asked asked[REDIS_ASKED_MAX]; /* unused ones last */
	int64_t asked_until_ms;                    /* the last of them */
	bool is_widened;           /* the publish at hand: only its first topic
				    * is for who speaks Redis's protocol */
	struct timeouts strangers; /* clients that must send AUTH */
	TAILQ_HEAD(redis_waiting, redis_client) waiting; /* oldest first */
	size_t n_waiting;
	struct redis_guesser guessers[REDIS_GUESSERS_MAX];
	size_t n_guessers;
	struct instant started;
	struct redis_stats stats;
	struct drops drops;
	struct loop_source source;
	struct instant trim_at;        /* INSTANT_NEVER: nothing is large */
	struct instant drain_deadline; /* INSTANT_NEVER: it doesn't drain */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Arguments that any command may have; those that take each by itself may have
 * as many as a request. */
#define REDIS_ARGS_MAX 1024

/* A request at hand. */
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

/* Argument i of the call, which must be there. */
struct resp_arg redis_arg(const struct redis_call *call, size_t i);

/*
 * A request that is done in steps, by long.c: its client's later requests wait
 * until it is over, so replies keep their order.
 */
struct redis_long {
	struct redis_call call; /* args is NULL */
	struct redis_request request;
	/* Does some ten microseconds' work, for which call.out is there.
	 * Returns whether there is more. */
	bool (*step)(struct redis_long *work);
	/* Of a reply that is one value: what all steps have put is kept, and
	 * sent behind what this puts. Else NULL. */
	void (*finish)(struct redis_long *work);
	struct msg_writer out; /* what steps have put since the last part */
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

/* Does one step of what the client is doing; at the end client->doing is NULL.
 */
void redis_step(struct redis_client *client);

/* Ends what the client is doing, if anything, where it stands. */
void redis_abandon(struct redis_client *client);

/* Calls each for the arguments of call from first on: at once, or in steps if
 * they are many. Returns the work then, else NULL. */
struct redis_long *redis_each_arg(struct redis_call *call, size_t first,
    void (*each)(struct redis_call *call, const struct resp_arg *arg));

/* Whether redis_each_arg() does it at once. */
bool redis_is_short(const struct redis_call *call);

/* Puts work->place to the first client; and moves what is at a client that goes
 * to the one behind it. */
void redis_list_clients(struct redis_long *work);
void redis_listings_forget(const struct redis_client *client);

/* Stages what the client's parser has found at the beginning of data: it is
 * carried out in the next turn. In requests.c. */
void redis_stage_request(
    struct redis_client *client, const struct slice *data, bool is_over);

/* Carries out all that is staged of the client, now; while a request is being
 * carried out it does nothing. */
void redis_run_staged(struct redis_client *client);

/* As redis_run_staged(), for a client that staged the last request of all. */
void redis_run_last_staged(struct redis_client *client);

/* Carries out all that is staged, now. No request is being carried out. */
void redis_run_all(struct redis *redis);

/* Sends what has been written to redis->out to client. */
void redis_flush(struct redis_client *client);

/* Sets what is needed to carry out requests of a client that is zeroed. */
void redis_client_init(struct redis_client *client);

/* Carries out what the client, which is closing, has asked and others see. */
void redis_run_last(struct redis_client *client);

/* Tells the client why its last request is none, and ends it. In redis.c. */
void redis_tell_refusal(struct redis_client *client);

/* The client is busy no more. In redis.c. */
void redis_go_on(struct redis_client *client);

void redis_requests_init(struct redis *redis);

/* Frees what requests and replies stand in. Nothing is staged. Idempotent. */
void redis_requests_fini(struct redis *redis);

/* To be called after redis->out or scratch has held something large: sets
 * redis->trim_at. */
void redis_trim_later(struct redis *redis);

/* Gives back what large ones have left behind. To be called at redis->trim_at.
 */
void redis_requests_trim(struct redis *redis);

/* Does what the request says. In commands.c. */
void redis_execute(struct redis_call *call);

/* An error reply: counted. */
#define redis_error(call, ...)                            \
	do {                                              \
		(call)->client->n_errors++;               \
		(call)->client->redis->stats.n_errors++;  \
		resp_put_error((call)->out, __VA_ARGS__); \
	} while (0)

/* Whether the argument is this word, in letters of any size. */
bool redis_is(const struct resp_arg *arg, const char *word);

/* How many bytes of it an error shows. */
int redis_shown(const struct resp_arg *arg);

/* The argument as a topic of the broker's, or with the hash that a registry of
 * our own wants. */
struct topic_name redis_name(const struct resp_arg *arg);
struct topic_name redis_hashed(
    const struct topic_registry *reg, const struct resp_arg *arg);

/* False when r says that the name can't be subscribed to; the client has been
 * told. */
bool redis_check(struct redis_call *call, int r);

/* auth.c: whether clients must send a password. */
bool redis_has_password(const struct redis *redis);

/* Sets the client's origin, by the peer of its socket. */
void redis_find_origin(struct redis_client *client, int fd);

/* Ends a client that is_unwelcome. */
void redis_turn_away(struct redis_client *client);

/* From now on the client must send AUTH in time, if there is a password. */
void redis_become_stranger(struct redis_client *client);

/* To be called before the client goes. */
void redis_auth_forget(struct redis_client *client);

/* Whether the password is right; else the client has been told, and may be
 * quitting. user is NULL if none was given. */
bool redis_authenticate(struct redis_call *call, const struct resp_arg *user,
    const struct resp_arg *password);

/* Whether the client's requests must wait, because wrong passwords came from
 * its address; and has it wait, or end if too many do. It is busy. */
bool redis_must_wait(const struct redis_client *client);
void redis_wait(struct redis_client *client);

/* When a client has to send AUTH or may go on, or INSTANT_NEVER; and what is
 * due then. */
struct instant redis_auth_deadline(const struct redis *redis);
void redis_auth_expire(struct redis *redis, struct instant now);

/* The verbs of connection.c. */
void redis_auth(struct redis_call *call);
void redis_client_getname(struct redis_call *call);
void redis_client_id(struct redis_call *call);
void redis_client_kill(struct redis_call *call);
void redis_client_reply(struct redis_call *call);
void redis_client_setinfo(struct redis_call *call);
void redis_client_setname(struct redis_call *call);
void redis_cluster(struct redis_call *call);
void redis_config_get(struct redis_call *call);
void redis_echo(struct redis_call *call);
void redis_hello(struct redis_call *call);
void redis_ping(struct redis_call *call);
void redis_quit(struct redis_call *call);
void redis_reset(struct redis_call *call);
void redis_select(struct redis_call *call);
void redis_switch(struct redis_call *call);

/* Whether it has subscribed to anything. */
bool redis_is_in_pubsub(const struct redis_client *client);

/* Puts what a client gets for each channel that it joins or leaves: name, or
 * null if it is NULL, and n, its number of subscriptions then. */
void redis_put_event(struct redis_call *call, const char *event,
    const struct resp_arg *name, size_t n);

/* Calls leave for each argument, or for all topics of owner if there is none.
 */
void redis_leave_each(struct redis_call *call, const struct topic_owner *owner,
    const char *event,
    void (*leave)(struct redis_call *call, const struct resp_arg *name));

/* Whether the pattern may be matched, and if so in how many steps a channel;
 * else the client has been told. */
bool redis_check_pattern(
    struct redis_call *call, const struct resp_arg *pattern, size_t *steps);

/* Ends the client's patterns, but not their prefixes in the broker. */
void redis_drop_patterns(struct redis_client *client);

/* The verbs of subscribe.c, patterns.c, deliver.c and channels.c. */
void redis_subscribe(struct redis_call *call);
void redis_unsubscribe(struct redis_call *call);
void redis_psubscribe(struct redis_call *call);
void redis_punsubscribe(struct redis_call *call);
void redis_ssubscribe(struct redis_call *call);
void redis_sunsubscribe(struct redis_call *call);
void redis_publish(struct redis_call *call);
void redis_spublish(struct redis_call *call);
void redis_pubsub_channels(struct redis_call *call);
void redis_pubsub_numsub(struct redis_call *call);
void redis_pubsub_numpat(struct redis_call *call);
void redis_pubsub_shardchannels(struct redis_call *call);
void redis_pubsub_shardnumsub(struct redis_call *call);

/* Ends some subscriptions of the client. Returns whether there are more. */
bool redis_unsubscribe_some(struct redis_client *client);

/* How many of all kinds it has. */
size_t redis_n_subscriptions(const struct redis_client *client);

void redis_asked_fini(struct redis *redis);

/* Whether a channel is `key-request#namespace#`, the topic of requests. */
bool redis_is_requests(const struct resp_arg *channel);

/* To be called for what is published: if it asks workers for something they may
 * be about to subscribe to rooms. */
void redis_asked_note(struct redis *redis, const struct resp_arg *channel);

/* As it, for what the sharded adapter publishes. */
void redis_asked_note_sharded(struct redis *redis,
    const struct resp_arg *channel, const struct resp_arg *payload);

/* The namespace of a channel that is a room's, if it was asked just now; NULL:
 * the channel's subscribers are all who can want it. */
const struct redis_asked *redis_asked_find(
    const struct redis *redis, const struct resp_arg *channel);

/* Gives up what is kept for a publish that is on its way. */
void redis_drop_forms(struct redis *redis);

/* The bytes written to redis->scratch, which is emptied. */
struct slice redis_take_scratch(struct redis *redis);

/* Sends payload to all subscribers of a shard channel; call is that of the
 * client that has published it, or NULL. Returns how many they are. */
size_t redis_send_shard(struct redis *redis, struct redis_call *call,
    const struct topic *topic, const struct resp_arg *channel,
    const struct resp_arg *payload, bool is_volatile);

/* What clients of Redis get of a run of native workers, whose blob is settled;
 * until the end of the turn, or another run. In translate.c. */
const struct redis_translation *redis_translate(
    struct redis *redis, const struct message_run *run);

void redis_forget_translation(struct redis *redis);

/* To be called when a shard channel may be the first or the last that somebody
 * has subscribed to. */
void redis_watch_shards(struct redis *redis);

/* As broker_sink.message. */
bool redis_on_message(struct member *to, const struct message_run *run);

/* The verbs of info.c. */
void redis_info(struct redis_call *call);
void redis_command_all(struct redis_call *call);
void redis_command_count(struct redis_call *call);
void redis_command_info(struct redis_call *call);
void redis_command_docs(struct redis_call *call);
void redis_command_list(struct redis_call *call);
void redis_client_info(struct redis_call *call);
void redis_client_list(struct redis_call *call);

/* A command, or a part of one. */
struct redis_verb {
	const char *name; /* in small letters; of a part: "client|id" */
	int arity;        /* arguments with all names; negative: at least */
	unsigned flags;
	/* NULL where it has parts: the second argument names one. */
	void (*run)(struct redis_call *call);
	const char *summary, *since;
};

enum {
	VERB_UNAUTHENTICATED = 1, /* allowed before AUTH */
	VERB_SUBSCRIBED = 2,      /* allowed in RESP2 while subscribed */
	VERB_PUBSUB = 4,          /* for what COMMAND tells */
	VERB_PART = 8,            /* of the verb before it that has parts */
	VERB_MANY = 16,           /* takes more than REDIS_ARGS_MAX */
	VERB_ASKING = 32,         /* does nothing but reply */
};

/* All of them, parts behind what they are of. */
extern const struct redis_verb redis_verbs[];
extern const size_t redis_n_verbs;

#endif
