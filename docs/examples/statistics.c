/*
 * statistics: prints statistics of the daemon, as a script or an exporter may.
 *
 *	cc statistics.c $(pkg-config --cflags --libs pm2adapterd msgpack)
 *	./a.out [SECTION]...
 *
 * The sections are those of `pm2adapterd --stats`; the default is overview.
 * Exits with 0 after the reply.
 */
#include <stdio.h>

#include <msgpack.h>
#include <pm2a.h>

#define ROWS_MAX 10

static int result;

static void
on_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	msgpack_unpacked map;
	size_t at = 0;

	(void)arg;
	result = reply->error;
	pm2a_stop(p);
	if (reply->error != 0) {
		fprintf(stderr, "statistics: %s %s\n",
		    pm2a_strerror(reply->error), reply->message);
		return;
	}
	msgpack_unpacked_init(&map);
	if (msgpack_unpack_next(&map, reply->body.data, reply->body.len, &at) ==
	    MSGPACK_UNPACK_SUCCESS)
		msgpack_object_print(stdout, map.data);
	msgpack_unpacked_destroy(&map);
	putchar('\n');
}

int
main(int argc, char **argv)
{
	const struct pm2a_options options = {
		.name = "statistics",
		.role = PM2A_ROLE_OBSERVER,
	};
	const struct pm2a_stats_request request = {
		.sections = (const char *const *)(argv + 1),
		.n_sections = (size_t)(argc - 1),
		.limit = ROWS_MAX,
		.on_reply = on_reply,
	};
	struct pm2a *p = NULL;
	int r = pm2a_new(&options, &p);

	if (r == 0)
		r = pm2a_stats(p, &request);
	if (r == 0)
		r = pm2a_run(p, -1);
	pm2a_free(p);
	if (r != 0)
		fprintf(stderr, "statistics: %s\n", pm2a_strerror(r));
	return r == 0 && result == 0 ? 0 : 69;
}
