#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modes.h"
#include "samples.h"

/*
 * As many receivers again are another process, which reads, then is stopped,
 * and then is gone. Those of this process get the same all the time. While the
 * other one reads it needs a part of this CPU, so the fair comparison, and the
 * harder one, is that of the stopped with the gone: what do receivers cost that
 * take nothing?
 */

enum phase { READING, STOPPED, GONE, N_PHASES };

static const char *const phase_names[] = { "reading", "stopped", "gone" };

struct figures {
	struct percentiles times;
	double per_s; /* messages */
	double ns;    /* of the broker's CPU for each delivery here */
};

static _Noreturn void
read_for_ever(struct load *l, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	load_open(l);
	write_all(ready, "", 1);
	while (l->n_faults == 0)
		load_turn(l, STALL_MS);
	_exit(1);
}

/* Returns when all of them have subscribed. */
static pid_t
start_others(struct load *l)
{
	int fds[2];
	uint8_t byte;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		read_for_ever(l, fds[1]);
	close(fds[1]);
	read_all(fds[0], &byte, 1);
	close(fds[0]);
	return pid;
}

static void
begin_phase(enum phase phase, pid_t others)
{
	int status;

	if (phase == READING)
		return;
	if (waitpid(others, &status, WNOHANG) != 0)
		errx(1, "the other receivers have ended");
	kill(others, phase == STOPPED ? SIGSTOP : SIGKILL);
	waitpid(others, &status, WUNTRACED);
}

static struct figures
measure(struct samples *s, const struct mode_options *o)
{
	struct load *l = s->load;
	struct figures figures = { .per_s = 0 };
	uint64_t first = s->n_done, n_delivered = l->n_delivered;
	double start = now(CLOCK_MONOTONIC), cpu = now(o->peer.clock);

	if (o->pace > 0) {
		samples_run(s, o->seconds, o->pace);
		figures.times = samples_from(s, first);
	} else {
		load_run(l, o->seconds);
	}
	n_delivered = l->n_delivered - n_delivered;
	figures.per_s = (double)n_delivered / (double)o->n_receivers /
			(now(CLOCK_MONOTONIC) - start);
	figures.ns = (now(o->peer.clock) - cpu) * 1e9 / (double)n_delivered;
	load_drain(l);
	return figures;
}

uint64_t
mode_stall(const struct mode_options *o)
{
	struct load load = { .peer = &o->peer,
		.ops = &load_one_topic,
		.topic = "bench#/#",
		.n_receivers = o->n_receivers,
		.size = o->size,
		.window = o->pace > 0 ? N_SAMPLES_MAX : o->window,
		.n_batch = o->pace > 0 ? 1 : o->n_batch };
	struct load other = load;
	struct samples s = { .load = &load };
	struct figures f;
	pid_t others;

	samples_open(&s);
	others = start_others(&other);
	load_open(&load);
	for (int phase = 0; phase < N_PHASES; phase++) {
		begin_phase((enum phase)phase, others);
		f = measure(&s, o);
		printf("%s\"%s_p99_us\":%.1f,\"%s_per_s\":%.0f,\"%s_ns\":%.1f",
		    phase == 0 ? "{" : ",", phase_names[phase], f.times.p99_us,
		    phase_names[phase], f.per_s, phase_names[phase], f.ns);
	}
	printf(",\"faults\":%llu}\n", (unsigned long long)load.n_faults);
	load_close(&load);
	samples_close(&s);
	return load.n_faults;
}
