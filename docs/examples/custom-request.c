/*
 * custom-request: a service in C that answers customRequest() beside the Node
 * workers of an application.
 *
 *	cc custom-request.c $(pkg-config --cflags --libs pm2adapterd msgpack)
 *	./a.out
 *
 * When a worker calls customRequest('load', fn) of the adapter of its namespace
 * "/", it gets one reply of each other process, and with this one among them
 * { name: 'custom-request', load: [1, 5 and 15 minutes] }. It is a member of
 * the namespace like the workers, so it is asked whatever they are asked, and
 * says no to what it does not know.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>
#include <pm2a.h>

/* key#namespace#, of the members who are asked */
#define TOPIC "socket.io#/#"

static bool
is_str(const msgpack_object *o, const char *s)
{
	return o->type == MSGPACK_OBJECT_STR && o->via.str.size == strlen(s) &&
	       memcmp(o->via.str.ptr, s, o->via.str.size) == 0;
}

/* A question is [uid, namespace, kind, argument...]. */
static bool
is_about_load(const msgpack_object *question)
{
	const msgpack_object *elements = question->via.array.ptr;

	return question->type == MSGPACK_OBJECT_ARRAY &&
	       question->via.array.size == 4 && is_str(&elements[1], "/") &&
	       is_str(&elements[2], "customRequest") &&
	       is_str(&elements[3], "load");
}

static int
answer_load(struct pm2a *p, uint64_t id)
{
	double load[3] = { 0, 0, 0 };
	msgpack_sbuffer reply;
	msgpack_packer pk;
	int r;

	if (getloadavg(load, 3) != 3)
		return pm2a_decline(p, id);
	msgpack_sbuffer_init(&reply);
	msgpack_packer_init(&pk, &reply, msgpack_sbuffer_write);
	msgpack_pack_map(&pk, 2);
	msgpack_pack_str_with_body(&pk, "name", 4);
	msgpack_pack_str_with_body(&pk, "custom-request", 14);
	msgpack_pack_str_with_body(&pk, "load", 4);
	msgpack_pack_array(&pk, 3);
	for (int i = 0; i < 3; i++)
		msgpack_pack_double(&pk, load[i]);
	r = pm2a_answer(p, id, pm2a_bytes(reply.data, reply.size));
	msgpack_sbuffer_destroy(&reply);
	return r;
}

static void
on_question(struct pm2a *p, const struct pm2a_question *question, void *user)
{
	msgpack_unpacked message;
	size_t at = 0;
	bool is_ours;
	int r;

	(void)user;
	msgpack_unpacked_init(&message);
	is_ours = msgpack_unpack_next(&message, question->body.data,
		      question->body.len, &at) == MSGPACK_UNPACK_SUCCESS &&
		  is_about_load(&message.data);
	msgpack_unpacked_destroy(&message);
	r = is_ours ? answer_load(p, question->id)
		    : pm2a_decline(p, question->id);
	if (r != 0)
		fprintf(stderr, "custom-request: %s\n", pm2a_strerror(r));
}

static void
on_connect(struct pm2a *p, const struct pm2a_welcome *welcome, void *user)
{
	(void)p;
	(void)user;
	fprintf(stderr, "custom-request: connected to %s\n", welcome->server);
}

static void
on_disconnect(struct pm2a *p, int why, const char *text, void *user)
{
	(void)p;
	(void)why;
	(void)user;
	fprintf(stderr, "custom-request: disconnected: %s\n", text);
}

static volatile sig_atomic_t is_ending;

static void
on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

/* Runs until pm2 or somebody at a terminal says that it is enough. */
static int
serve(struct pm2a *p)
{
	struct sigaction action = { .sa_handler = on_signal };
	int r = pm2a_subscribe(p, PM2A_MEMBER, pm2a_str(TOPIC));

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (r == 0) {
		r = pm2a_run(p, 1000);
		if (r == -EINTR || r == -ENOMEM)
			r = 0;
		if (is_ending)
			pm2a_close(p);
	}
	return r;
}

int
main(void)
{
	const struct pm2a_options options = {
		.name = "custom-request",
		.callbacks = { .on_connect = on_connect,
		    .on_disconnect = on_disconnect,
		    .on_question = on_question },
	};
	struct pm2a *p = NULL;
	int r = pm2a_new(&options, &p);

	if (r == 0)
		r = serve(p);
	pm2a_free(p);
	if (r == PM2A_E_CLOSED)
		return 0;
	fprintf(stderr, "custom-request: %s\n", pm2a_strerror(r));
	return 69;
}
