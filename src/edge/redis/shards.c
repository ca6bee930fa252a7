#include "edge/redis/shards.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/xalloc.h"

#define STEPS_AT_ONCE 64
#define STEPS 64
#define STEPS_EACH 2 /* for each new subscription */

/* Ends at most n subscriptions of clients that are gone. Returns whether there
 * are more. */
static bool
release(struct shards_registry *reg, unsigned n)
{
	struct shards *shards;
	struct topic *topic;

	while ((shards = LIST_FIRST(&reg->gone)) != NULL) {
		for (; n > 0 &&
		       topic_owner_pop(reg->topics, &shards->owner, &topic);
		     n--)
			;
		if (shards->owner.n_subs > 0)
			return true;
		LIST_REMOVE(shards, in_gone);
		free(shards);
	}
	return false;
}

static bool
on_step(struct job *job)
{
	struct shards_registry *reg =
	    container_of(job, struct shards_registry, job);
	bool is_more = release(reg, STEPS);

	reg->ended(reg);
	return is_more;
}

void
shards_init(struct shards_registry *reg, struct loop *loop, struct hash_key key,
    void (*ended)(struct shards_registry *reg))
{
	*reg = (struct shards_registry){
		.loop = loop,
		.topics = topic_registry_new(key),
		.job.step = on_step,
		.ended = ended,
	};
	LIST_INIT(&reg->gone);
}

void
shards_fini(struct shards_registry *reg)
{
	bool is_more = release(reg, UINT_MAX);

	assert(!is_more);
	job_stop(loop_jobs(reg->loop), &reg->job);
	topic_registry_free(reg->topics);
}

struct shards *
shards_new(struct redis_client *client)
{
	struct shards *shards = xcalloc(1, sizeof(*shards));

	topic_owner_init(&shards->owner);
	shards->client = client;
	return shards;
}

void
shards_end(struct shards_registry *reg, struct shards *shards)
{
	shards->client = NULL;
	LIST_INSERT_HEAD(&reg->gone, shards, in_gone);
	if (release(reg, STEPS_AT_ONCE))
		job_start(loop_jobs(reg->loop), &reg->job);
	reg->ended(reg);
}

void
shards_make_room(struct shards_registry *reg)
{
	release(reg, STEPS_EACH);
}

size_t
shards_n_clients(const struct shards_registry *reg, const struct topic *topic)
{
	const struct subscription *subs;
	size_t n = 0;

	if (topic == NULL || LIST_EMPTY(&reg->gone))
		return topic == NULL ? 0 : topic->n_subs;
	subs = topic_subs(topic);
	for (size_t i = 0; i < topic->n_subs; i++)
		n += shards_client(&subs[i]) != NULL;
	return n;
}
