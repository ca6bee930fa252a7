/*
 * pump - puts load on a broker and says what that has cost it.
 *
 * One mode for each question (modes.h); a run asks one, prints one line of JSON
 * and ends with 1 when a message was lost, doubled, changed or out of order.
 * The cost is the CPU time of the broker's process, as its CPU clock counts it:
 * in nanoseconds, not in the ticks of /proc.
 */

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "modes.h"

static const struct mode {
	const char *name;
	uint64_t (*run)(const struct mode_options *o);
} modes[] = {
	{ "fanout", mode_fanout },
	{ "topics", mode_topics },
	{ "latency", mode_latency },
	{ "crowd", mode_crowd },
	{ "stall", mode_stall },
};

static _Noreturn void
usage(void)
{
	fputs("usage: pump --mode fanout|topics|latency|crowd|stall\n"
	      "            --protocol native|resp|nats|blind\n"
	      "            --address PATH|HOST:PORT --pid PID [--seconds S]\n"
	      "            [--receivers N] [--size BYTES] [--topics N]\n"
	      "            [--window MESSAGES] [--batch MESSAGES]\n"
	      "            [--pace MESSAGES_PER_SECOND] [--bulk BYTES]\n",
	    stderr);
	exit(64);
}

static size_t
number(const char *text, size_t min, size_t max)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0' || v < min || v > max)
		errx(64, "%s is no number from %zu to %zu", text, min, max);
	return (size_t)v;
}

static const struct option options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "protocol", required_argument, NULL, 'p' },
	{ "address", required_argument, NULL, 'a' },
	{ "pid", required_argument, NULL, 'i' },
	{ "receivers", required_argument, NULL, 'r' },
	{ "size", required_argument, NULL, 'b' },
	{ "topics", required_argument, NULL, 'o' },
	{ "seconds", required_argument, NULL, 't' },
	{ "window", required_argument, NULL, 'w' },
	{ "batch", required_argument, NULL, 'n' },
	{ "pace", required_argument, NULL, 'e' },
	{ "bulk", required_argument, NULL, 'u' },
	{ NULL, 0, NULL, 0 },
};

static void
take_option(struct mode_options *o, const struct mode **mode, int option,
    const char *value)
{
	switch (option) {
	case 'm':
		*mode = NULL;
		for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
			if (strcmp(modes[i].name, value) == 0)
				*mode = &modes[i];
		break;
	case 'p':
		o->peer.protocol = protocol_find(value);
		break;
	case 'a':
		o->peer.address = value;
		break;
	case 'i':
		o->peer.pid = (pid_t)number(value, 1, INT32_MAX);
		break;
	case 'r':
		o->n_receivers = number(value, 1, 1 << 16);
		break;
	case 'b':
		o->size = number(value, LOAD_SIZE_MIN, 1 << 24);
		break;
	case 'o':
		o->n_topics = number(value, 1, 1 << 24);
		break;
	case 't':
		o->seconds = strtod(value, NULL);
		break;
	case 'w':
		o->window = number(value, 1, 1 << 24);
		break;
	case 'n':
		o->n_batch = number(value, 1, 1 << 20);
		break;
	case 'e':
		o->pace = number(value, 1, 1000000);
		break;
	case 'u':
		o->bulk = number(value, LOAD_SIZE_MIN, 1 << 24);
		break;
	default:
		usage();
	}
}

/* Thousands of connections need as many descriptors. */
static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		err(1, "setrlimit");
}

int
main(int argc, char **argv)
{
	struct mode_options o = { .n_receivers = 4,
		.size = 64,
		.n_topics = 10,
		.window = 8192,
		.n_batch = 1024,
		.seconds = 1 };
	const struct mode *mode = &modes[0];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&o, &mode, option, optarg);
	if (optind != argc || mode == NULL || o.peer.protocol == NULL ||
	    o.peer.address == NULL || o.peer.pid == 0 || o.n_batch > o.window ||
	    !(o.seconds > 0 && o.seconds < 3600))
		usage();
	/* A broker that goes away is an error of write(), with its words. */
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	peer_find_clock(&o.peer);
	return mode->run(&o) != 0;
}
