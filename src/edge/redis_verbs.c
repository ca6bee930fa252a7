#include "edge/redis_client.h"

#include <bsd/string.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"

/*
 * The commands, as a table, and those that are about the connection. Texts are
 * redis-server 7's, since clients look for them: ioredis for "unknown command",
 * node-redis for NOAUTH and NOPROTO.
 */

#define SHOWN_MAX 128 /* bytes of an unknown command that are shown */

static void
put_ok(struct redis_call *call)
{
	resp_put_simple(call->out, "OK");
}

static bool
is_in_pubsub(const struct redis_client *client)
{
	return redis_n_subscriptions(client) + client->shards.n_subs > 0;
}

static void
run_ping(struct redis_call *call)
{
	bool is_pushed =
	    call->client->version == 2 && is_in_pubsub(call->client);

	if (call->n > 2) {
		redis_error(
		    call, "ERR wrong number of arguments for 'ping' command");
		return;
	}
	if (is_pushed) {
		resp_put_array(call->out, 2);
		resp_put_text(call->out, "pong");
	}
	if (call->n == 2)
		resp_put_bulk(call->out, call->args[1].data, call->args[1].len);
	else if (is_pushed)
		resp_put_text(call->out, "");
	else
		resp_put_simple(call->out, "PONG");
}

static void
run_echo(struct redis_call *call)
{
	resp_put_bulk(call->out, call->args[1].data, call->args[1].len);
}

static void
run_quit(struct redis_call *call)
{
	put_ok(call);
	call->client->is_quitting = true;
}

static void
run_select(struct redis_call *call)
{
	int64_t index;

	if (!resp_read_number(call->args[1], &index))
		redis_error(
		    call, "ERR value is not an integer or out of range");
	else if (index != 0)
		redis_error(call, "ERR DB index is out of range");
	else
		put_ok(call);
}

/* In a time that does not tell how much of it is right. */
static bool
is_password(const struct redis *redis, const struct resp_arg *arg)
{
	const char *password = redis->settings.password;
	size_t len = strlen(password);
	unsigned differs = (unsigned)(len ^ arg->len);

	for (size_t i = 0; i < arg->len; i++)
		differs |= arg->data[i] ^
			   (unsigned char)password[len == 0 ? 0 : i % len];
	return differs == 0;
}

static bool
has_password(const struct redis *redis)
{
	return redis->settings.password != NULL &&
	       *redis->settings.password != '\0';
}

/* False where it fails; the client has been told. */
static bool
authenticate(struct redis_call *call, const struct resp_arg *user,
    const struct resp_arg *password)
{
	const struct redis *redis = call->client->redis;
	bool is_known =
	    user == NULL ||
	    (user->len == 7 && memcmp(user->data, "default", 7) == 0);

	if (is_known &&
	    (!has_password(redis) || is_password(redis, password))) {
		call->client->is_authenticated = true;
		return true;
	}
	redis_error(call,
	    "WRONGPASS invalid username-password pair or user is disabled.");
	return false;
}

static void
run_auth(struct redis_call *call)
{
	if (call->n > 3)
		redis_error(call, "ERR syntax error");
	else if (call->n == 2 && !has_password(call->client->redis))
		redis_error(call,
		    "ERR AUTH <password> called without any password "
		    "configured for the default user. Are you sure your "
		    "configuration is correct?");
	else if (authenticate(call, call->n == 3 ? &call->args[1] : NULL,
		     &call->args[call->n - 1]))
		put_ok(call);
}

static bool
is_name(const struct resp_arg *arg)
{
	for (size_t i = 0; i < arg->len; i++)
		if (arg->data[i] < '!' || arg->data[i] > '~')
			return false;
	return true;
}

/* False where it can't be; the client has been told. */
static bool
set_name(struct redis_call *call, const struct resp_arg *arg)
{
	struct redis_client *client = call->client;

	if (!is_name(arg)) {
		redis_error(call,
		    "ERR Client names cannot contain spaces, newlines or "
		    "special characters.");
		return false;
	}
	free(client->name);
	client->name = NULL;
	if (arg->len > 0) {
		client->name = xcalloc(1, arg->len + 1);
		memcpy(client->name, arg->data, arg->len);
	}
	return true;
}

