#include "edge/timing.h"

static struct timing *
timing_of(struct loop_watch *watch)
{
	return (
	    struct timing *)((char *)watch - offsetof(struct timing, watch));
}

static void
on_turned(struct loop_watch *watch, int64_t began_us, int64_t ended_us)
{
	struct timing *timing = timing_of(watch);

	histogram_add(&timing->turn, ended_us - began_us, 1);
	for (size_t i = 0; i < timing->n_batches; i++)
		histogram_add(&timing->transit,
		    ended_us - timing->batches[i].read_us,
		    timing->batches[i].n);
	timing->n_batches = 0;
}

void
timing_init(struct timing *timing, struct loop *loop)
{
	timing->loop = loop;
	timing->watch.turned = on_turned;
	loop_set_watch(loop, &timing->watch);
}

void
timing_fini(struct timing *timing)
{
	loop_set_watch(timing->loop, NULL);
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

void
timing_gathered(struct timing *timing, int64_t asked_us)
{
	histogram_add(
	    &timing->gather, loop_began_us(timing->loop) - asked_us, 1);
}
