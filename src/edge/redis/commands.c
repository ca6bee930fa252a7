#include "edge/redis/commands.h"

#include <bsd/string.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "edge/redis/causes.h"
#include "edge/redis/channels.h"
#include "edge/redis/command_docs.h"
#include "edge/redis/connection.h"
#include "edge/redis/info.h"
#include "edge/redis/patterns.h"
#include "edge/redis/publish.h"
#include "edge/redis/reset.h"
#include "edge/redis/subscribe.h"

/*
 * The commands, as a table. Texts are those of redis-server 7, since clients
 * look for them: ioredis for "unknown command".
 */

static void run_help(struct redis_call *call);

#define UNAUTH VERB_UNAUTHENTICATED
#define SUBS (VERB_SUBSCRIBED | VERB_PUBSUB | VERB_MANY)
#define QUERY (VERB_PART | VERB_QUERY)

const struct redis_verb redis_verbs[] = {
	{ "publish", 3, VERB_PUBSUB, redis_publish,
	    "Posts a message to a channel.", "2.0.0" },
	{ "subscribe", -2, SUBS, redis_subscribe,
	    "Listens for messages published to channels.", "2.0.0" },
	{ "unsubscribe", -1, SUBS, redis_unsubscribe,
	    "Stops listening to messages posted to channels.", "2.0.0" },
	{ "psubscribe", -2, SUBS, redis_psubscribe,
	    "Listens for messages published to channels that match one or "
	    "more patterns.",
	    "2.0.0" },
	{ "punsubscribe", -1, SUBS, redis_punsubscribe,
	    "Stops listening to messages published to channels that match one "
	    "or more patterns.",
	    "2.0.0" },
	{ "spublish", 3, VERB_PUBSUB, redis_spublish,
	    "Posts a message to a shard channel.", "7.0.0" },
	{ "ssubscribe", -2, SUBS, redis_ssubscribe,
	    "Listens for messages published to shard channels.", "7.0.0" },
	{ "sunsubscribe", -1, SUBS, redis_sunsubscribe,
	    "Stops listening to messages posted to shard channels.", "7.0.0" },
	{ "pubsub", -2, VERB_PUBSUB, NULL, "A container for Pub/Sub commands.",
	    "2.8.0" },
	{ "pubsub|channels", -2, QUERY, redis_pubsub_channels,
	    "Returns the active channels.", "2.8.0" },
	{ "pubsub|numsub", -2, QUERY | VERB_MANY, redis_pubsub_numsub,
	    "Returns a count of subscribers to channels.", "2.8.0" },
	{ "pubsub|numpat", 2, QUERY, redis_pubsub_numpat,
	    "Returns a count of unique pattern subscriptions.", "2.8.0" },
	{ "pubsub|shardchannels", -2, QUERY, redis_pubsub_shardchannels,
	    "Returns the active shard channels.", "7.0.0" },
	{ "pubsub|shardnumsub", -2, QUERY | VERB_MANY, redis_pubsub_shardnumsub,
	    "Returns the count of subscribers of shard channels.", "7.0.0" },
	{ "pubsub|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "6.2.0" },
	{ "ping", -1, VERB_SUBSCRIBED, redis_ping,
	    "Returns the server's liveliness response.", "1.0.0" },
	{ "echo", 2, 0, redis_echo, "Returns the given string.", "1.0.0" },
	{ "hello", -1, UNAUTH, redis_hello, "Handshakes with the server.",
	    "6.0.0" },
	{ "auth", -2, UNAUTH, redis_auth, "Authenticates the connection.",
	    "1.0.0" },
	{ "quit", -1, UNAUTH | VERB_SUBSCRIBED, redis_quit,
	    "Closes the connection.", "1.0.0" },
	{ "reset", 1, UNAUTH | VERB_SUBSCRIBED, redis_reset,
	    "Resets the connection.", "6.2.0" },
	{ "select", 2, 0, redis_select, "Changes the selected database.",
	    "1.0.0" },
	{ "client", -2, 0, NULL, "A container for client connection commands.",
	    "2.4.0" },
	{ "client|setname", 3, VERB_PART, redis_client_setname,
	    "Sets the connection name.", "2.6.9" },
	{ "client|getname", 2, VERB_PART, redis_client_getname,
	    "Returns the name of the connection.", "2.6.9" },
	{ "client|setinfo", 4, VERB_PART, redis_client_setinfo,
	    "Sets information specific to the client or connection.", "7.2.0" },
	{ "client|id", 2, VERB_PART, redis_client_id,
	    "Returns the unique client ID of the connection.", "5.0.0" },
	{ "client|info", 2, QUERY, redis_client_info,
	    "Returns information about the connection.", "6.2.0" },
	{ "client|list", -2, QUERY, redis_client_list,
	    "Lists open connections.", "2.4.0" },
	{ "client|kill", -3, VERB_PART, redis_client_kill,
	    "Terminates open connections; refused here.", "2.4.0" },
	{ "client|no-evict", 3, VERB_PART, redis_switch,
	    "Sets the client eviction mode of the connection; nothing is "
	    "evicted here.",
	    "7.0.0" },
	{ "client|no-touch", 3, VERB_PART, redis_switch,
	    "Controls whether commands change the age of keys; there are no "
	    "keys here.",
	    "7.2.0" },
	{ "client|reply", 3, VERB_PART, redis_client_reply,
	    "Instructs the server whether to reply to commands.", "3.2.0" },
	{ "client|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "command", -1, VERB_QUERY, redis_command_all,
	    "Returns detailed information about all commands.", "2.8.13" },
	{ "command|count", 2, QUERY, redis_command_count,
	    "Returns a count of commands.", "2.8.13" },
	{ "command|info", -2, QUERY, redis_command_info,
	    "Returns information about one, multiple or all commands.",
	    "2.8.13" },
	{ "command|docs", -2, QUERY, redis_command_docs,
	    "Returns documentary information about one, multiple or all "
	    "commands.",
	    "7.0.0" },
	{ "command|list", 2, QUERY, redis_command_list,
	    "Returns a list of command names.", "7.0.0" },
	{ "command|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "config", -2, 0, NULL,
	    "A container for server configuration "
	    "commands.",
	    "2.0.0" },
	{ "config|get", -3, VERB_PART, redis_config_get,
	    "Returns the effective values of configuration parameters: none.",
	    "2.0.0" },
	{ "config|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "info", -1, VERB_QUERY, redis_info,
	    "Returns information and statistics about the server.", "1.0.0" },
	{ "cluster", -2, 0, NULL, "A container for Redis Cluster commands.",
	    "3.0.0" },
	{ "cluster|info", 2, VERB_PART, redis_cluster,
	    "Returns information about the state of a node.", "3.0.0" },
	{ "cluster|myid", 2, VERB_PART, redis_cluster,
	    "Returns the ID of a node.", "3.0.0" },
	{ "cluster|nodes", 2, VERB_PART, redis_cluster,
	    "Returns the cluster configuration for a node.", "3.0.0" },
	{ "cluster|shards", 2, VERB_PART, redis_cluster,
	    "Returns the mapping of cluster slots to shards.", "7.0.0" },
	{ "cluster|slots", 2, VERB_PART, redis_cluster,
	    "Returns the mapping of cluster slots to nodes.", "3.0.0" },
	{ "cluster|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
};

const size_t redis_n_verbs = sizeof(redis_verbs) / sizeof(*redis_verbs);

/* The name of a part, behind the "|". */
static const char *
part_name(const struct redis_verb *verb)
{
	return strchr(verb->name, '|') + 1;
}

static const struct redis_verb *
find_verb(const struct resp_arg *name)
{
	for (size_t i = 0; i < redis_n_verbs; i++)
		if (!(redis_verbs[i].flags & VERB_PART) &&
		    redis_is(name, redis_verbs[i].name))
			return &redis_verbs[i];
	return NULL;
}

static bool
has_parts(const struct redis_verb *verb)
{
	return verb + 1 < redis_verbs + redis_n_verbs &&
	       (verb[1].flags & VERB_PART);
}

static const struct redis_verb *
find_part(const struct redis_verb *verb, const struct resp_arg *name)
{
	const struct redis_verb *part = verb + 1;

	for (; part < redis_verbs + redis_n_verbs && part->flags & VERB_PART;
	     part++)
		if (redis_is(name, part_name(part)))
			return part;
	return NULL;
}

static void
upper(const char *name, char *out, size_t size)
{
	strlcpy(out, name, size);
	for (char *p = out; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
}

static void
run_help(struct redis_call *call)
{
	const struct redis_verb *verb = find_verb(&call->args[0]);
	const struct redis_verb *part = verb + 1, *end = part;
	char text[128], name[64];

	while (end < redis_verbs + redis_n_verbs && end->flags & VERB_PART)
		end++;
	upper(verb->name, name, sizeof(name));
	snprintf(text, sizeof(text),
	    "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	    name);
	resp_put_array(call->out, 1 + 2 * (size_t)(end - part));
	resp_put_simple(call->out, text);
	for (; part < end; part++) {
		upper(part_name(part), name, sizeof(name));
		resp_put_simple(call->out, name);
		snprintf(text, sizeof(text), "    %s", part->summary);
		resp_put_simple(call->out, text);
	}
}

/*
 * A web page can make a browser send an HTTP request to any port of the host,
 * with a body of the page's choice. Its first line, or a header that every
 * request has, ends the connection before that body is read as requests.
 */
static bool
is_http(const struct resp_arg *name)
{
	return redis_is(name, "post") || redis_is(name, "host:");
}

static void
refuse_http(struct redis_client *client)
{
	client->is_quitting = true;
	client->detail = "HTTP where Redis's protocol is spoken";
	conn_close(client->conn, &redis_bad_request);
}

static void
refuse_unknown(struct redis_call *call)
{
	const struct resp_arg *name = &call->args[0];
	char args[REDIS_SHOWN_MAX * 2] = "";
	size_t used = 0;

	for (size_t i = 1; i < call->n && used < REDIS_SHOWN_MAX; i++) {
		size_t room = REDIS_SHOWN_MAX - used, len = call->args[i].len;

		used += (size_t)snprintf(args + used, sizeof(args) - used,
		    "'%.*s' ", (int)(len < room ? len : room),
		    (const char *)call->args[i].data);
	}
	redis_error(call,
	    "ERR unknown command '%.*s', with args beginning with: %s",
	    redis_shown(name), (const char *)name->data, args);
}

static void
refuse_part(struct redis_call *call, const struct redis_verb *verb)
{
	const struct resp_arg *name = &call->args[1];
	char upper_name[32];

	upper(verb->name, upper_name, sizeof(upper_name));
	redis_error(call, "ERR unknown subcommand '%.*s'. Try %s HELP.",
	    redis_shown(name), (const char *)name->data, upper_name);
}

/* Returns the verb of the request; NULL, after an error to the client, if there
 * is none or if it may not be run now. */
static const struct redis_verb *
judge(struct redis_call *call)
{
	const struct redis_client *client = call->client;
	const struct redis_verb *verb = find_verb(&call->args[0]);
	const struct redis_verb *part = NULL;

	if (verb == NULL) {
		refuse_unknown(call);
		return NULL;
	}
	if (call->n > 1 && has_parts(verb)) {
		part = find_part(verb, &call->args[1]);
		if (part == NULL) {
			refuse_part(call, verb);
			return NULL;
		}
		verb = part;
	}
	if (verb->arity > 0 ? call->n != (size_t)verb->arity
			    : call->n < (size_t)-verb->arity) {
		redis_error(call,
		    "ERR wrong number of arguments for '%s' command",
		    verb->name);
		return NULL;
	}
	if (call->n > REDIS_ARGS_MAX && !(verb->flags & VERB_MANY)) {
		redis_error(call, "ERR '%s' takes at most %d arguments",
		    verb->name, REDIS_ARGS_MAX);
		return NULL;
	}
	if (!client->is_authenticated && !(verb->flags & UNAUTH)) {
		redis_error(call, "NOAUTH Authentication required.");
		return NULL;
	}
	if (client->version == 2 && !(verb->flags & VERB_SUBSCRIBED) &&
	    redis_is_in_pubsub(client)) {
		redis_error(call,
		    "ERR Can't execute '%s': only (P|S)SUBSCRIBE / "
		    "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
		    "this context",
		    verb->name);
		return NULL;
	}
	return verb;
}

void
redis_execute(struct redis_call *call)
{
	const struct redis_verb *verb;

	if (is_http(&call->args[0])) {
		refuse_http(call->client);
		return;
	}
	verb = judge(call);
	call->client->redis->stats.n_commands++;
	if (verb == NULL)
		return;
	call->client->command = verb->name;
	/* Some requests have no effect once the client is gone. */
	if (!conn_is_closing(call->client->conn) ||
	    !(verb->flags & (VERB_MANY | VERB_QUERY)))
		verb->run(call);
}
