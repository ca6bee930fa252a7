/*
 * cron-emit: tells browsers something and ends, as a cron job does.
 *
 *	cc cron-emit.c $(pkg-config --cflags --libs pm2adapterd msgpack)
 *	./a.out ROOM TEXT
 *
 * The clients in ROOM, or with an empty ROOM all of them, get the event
 * `headline` with the text and the time: socket.on('headline', (text, at) =>
 *…). It ends with 0 when the daemon has read it.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <msgpack.h>
#include <pm2a.h>

#define TIMEOUT_MS 5000

/* The arguments of an event are msgpack values, one behind the other. */
static void
put_arguments(msgpack_sbuffer *buffer, const char *text)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, buffer, msgpack_sbuffer_write);
	msgpack_pack_str_with_body(&pk, text, strlen(text));
	msgpack_pack_int64(&pk, (int64_t)time(NULL) * 1000);
}

static int
emit_headline(struct pm2a *p, const char *room, const char *text)
{
	struct pm2a_bytes rooms[] = { pm2a_str(room) };
	msgpack_sbuffer args;
	int r;

	msgpack_sbuffer_init(&args);
	put_arguments(&args, text);
	r = pm2a_emit(p, &(struct pm2a_emit){
			     .rooms = rooms,
			     .n_rooms = room[0] == '\0' ? 0 : 1,
			     .event = "headline",
			     .args = pm2a_bytes(args.data, args.size),
			 });
	msgpack_sbuffer_destroy(&args);
	return r;
}

int
main(int argc, char **argv)
{
	const struct pm2a_options options = {
		.name = "cron-emit",
		.role = PM2A_ROLE_EMITTER,
	};
	struct pm2a *p = NULL;
	int r;

	if (argc != 3) {
		fputs("usage: cron-emit ROOM TEXT\n", stderr);
		return 64;
	}
	r = pm2a_new(&options, &p);
	if (r == 0)
		r = emit_headline(p, argv[1], argv[2]);
	if (r == 0)
		r = pm2a_finish(p, TIMEOUT_MS);
	pm2a_free(p);
	if (r == 0)
		return 0;
	fprintf(stderr, "cron-emit: %s\n", pm2a_strerror(r));
	return 69;
}
