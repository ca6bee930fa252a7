#include "edge/redis/connection.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/redis/auth.h"
#include "edge/redis/reply.h"

#define SHARED_FROM 65536 /* bytes of an argument that is sent back */

/*
 * The commands that are about the connection. Texts are redis-server 7's, since
 * clients look for them: node-redis for NOAUTH and NOPROTO.
 */

#define NAME_MAX_BYTES 256 /* of a client: CLIENT LIST and STATS show it */

static void
put_ok(struct redis_call *call)
{
	resp_put_simple(call->out, "OK");
}

/* A large argument is not copied. */
static void
put_back(struct redis_call *call, const struct resp_arg *arg)
{
	struct blob *blob = call->request->blob;
	struct slice s = { blob, 0, arg->len };

	if (arg->len < SHARED_FROM) {
		resp_put_bulk(call->out, arg->data, arg->len);
		return;
	}
	s.off = (size_t)(arg->data - blob->data);
	resp_put_bulk_head(call->out, arg->len);
	redis_flush(call->client);
	conn_send(call->client->conn, &s, false);
	msg_put_raw(call->out, "\r\n", 2);
}

void
redis_ping(struct redis_call *call)
{
	bool is_pushed =
	    call->client->version == 2 && redis_is_in_pubsub(call->client);

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
		put_back(call, &call->args[1]);
	else if (is_pushed)
		resp_put_text(call->out, "");
	else
		resp_put_simple(call->out, "PONG");
}

void
redis_echo(struct redis_call *call)
{
	put_back(call, &call->args[1]);
}

void
redis_quit(struct redis_call *call)
{
	put_ok(call);
	call->client->is_quitting = true;
}

void
redis_select(struct redis_call *call)
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

void
redis_auth(struct redis_call *call)
{
	if (call->n > 3)
		redis_error(call, "ERR syntax error");
	else if (call->n == 2 && !redis_has_password(call->client->redis))
		redis_error(call,
		    "ERR AUTH <password> called without any password "
		    "configured for the default user. Are you sure your "
		    "configuration is correct?");
	else if (redis_authenticate(call, call->n == 3 ? &call->args[1] : NULL,
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

/* Sets *text to the argument. Returns false if it is refused: the client has
 * been sent an error that begins with `what`. */
static bool
set_text(struct redis_call *call, const struct resp_arg *arg, const char *what,
    char **text)
{
	if (arg->len > NAME_MAX_BYTES) {
		redis_error(call, "ERR %s cannot be longer than %d bytes", what,
		    NAME_MAX_BYTES);
		return false;
	}
	if (!is_name(arg)) {
		redis_error(call,
		    "ERR %s cannot contain spaces, newlines or special "
		    "characters.",
		    what);
		return false;
	}
	free(*text);
	*text = NULL;
	if (arg->len > 0) {
		*text = xcalloc(1, arg->len + 1);
		memcpy(*text, arg->data, arg->len);
	}
	return true;
}

static bool
set_name(struct redis_call *call, const struct resp_arg *arg)
{
	return set_text(call, arg, "Client names", &call->client->name);
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

/* Applies the options of HELLO after the version. Returns false if one is
 * refused. */
static bool
take_hello_options(struct redis_call *call)
{
	for (size_t i = 2; i < call->n; i++) {
		const struct resp_arg *arg = &call->args[i];
		size_t n_more = call->n - 1 - i;

		if (redis_is(arg, "auth") && n_more >= 2) {
			if (!redis_authenticate(call, arg + 1, arg + 2))
				return false;
			i += 2;
		} else if (redis_is(arg, "setname") && n_more >= 1) {
			if (!set_name(call, arg + 1))
				return false;
			i++;
		} else {
			redis_error(call,
			    "ERR Syntax error in HELLO option '%.*s'",
			    redis_shown(arg), (const char *)arg->data);
			return false;
		}
	}
	return true;
}

void
redis_hello(struct redis_call *call)
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

void
redis_client_id(struct redis_call *call)
{
	resp_put_int(call->out, (int64_t)call->client->member->id);
}

void
redis_client_setname(struct redis_call *call)
{
	if (set_name(call, &call->args[2]))
		put_ok(call);
}

void
redis_client_getname(struct redis_call *call)
{
	if (call->client->name == NULL)
		resp_put_null(call->out, call->client->version);
	else
		resp_put_text(call->out, call->client->name);
}

void
redis_client_setinfo(struct redis_call *call)
{
	const struct resp_arg *what = &call->args[2], *value = &call->args[3];
	struct redis_client *client = call->client;
	bool is_done = false;

	if (redis_is(what, "lib-name"))
		is_done = set_text(call, value, "lib-name", &client->lib_name);
	else if (redis_is(what, "lib-ver"))
		is_done = set_text(call, value, "lib-ver", &client->lib_ver);
	else
		redis_error(call, "ERR Unrecognized option '%.*s'",
		    redis_shown(what), (const char *)what->data);
	if (is_done)
		put_ok(call);
}

void
redis_switch(struct redis_call *call)
{
	const struct resp_arg *what = &call->args[2];

	if (redis_is(what, "on") || redis_is(what, "off"))
		put_ok(call);
	else
		redis_error(call, "ERR syntax error");
}

void
redis_client_reply(struct redis_call *call)
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

void
redis_client_kill(struct redis_call *call)
{
	redis_error(call,
	    "ERR pm2adapterd lets no client end another one's connection");
}

void
redis_config_get(struct redis_call *call)
{
	resp_put_map(call->out, call->client->version, 0);
}

void
redis_cluster(struct redis_call *call)
{
	redis_error(call, "ERR This instance has cluster support disabled");
}