static void
put_hello(struct redis_call *call)
{
	struct redis_client *client = call->client;
	struct msg_writer *w = call->out;

	resp_put_map(w, client->version, 7);
	resp_put_text(w, "server");
	resp_put_text(w, "redis");
	resp_put_text(w, "version");
	resp_put_text(w, REDIS_VERSION);
	resp_put_text(w, "proto");
	resp_put_int(w, client->version);
	resp_put_text(w, "id");
	resp_put_int(w, (int64_t)client->member->id);
	resp_put_text(w, "mode");
	resp_put_text(w, "standalone");
	resp_put_text(w, "role");
	resp_put_text(w, "master");
	resp_put_text(w, "modules");
	resp_put_array(w, 0);
}

/* The options of HELLO behind the version; false where one is refused. */
static bool
take_hello_options(struct redis_call *call)
{
	for (size_t i = 2; i < call->n; i++) {
		const struct resp_arg *arg = &call->args[i];
		size_t n_more = call->n - 1 - i;

		if (redis_is(arg, "auth") && n_more >= 2) {
			if (!authenticate(call, arg + 1, arg + 2))
				return false;
			i += 2;
		} else if (redis_is(arg, "setname") && n_more >= 1) {
			if (!set_name(call, arg + 1))
				return false;
			i++;
		} else {
			redis_error(call,
			    "ERR Syntax error in HELLO option '%.*s'",
			    (int)(arg->len < SHOWN_MAX ? arg->len : SHOWN_MAX),
			    (const char *)arg->data);
			return false;
		}
	}
	return true;
}

static void
run_hello(struct redis_call *call)
{
	struct redis_client *client = call->client;
	int64_t version = 0;

	if (call->n > 1 && !resp_read_number(call->args[1], &version)) {
		redis_error(call,
		    "ERR Protocol version is not an integer or out of range");
		return;
	}
	if (call->n > 1 && version != 2 && version != 3) {
		redis_error(call, "NOPROTO unsupported protocol version");
		return;
	}
	if (!take_hello_options(call))
		return;
	if (!client->is_authenticated) {
		redis_error(call,
		    "NOAUTH HELLO must be called with the client already "
		    "authenticated, otherwise the HELLO AUTH <user> "
		    "<pass> option can be used to authenticate the client and "
		    "select the RESP protocol version at the same time");
		return;
	}
	if (version != 0)
		client->version = (int)version;
	put_hello(call);
}

static void
run_reset(struct redis_call *call)
{
	struct redis_client *client = call->client;

	redis_unsubscribe_all(client);
	free(client->name);
	client->name = NULL;
	client->version = 2;
	client->is_authenticated = !has_password(client->redis);
	resp_put_simple(call->out, "RESET");
}

static void
run_client_id(struct redis_call *call)
{
	resp_put_int(call->out, (int64_t)call->client->member->id);
}

static void
run_client_setname(struct redis_call *call)
{
	if (set_name(call, &call->args[2]))
		put_ok(call);
}

static void
run_client_getname(struct redis_call *call)
{
	if (call->client->name == NULL)
		resp_put_null(call->out, call->client->version);
	else
		resp_put_text(call->out, call->client->name);
}

static void
run_client_setinfo(struct redis_call *call)
{
	const struct resp_arg *what = &call->args[2];

	if (!redis_is(what, "lib-name") && !redis_is(what, "lib-ver"))
		redis_error(call, "ERR Unrecognized option '%.*s'",
		    (int)(what->len < SHOWN_MAX ? what->len : SHOWN_MAX),
		    (const char *)what->data);
	else if (!is_name(&call->args[3]))
		redis_error(call,
		    "ERR %s cannot contain spaces, newlines or special "
		    "characters.",
		    redis_is(what, "lib-name") ? "lib-name" : "lib-ver");
	else
		put_ok(call);
}

static void
run_switch(struct redis_call *call)
{
	const struct resp_arg *what = &call->args[2];

	if (redis_is(what, "on") || redis_is(what, "off"))
		put_ok(call);
	else
		redis_error(call, "ERR syntax error");
}

