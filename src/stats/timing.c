#include "stats/timing.h"

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"

#define CPU_EVERY_US 500
#define CPU_EVERY_TURNS 64

static struct timing *
timing_of(struct loop_watch *watch)
{
	return container_of(watch, struct timing, watch);
}

static void
keep_slow_turn(
    struct timing *timing, int64_t took_us, const struct timing_work *now)
{
	const struct timing_work *before = &timing->before;
	struct slow_entry *entry = slow_add(&timing->slow);
	char line[256];

	entry->wall_ms = clock_wall_ms();
	entry->took_us = took_us;
	entry->messages = (int64_t)(now->messages - before->messages);
	entry->deliveries = (int64_t)(now->deliveries - before->deliveries);
	entry->bytes_in = (int64_t)(now->bytes_in - before->bytes_in);
	entry->bytes_out = (int64_t)(now->bytes_out - before->bytes_out);
	log_warn("slow-turn", "%s", slow_line(entry, line, sizeof(line)));
}

/*
 * Unlike the time of a turn, its CPU time is the same on a busy machine.
 * Reading that clock is a system call, which is too expensive for short turns;
 * so it is read once turns have worked for CPU_EVERY_US. The last turn's CPU
 * time is the thread's since then, less the work of the other turns.
 */
static void
measure_cpu(struct timing *timing, int64_t took_us)
{
	int64_t now_us, cpu_us;

	timing->n_turns++;
	timing->worked_us += took_us;
	if (timing->worked_us < CPU_EVERY_US &&
	    timing->n_turns < CPU_EVERY_TURNS)
		return;
	now_us = clock_thread_us();
	cpu_us = now_us - timing->cpu_us - (timing->worked_us - took_us);
	if (cpu_us > took_us)
		cpu_us = took_us;
	if (cpu_us > timing->cpu_max_us)
		timing->cpu_max_us = cpu_us;
	timing->cpu_us = now_us;
	timing->worked_us = 0;
	timing->n_turns = 0;
}

static void
on_turned(struct loop_watch *watch, int64_t began_us, int64_t ended_us)
{
	struct timing *timing = timing_of(watch);
	int64_t took_us = ended_us - began_us;
	struct timing_work now = timing->work(timing->work_arg);

	if (timing->slow_turn_us > 0 && took_us >= timing->slow_turn_us)
		keep_slow_turn(timing, took_us, &now);
	timing->before = now;
	measure_cpu(timing, took_us);
	histogram_add(&timing->turn, took_us, 1);
	for (size_t i = 0; i < timing->n_batches; i++)
		histogram_add(&timing->transit,
		    ended_us - timing->batches[i].read_us,
		    timing->batches[i].n);
	timing->n_batches = 0;
}

void
timing_init(struct timing *timing, struct loop *loop,
    struct timing_work (*work)(void *arg), void *work_arg)
{
	timing->work = work;
	timing->work_arg = work_arg;
	timing->loop = loop;
	timing->cpu_us = clock_thread_us();
	timing->watch.turned = on_turned;
	loop_set_watch(loop, &timing->watch);
}

void
timing_fini(struct timing *timing)
{
	loop_set_watch(timing->loop, NULL);
	slow_fini(&timing->slow);
}

void
timing_routed(struct timing *timing, int64_t read_us, uint64_t n)
{
	struct timing_batch *last = NULL;

	if (n == 0)
		return;
	if (timing->n_batches > 0)
		last = &timing->batches[timing->n_batches - 1];
	if (last != NULL &&
	    (last->read_us == read_us || timing->n_batches == TIMING_BATCHES)) {
		last->n += n;
		return;
	}
	timing->batches[timing->n_batches++] =
	    (struct timing_batch){ read_us, n };
}

int64_t
timing_gathered(struct timing *timing, int64_t opened_us)
{
	int64_t took_us = loop_began_us(timing->loop) - opened_us;

	histogram_add(&timing->gather, took_us, 1);
	return took_us;
}
