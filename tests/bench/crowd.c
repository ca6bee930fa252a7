#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "modes.h"

#define N_PUBLISHES 5
#define N_AT_ONCE 1024
#define INPUT_SIZE 4096

/* Milliseconds until one message has reached all. */
static double
publish_one(struct load *l)
{
	double start = now(CLOCK_MONOTONIC);

	load_publish(l);
	load_drain(l);
	return (now(CLOCK_MONOTONIC) - start) * 1e3;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median_of_publishes(struct load *l)
{
	double ms[N_PUBLISHES];

	for (size_t i = 0; i < N_PUBLISHES; i++)
		ms[i] = publish_one(l);
	qsort(ms, N_PUBLISHES, sizeof(*ms), compare);
	return ms[N_PUBLISHES / 2];
}

/* Clients that connect as Node's do: without waiting, and once. Returns the
 * milliseconds that all of connect() took; *n_out are those who got in, to the
 * answer to HELLO. */
static double
connect_at_once(const struct peer *peer, int *n_out)
{
	static int fds[N_AT_ONCE];
	double start;

	for (int i = 0; i < N_AT_ONCE; i++) {
		fds[i] = peer_socket(peer);
		set_blocking(fds[i], false);
	}
	start = now(CLOCK_MONOTONIC);
	for (int i = 0; i < N_AT_ONCE; i++)
		if (peer_try_connect(peer, fds[i]) != 0) {
			warn("client %d", i);
			close(fds[i]);
			fds[i] = -1;
		}
	start = now(CLOCK_MONOTONIC) - start;
	*n_out = 0;
	for (int i = 0; i < N_AT_ONCE; i++) {
		if (fds[i] < 0)
			continue;
		set_blocking(fds[i], true);
		peer->protocol->greet(fds[i], false);
		++*n_out;
	}
	for (int i = 0; i < N_AT_ONCE; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return start * 1e3;
}

uint64_t
mode_crowd(const struct mode_options *o)
{
	struct load l = { .peer = &o->peer,
		.ops = &load_one_topic,
		.topic = "bench#/#",
		.n_receivers = o->n_receivers,
		.size = o->size,
		.window = 1,
		.n_batch = 1,
		.input_size = INPUT_SIZE };
	double memory = (double)peer_memory(&o->peer);
	double publish_ms, connect_ms, cpu;
	int n_in;

	load_open(&l);
	memory = (double)peer_memory(&o->peer) - memory;
	cpu = now(o->peer.clock);
	publish_ms = median_of_publishes(&l);
	cpu = (now(o->peer.clock) - cpu) * 1e3 / N_PUBLISHES;
	load_close(&l);
	connect_ms = connect_at_once(&o->peer, &n_in);
	printf("{\"faults\":%llu,\"bytes_each\":%.1f,\"publish_ms\":%.1f,"
	       "\"publish_cpu_ms\":%.1f,\"at_once\":%d,\"at_once_in\":%d,"
	       "\"connect_ms\":%.2f}\n",
	    (unsigned long long)l.n_faults, memory / (double)o->n_receivers,
	    publish_ms, cpu, N_AT_ONCE, n_in, connect_ms);
	return l.n_faults;
}
