#include "edge/redis/patterns.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/redis/long.h"
#include "edge/redis/reply.h"
#include "edge/redis/subscribe.h"
#include "wire/glob.h"

/*
 * A pattern is a subscription of the broker by the prefix that all its matches
 * have, and is itself in a registry of patterns; a message that arrives by the
 * prefix is matched against the client's patterns. So a client that has
 * `key#nsp#*`, as adapters do, is found by a lookup. Several patterns may have
 * one prefix, so the patterns of each prefix are counted.
 *
 * One message may be matched against all patterns of all clients. So each has a
 * price, known when it is subscribed to: the steps that it takes to match the
 * longest channel and to write a message for it. A client has a budget of steps
 * and so have all clients together, which bounds the cost of one message. A
 * pattern of adapters costs about four hundred steps; one that must be searched
 * for, "*a*", costs as many more as a channel may have bytes, and some hundred.
 */

#define PATTERNS_MAX 1024        /* of a client */
#define STEPS_MAX (2u << 20)     /* of a client */
#define STEPS_ALL_MAX (8u << 20) /* about as many nanoseconds a message */
#define STEPS_RUN_MAX (4u << 20) /* of all patterns, for a run of messages */
#define STEPS_DELIVERY 300

/* The prefix of all matches of the pattern, in *bytes, which the caller frees.
 */
static struct topic_name
prefix_of(
    const struct redis *redis, const struct resp_arg *pattern, uint8_t **bytes)
{
	struct topic_name prefix = { .len = 0 };

	*bytes = xcalloc(1, pattern->len + 1);
	prefix.bytes = *bytes;
	prefix.len = glob_prefix(pattern->data, pattern->len, *bytes);
	prefix.hash = broker_hash(redis->broker, &prefix);
	return prefix;
}

static void
note_prefix(struct redis_prefixes *prefixes, uint32_t hash)
{
	if (prefixes->n == prefixes->size) {
		prefixes->size = prefixes->size == 0 ? 4 : 2 * prefixes->size;
		prefixes->hashes = xreallocarray(prefixes->hashes,
		    prefixes->size, sizeof(*prefixes->hashes));
	}
	prefixes->hashes[prefixes->n++] = hash;
}

/* Removes one. Returns how many like it are left. */
static size_t
forget_prefix(struct redis_prefixes *prefixes, uint32_t hash)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < prefixes->n; i++)
		if (prefixes->hashes[i] == hash) {
			at = i;
			n++;
		}
	prefixes->hashes[at] = prefixes->hashes[--prefixes->n];
	return n - 1;
}

/* As glob_cost(), plus the cost of a delivery by the pattern. */
static bool
find_steps(
    const struct redis *redis, const struct resp_arg *pattern, size_t *steps)
{
	bool is_known = glob_cost(pattern->data, pattern->len,
	    redis->settings.topic_max_bytes, steps);

	*steps += STEPS_DELIVERY + pattern->len;
	return is_known;
}

/* The steps that the pattern, which has been accepted, costs each message. */
static size_t
steps_of(const struct redis *redis, const struct resp_arg *pattern)
{
	size_t steps = 0;

	if (!find_steps(redis, pattern, &steps))
		log_fatal("pattern", "cost=unknown");
	return steps;
}

/* A message of a native worker is matched as often as it has topics or a run
 * has messages: so runs are short while patterns are many. */
static void
bound_runs(struct redis *redis)
{
	size_t steps = redis->pattern_steps;

	broker_set_run_max(redis->broker,
	    steps == 0               ? UINT32_MAX
	    : steps >= STEPS_RUN_MAX ? 1
				     : (uint32_t)(STEPS_RUN_MAX / steps));
}

static void
charge(struct redis_client *client, const struct resp_arg *pattern)
{
	size_t steps = steps_of(client->redis, pattern);

	client->pattern_steps += steps;
	client->redis->pattern_steps += steps;
	bound_runs(client->redis);
}

static void
discharge(struct redis_client *client, const struct resp_arg *pattern)
{
	size_t steps = steps_of(client->redis, pattern);

	client->pattern_steps -= steps;
	client->redis->pattern_steps -= steps;
	bound_runs(client->redis);
}

bool
redis_check_pattern(
    struct redis_call *call, const struct resp_arg *pattern, size_t *steps)
{
	const struct redis_settings *settings = &call->client->redis->settings;

	if (pattern->len > settings->topic_max_bytes) {
		redis_error(call,
		    "ERR the pattern is too long; max-topic is %zu bytes",
		    settings->topic_max_bytes);
		return false;
	}
	if (!find_steps(call->client->redis, pattern, steps)) {
		redis_error(call,
		    "ERR the pattern has more than %d characters between two "
		    "stars",
		    GLOB_RUN_MAX);
		return false;
	}
	return true;
}

