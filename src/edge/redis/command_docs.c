#include "edge/redis/command_docs.h"

#include <string.h>

#include "edge/redis/verb.h"

static size_t
n_commands(const struct redis *redis)
{
	size_t n = 0;

	for (size_t i = 0; i < redis->n_verbs; i++)
		n += !(redis->verbs[i].flags & VERB_PART);
	return n;
}

/* Ten elements, as in redis-server 7.0; no command has keys. */
static void
put_command(struct redis_call *call, const struct redis_verb *verb)
{
	bool is_pubsub = verb->flags & VERB_PUBSUB;
	int version = call->client->version;
	struct msg_writer *w = call->out;

	resp_put_array(w, 10);
	resp_put_text(w, verb->name);
	resp_put_int(w, verb->arity);
	resp_put_set(w, version, is_pubsub ? 3 : 1);
	if (is_pubsub) {
		resp_put_simple(w, "pubsub");
		resp_put_simple(w, "loading");
	}
	resp_put_simple(w, is_pubsub ? "stale" : "fast");
	for (int i = 0; i < 3; i++)
		resp_put_int(w, 0);
	resp_put_set(w, version, 1);
	resp_put_simple(w, is_pubsub ? "@pubsub" : "@connection");
	for (int i = 0; i < 3; i++)
		resp_put_array(w, 0);
}

void
redis_command_all(struct redis_call *call)
{
	const struct redis *redis = call->client->redis;

	resp_put_array(call->out, n_commands(redis));
	for (size_t i = 0; i < redis->n_verbs; i++)
		if (!(redis->verbs[i].flags & VERB_PART))
			put_command(call, &redis->verbs[i]);
}

void
redis_command_count(struct redis_call *call)
{
	resp_put_int(call->out, (int64_t)n_commands(call->client->redis));
}

void
redis_command_list(struct redis_call *call)
{
	const struct redis *redis = call->client->redis;

	resp_put_array(call->out, n_commands(redis));
	for (size_t i = 0; i < redis->n_verbs; i++)
		if (!(redis->verbs[i].flags & VERB_PART))
			resp_put_text(call->out, redis->verbs[i].name);
}

/* The verb of a name as COMMAND INFO and DOCS take it: "client|id", too. */
static const struct redis_verb *
find_any(const struct redis *redis, const struct resp_arg *name)
{
	for (size_t i = 0; i < redis->n_verbs; i++)
		if (redis_is(name, redis->verbs[i].name))
			return &redis->verbs[i];
	return NULL;
}

void
redis_command_info(struct redis_call *call)
{
	const struct redis *redis = call->client->redis;

	if (call->n == 2) {
		redis_command_all(call);
		return;
	}
	resp_put_array(call->out, call->n - 2);
	for (size_t i = 2; i < call->n; i++) {
		const struct redis_verb *verb = find_any(redis, &call->args[i]);

		if (verb == NULL)
			resp_put_null(call->out, call->client->version);
		else
			put_command(call, verb);
	}
}

static void
put_docs(struct redis_call *call, const struct redis_verb *verb)
{
	struct msg_writer *w = call->out;

	resp_put_text(w, verb->name);
	resp_put_map(w, call->client->version, 3);
	resp_put_text(w, "summary");
	resp_put_text(w, verb->summary);
	resp_put_text(w, "since");
	resp_put_text(w, verb->since);
	resp_put_text(w, "group");
	resp_put_text(w,
	    verb->flags & VERB_PUBSUB || strncmp(verb->name, "pubsub", 6) == 0
		? "pubsub"
		: "connection");
}

void
redis_command_docs(struct redis_call *call)
{
	const struct redis *redis = call->client->redis;
	int version = call->client->version;
	size_t n = 0;

	if (call->n == 2) {
		resp_put_map(call->out, version, n_commands(redis));
		for (size_t i = 0; i < redis->n_verbs; i++)
			if (!(redis->verbs[i].flags & VERB_PART))
				put_docs(call, &redis->verbs[i]);
		return;
	}
	for (size_t i = 2; i < call->n; i++)
		n += find_any(redis, &call->args[i]) != NULL;
	resp_put_map(call->out, version, n);
	for (size_t i = 2; i < call->n; i++)
		if (find_any(redis, &call->args[i]) != NULL)
			put_docs(call, find_any(redis, &call->args[i]));
}
