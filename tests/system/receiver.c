/*
 * receiver SOCKET TOPIC: a process that reads what is published, as a worker
 * does (an empty SOCKET: at the default place), and says on standard error what
 * it has missed. It ends by a signal.
 */
#include <inttypes.h>
#include <stdio.h>

#include <pm2a.h>

static void
on_missed(struct pm2a *p, const struct pm2a_missed *missed, void *user)
{
	(void)p;
	(void)user;
	fprintf(stderr, "missed: %s, %" PRIu64 " bytes\n", missed->reason,
	    missed->unwritten);
}

int
main(int argc, char **argv)
{
	const struct pm2a_options options = {
		.socket = argc == 3 && *argv[1] != '\0' ? argv[1] : NULL,
		.name = "receiver",
		.callbacks = { .on_missed = on_missed },
	};
	struct pm2a *p = NULL;

	if (argc != 3 || pm2a_new(&options, &p) != 0 ||
	    pm2a_subscribe(p, PM2A_EXACT, pm2a_str(argv[2])) != 0)
		return 1;
	return pm2a_run(p, -1) == 0 ? 0 : 1;
}