/* Returns whether the client may have one more pattern of this cost; if not, it
 * has had an error. */
static bool
has_budget(struct redis_call *call, size_t steps)
{
	const struct redis_client *client = call->client;

	if (client->patterns.n_subs >= PATTERNS_MAX)
		redis_error(call, "ERR too many patterns; a client may have %d",
		    PATTERNS_MAX);
	else if (client->pattern_steps + steps > STEPS_MAX)
		redis_error(call,
		    "ERR the client's patterns take too long to match; the "
		    "limit is %u steps a message, and this one takes %zu",
		    STEPS_MAX, steps);
	else if (client->redis->pattern_steps + steps > STEPS_ALL_MAX)
		redis_error(call,
		    "ERR the patterns of all clients take too long to match; "
		    "the limit is %u steps a message, and this one takes %zu",
		    STEPS_ALL_MAX, steps);
	else
		return true;
	return false;
}

/* Returns whether the client may subscribe to the pattern; if not, it has had
 * an error. */
static bool
may_join(struct redis_call *call, const struct resp_arg *pattern,
    const struct topic_name *name)
{
	struct redis_client *client = call->client;
	size_t steps;

	return topic_find_subscribed(client->redis->patterns, &client->patterns,
		   TOPIC_EXACT, name) != NULL ||
	       (redis_check_pattern(call, pattern, &steps) &&
		   has_budget(call, steps));
}

/* Subscribes the client to the pattern and to its prefix. Returns 0 or
 * BROKER_E_*. */
static int
join_pattern(struct redis_client *client, const struct resp_arg *pattern,
    const struct topic_name *name)
{
	struct redis *redis = client->redis;
	uint8_t *bytes;
	struct topic_name prefix = prefix_of(redis, pattern, &bytes);
	int r = broker_subscribe(
	    redis->broker, client->member, TOPIC_PREFIX, &prefix);

	free(bytes);
	if (r != 0)
		return r;
	switch (topic_subscribe(
	    redis->patterns, &client->patterns, TOPIC_EXACT, name, NULL)) {
	case 0:
		note_prefix(&client->prefixes, prefix.hash);
		charge(client, pattern);
		return 0;
	case TOPIC_E_ALREADY:
		return 0;
	default:
		log_fatal("exact-topic", "refused=lengths");
	}
}

static void
enter_pattern(struct redis_call *call, const struct resp_arg *pattern)
{
	struct redis_client *client = call->client;
	struct topic_name name = redis_hashed(client->redis->patterns, pattern);

	if (may_join(call, pattern, &name) &&
	    redis_check(call, join_pattern(client, pattern, &name)))
		redis_put_event(
		    call, "psubscribe", pattern, redis_n_subscriptions(client));
}

void
redis_psubscribe(struct redis_call *call)
{
	redis_each_arg(call, 1, enter_pattern);
}

/* The last pattern with a prefix ends the subscription to it. */
static void
leave_prefix(struct redis_client *client, const struct resp_arg *pattern)
{
	struct redis *redis = client->redis;
	uint8_t *bytes;
	struct topic_name prefix = prefix_of(redis, pattern, &bytes);

	if (forget_prefix(&client->prefixes, prefix.hash) == 0)
		broker_unsubscribe(
		    redis->broker, client->member, TOPIC_PREFIX, &prefix);
	free(bytes);
}

static void
leave_pattern(struct redis_call *call, const struct resp_arg *pattern)
{
	struct redis_client *client = call->client;
	struct topic_registry *patterns = client->redis->patterns;
	struct topic_name name = redis_hashed(patterns, pattern);

	if (topic_unsubscribe(
		patterns, &client->patterns, TOPIC_EXACT, &name) == 0) {
		discharge(client, pattern);
		leave_prefix(client, pattern);
	}
	redis_put_event(
	    call, "punsubscribe", pattern, redis_n_subscriptions(client));
}

void
redis_punsubscribe(struct redis_call *call)
{
	redis_leave_each(
	    call, &call->client->patterns, "punsubscribe", leave_pattern);
}

void
redis_drop_patterns(struct redis_client *client)
{
	client->redis->pattern_steps -= client->pattern_steps;
	client->pattern_steps = 0;
	bound_runs(client->redis);
	free(client->prefixes.hashes);
	client->prefixes = (struct redis_prefixes){ .n = 0 };
	topic_owner_fini(client->redis->patterns, &client->patterns);
}
