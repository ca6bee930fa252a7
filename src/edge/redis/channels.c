#include "edge/redis/client.h"

#include "wire/glob.h"

/*
 * What is subscribed to: PUBSUB and its parts. Native workers' topics are
 * channels as others.
 */

#define NAME_EXTRA 10 /* bytes around a name in a reply, at most */

/* Names of topics, all or those that a pattern matches: counted, then put. */
struct listing {
	const struct resp_arg *pattern; /* or NULL */
	struct msg_writer *out;         /* NULL: they are counted */
	size_t n, bytes;
};

static void
list_topic(const struct topic *topic, void *arg)
{
	struct listing *listing = arg;

	if (topic->is_prefix ||
	    (listing->pattern != NULL &&
		!glob_match(listing->pattern->data, listing->pattern->len,
		    (const uint8_t *)topic->name, topic->len)))
		return;
	listing->n++;
	listing->bytes += topic->len + NAME_EXTRA;
	if (listing->out != NULL)
		resp_put_bulk(listing->out, topic->name, topic->len);
}

static void
list_topics(struct redis_call *call, struct topic_registry *reg)
{
	struct redis *redis = call->client->redis;
	size_t max = conn_set_limits(redis->set)->hard_bytes;
	struct listing listing = {
		.pattern = call->n > 2 ? &call->args[2] : NULL,
	};

	topic_for_each(reg, list_topic, &listing);
	if (listing.bytes > max) {
		redis_error(call,
		    "ERR %zu channels are too many for one reply; queue-limit "
		    "is %zu bytes",
		    listing.n, max);
		return;
	}
	resp_put_array(call->out, listing.n);
	listing.out = call->out;
	topic_for_each(reg, list_topic, &listing);
}

static void
put_channels(struct redis_call *call, struct topic_registry *reg)
{
	size_t steps;

	if (call->n <= 2 ||
	    (call->n == 3 && redis_check_pattern(call, &call->args[2], &steps)))
		list_topics(call, reg);
	else if (call->n > 3)
		redis_error(call,
		    "ERR unknown subcommand or wrong number of arguments for "
		    "'%.*s'. Try PUBSUB HELP.",
		    (int)call->args[1].len, (const char *)call->args[1].data);
}

static void
put_numbers(struct redis_call *call, struct topic_registry *reg)
{
	resp_put_array(call->out, 2 * (call->n - 2));
	for (size_t i = 2; i < call->n; i++) {
		const struct resp_arg *name = &call->args[i];
		const struct topic *topic =
		    topic_find(reg, name->data, name->len);

		resp_put_bulk(call->out, name->data, name->len);
		resp_put_int(call->out, topic == NULL ? 0 : topic->n_subs);
	}
}

void
redis_pubsub_channels(struct redis_call *call)
{
	put_channels(call, broker_topics(call->client->redis->broker));
}

void
redis_pubsub_numsub(struct redis_call *call)
{
	put_numbers(call, broker_topics(call->client->redis->broker));
}

void
redis_pubsub_numpat(struct redis_call *call)
{
	resp_put_int(
	    call->out, (int64_t)topic_n_exact(call->client->redis->patterns));
}

void
redis_pubsub_shardchannels(struct redis_call *call)
{
	put_channels(call, call->client->redis->shards);
}

void
redis_pubsub_shardnumsub(struct redis_call *call)
{
	put_numbers(call, call->client->redis->shards);
}