static void
run_client_reply(struct redis_call *call)
{
	if (redis_is(&call->args[2], "on"))
		put_ok(call);
	else if (redis_is(&call->args[2], "off") ||
		 redis_is(&call->args[2], "skip"))
		redis_error(call,
		    "ERR pm2adapterd answers every request: CLIENT REPLY knows "
		    "ON alone");
	else
		redis_error(call, "ERR syntax error");
}

static void
run_client_kill(struct redis_call *call)
{
	redis_error(call,
	    "ERR pm2adapterd lets no client end another one's connection");
}

static void
run_config_get(struct redis_call *call)
{
	resp_put_map(call->out, call->client->version, 0);
}

static void
run_cluster(struct redis_call *call)
{
	redis_error(call, "ERR This instance has cluster support disabled");
}

static void run_help(struct redis_call *call);

#define UNAUTH VERB_UNAUTHENTICATED
#define SUBS (VERB_SUBSCRIBED | VERB_PUBSUB)

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
	{ "pubsub|channels", -2, VERB_PART, redis_pubsub_channels,
	    "Returns the active channels.", "2.8.0" },
	{ "pubsub|numsub", -2, VERB_PART, redis_pubsub_numsub,
	    "Returns a count of subscribers to channels.", "2.8.0" },
	{ "pubsub|numpat", 2, VERB_PART, redis_pubsub_numpat,
	    "Returns a count of unique pattern subscriptions.", "2.8.0" },
	{ "pubsub|shardchannels", -2, VERB_PART, redis_pubsub_shardchannels,
	    "Returns the active shard channels.", "7.0.0" },
	{ "pubsub|shardnumsub", -2, VERB_PART, redis_pubsub_shardnumsub,
	    "Returns the count of subscribers of shard channels.", "7.0.0" },
	{ "pubsub|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "6.2.0" },
	{ "ping", -1, VERB_SUBSCRIBED, run_ping,
	    "Returns the server's liveliness response.", "1.0.0" },
	{ "echo", 2, 0, run_echo, "Returns the given string.", "1.0.0" },
	{ "hello", -1, UNAUTH, run_hello, "Handshakes with the server.",
	    "6.0.0" },
	{ "auth", -2, UNAUTH, run_auth, "Authenticates the connection.",
	    "1.0.0" },
	{ "quit", -1, UNAUTH | VERB_SUBSCRIBED, run_quit,
	    "Closes the connection.", "1.0.0" },
	{ "reset", 1, UNAUTH | VERB_SUBSCRIBED, run_reset,
	    "Resets the connection.", "6.2.0" },
	{ "select", 2, 0, run_select, "Changes the selected database.",
	    "1.0.0" },
	{ "client", -2, 0, NULL, "A container for client connection commands.",
	    "2.4.0" },
	{ "client|setname", 3, VERB_PART, run_client_setname,
	    "Sets the connection name.", "2.6.9" },
	{ "client|getname", 2, VERB_PART, run_client_getname,
	    "Returns the name of the connection.", "2.6.9" },
	{ "client|setinfo", 4, VERB_PART, run_client_setinfo,
	    "Sets information specific to the client or connection.", "7.2.0" },
	{ "client|id", 2, VERB_PART, run_client_id,
	    "Returns the unique client ID of the connection.", "5.0.0" },
	{ "client|info", 2, VERB_PART, redis_client_info,
	    "Returns information about the connection.", "6.2.0" },
	{ "client|list", -2, VERB_PART, redis_client_list,
	    "Lists open connections.", "2.4.0" },
	{ "client|kill", -3, VERB_PART, run_client_kill,
	    "Terminates open connections; refused here.", "2.4.0" },
	{ "client|no-evict", 3, VERB_PART, run_switch,
	    "Sets the client eviction mode of the connection; nothing is "
	    "evicted here.",
	    "7.0.0" },
	{ "client|no-touch", 3, VERB_PART, run_switch,
	    "Controls whether commands change the age of keys; there are no "
	    "keys here.",
	    "7.2.0" },
	{ "client|reply", 3, VERB_PART, run_client_reply,
	    "Instructs the server whether to reply to commands.", "3.2.0" },
	{ "client|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "command", -1, 0, redis_command_all,
	    "Returns detailed information about all commands.", "2.8.13" },
	{ "command|count", 2, VERB_PART, redis_command_count,
	    "Returns a count of commands.", "2.8.13" },
	{ "command|info", -2, VERB_PART, redis_command_info,
	    "Returns information about one, multiple or all commands.",
	    "2.8.13" },
	{ "command|docs", -2, VERB_PART, redis_command_docs,
	    "Returns documentary information about one, multiple or all "
	    "commands.",
	    "7.0.0" },
	{ "command|list", -2, VERB_PART, redis_command_list,
	    "Returns a list of command names.", "7.0.0" },
	{ "command|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "config", -2, 0, NULL,
	    "A container for server configuration "
	    "commands.",
	    "2.0.0" },
	{ "config|get", -3, VERB_PART, run_config_get,
	    "Returns the effective values of configuration parameters: none.",
	    "2.0.0" },
	{ "config|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
	{ "info", -1, 0, redis_info,
	    "Returns information and statistics about the server.", "1.0.0" },
	{ "cluster", -2, 0, NULL, "A container for Redis Cluster commands.",
	    "3.0.0" },
	{ "cluster|info", 2, VERB_PART, run_cluster,
	    "Returns information about the state of a node.", "3.0.0" },
	{ "cluster|myid", 2, VERB_PART, run_cluster,
	    "Returns the ID of a node.", "3.0.0" },
	{ "cluster|nodes", 2, VERB_PART, run_cluster,
	    "Returns the cluster configuration for a node.", "3.0.0" },
	{ "cluster|shards", 2, VERB_PART, run_cluster,
	    "Returns the mapping of cluster slots to shards.", "7.0.0" },
	{ "cluster|slots", 2, VERB_PART, run_cluster,
	    "Returns the mapping of cluster slots to nodes.", "3.0.0" },
	{ "cluster|help", 2, VERB_PART, run_help,
	    "Returns helpful text about the different subcommands.", "5.0.0" },
};

const size_t redis_n_verbs = sizeof(redis_verbs) / sizeof(*redis_verbs);

/* What is behind "|" of a part. */
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

static void
refuse_unknown(struct redis_call *call)
{
	const struct resp_arg *name = &call->args[0];
	char args[SHOWN_MAX * 2] = "";
	size_t used = 0;

	for (size_t i = 1; i < call->n && used < SHOWN_MAX; i++) {
		size_t room = SHOWN_MAX - used, len = call->args[i].len;

		used += (size_t)snprintf(args + used, sizeof(args) - used,
		    "'%.*s' ", (int)(len < room ? len : room),
		    (const char *)call->args[i].data);
	}
	redis_error(call,
	    "ERR unknown command '%.*s', with args beginning with: %s",
	    (int)(name->len < SHOWN_MAX ? name->len : SHOWN_MAX),
	    (const char *)name->data, args);
}

static void
refuse_part(struct redis_call *call, const struct redis_verb *verb)
{
	const struct resp_arg *name = &call->args[1];
	char upper_name[32];

	upper(verb->name, upper_name, sizeof(upper_name));
	redis_error(call, "ERR unknown subcommand '%.*s'. Try %s HELP.",
	    (int)(name->len < SHOWN_MAX ? name->len : SHOWN_MAX),
	    (const char *)name->data, upper_name);
}

/* The verb of the request; NULL where there is none, or it may not be run now:
 * the client has been told. */
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
	if (!client->is_authenticated && !(verb->flags & UNAUTH)) {
		redis_error(call, "NOAUTH Authentication required.");
		return NULL;
	}
	if (client->version == 2 && !(verb->flags & VERB_SUBSCRIBED) &&
	    is_in_pubsub(client)) {
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
	const struct redis_verb *verb = judge(call);

	call->client->n_commands++;
	call->client->redis->stats.n_commands++;
	if (verb == NULL)
		return;
	call->client->command = verb->name;
	verb->run(call);
}
