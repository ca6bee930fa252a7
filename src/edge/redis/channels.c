#include "edge/redis/channels.h"

#include "edge/redis/deliver.h"
#include "edge/redis/long.h"
#include "edge/redis/patterns.h"
#include "wire/glob.h"

/*
 * PUBSUB and its parts. The topics of native workers count as channels.
 */

#define COUNTED_MAX 16384 /* subscriptions of a channel that are looked at */
#define STEP_BUCKETS 32   /* of the index of topics */
#define STEP_BYTES 16384  /* of patterns and names */

static void
list_topic(const struct topic *topic, void *arg)
{
	struct redis_long *work = arg;
	struct resp_arg pattern = { 0 };

	if (topic->is_prefix)
		return;
	if (work->call.n > 2) {
		pattern = redis_arg(&work->call, 2);
		work->n_looked_at += pattern.len + topic->len;
		if (!glob_match(pattern.data, pattern.len,
			(const uint8_t *)topic->name, topic->len))
			return;
	}
	work->n_found++;
	resp_put_bulk(work->call.out, topic->name, topic->len);
}

/* Prefixes come behind all channels. */
static bool
step_channels(struct redis_long *work)
{
	bool is_more = true;

	work->n_looked_at = 0;
	for (int i = 0; i < STEP_BUCKETS && is_more; i++) {
		topic_walk(work->reg, &work->walk, list_topic, work);
		is_more = !work->walk.is_in_prefixes;
		if (work->n_looked_at > STEP_BYTES)
			break;
	}
	return is_more;
}

static void
finish_channels(struct redis_long *work)
{
	resp_put_array(work->call.out, work->n_found);
}

static void
put_channels(struct redis_call *call, struct topic_registry *reg)
{
	struct redis_long *work;
	size_t steps;

	if (call->n > 3) {
		redis_error(call,
		    "ERR unknown subcommand or wrong number of arguments for "
		    "'%.*s'. Try PUBSUB HELP.",
		    (int)call->args[1].len, (const char *)call->args[1].data);
		return;
	}
	if (call->n == 3 && !redis_check_pattern(call, &call->args[2], &steps))
		return;
	work = redis_begin(call, step_channels);
	work->reg = reg;
	work->finish = finish_channels;
}

/* Nothing that is longer than a topic is there. */
static const struct topic *
find(struct topic_registry *reg, const struct resp_arg *name)
{
	return name->len > TOPIC_NAME_MAX
		   ? NULL
		   : topic_find(reg, name->data, name->len);
}

/*
 * A Redis adapter waits for as many answers to a request as its channel of
 * requests has subscribers. Native workers have subscribed to it for commands
 * of emitters and give no answers, so they do not count there.
 */
static size_t
count_answering(const struct topic *topic)
{
	const struct subscription *subs = topic_subs(topic);
	size_t n = 0;

	for (size_t i = 0; i < topic->n_subs; i++)
		n +=
		    member_of(subs[i].owner)->sink->message == redis_on_message;
	return n;
}

static void
put_number(struct redis_call *call, const struct resp_arg *name, size_t n)
{
	resp_put_bulk(call->out, name->data, name->len);
	resp_put_int(call->out, (int64_t)n);
}

static void
put_number_of_channel(struct redis_call *call, const struct resp_arg *name)
{
	const struct topic *topic =
	    find(broker_topics(call->client->redis->broker), name);
	size_t n = topic == NULL ? 0 : topic->n_subs;

	if (n > 0 && n <= COUNTED_MAX && pending_joins_is_requests(name))
		n = count_answering(topic);
	put_number(call, name, n);
}

static void
put_number_of_shard(struct redis_call *call, const struct resp_arg *name)
{
	const struct shards_registry *shards = &call->client->redis->shards;

	put_number(
	    call, name, shards_n_clients(shards, find(shards->topics, name)));
}

static void
finish_numbers(struct redis_long *work)
{
	resp_put_array(work->call.out, 2 * (work->call.n - 2));
}

static void
put_numbers(struct redis_call *call,
    void (*each)(struct redis_call *call, const struct resp_arg *arg))
{
	struct redis_long *work;

	if (redis_is_short(call))
		resp_put_array(call->out, 2 * (call->n - 2));
	work = redis_each_arg(call, 2, each);
	if (work != NULL)
		work->finish = finish_numbers;
}

void
redis_pubsub_channels(struct redis_call *call)
{
	put_channels(call, broker_topics(call->client->redis->broker));
}

void
redis_pubsub_numsub(struct redis_call *call)
{
	put_numbers(call, put_number_of_channel);
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
	put_channels(call, call->client->redis->shards.topics);
}

void
redis_pubsub_shardnumsub(struct redis_call *call)
{
	put_numbers(call, put_number_of_shard);
}
