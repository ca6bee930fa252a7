#include "stats/hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/keeper.h"
#include "net/piped.h"

#define SOURCE_FIGURES_MAX 64

static struct timing_work
work_so_far(void *arg)
{
	const struct hub *hub = arg;
	const struct broker_stats *broker = broker_stats(hub->broker);
	const struct conn_set_stats *net = conn_set_stats(hub->set);

	return (struct timing_work){
		.messages = broker->n_published,
		.deliveries = broker->n_delivered,
		.bytes_in = net->bytes_in,
		.bytes_out = net->bytes_out,
	};
}

static struct instant
next_deadline(struct loop_source *source)
{
	return rates_due(&container_of(source, struct hub, deadlines)->rates);
}

static void
sample_rates(struct loop_source *source, struct instant now)
{
	struct hub *hub = container_of(source, struct hub, deadlines);
	const struct broker_stats *broker = broker_stats(hub->broker);
	const struct conn_set_stats *net = conn_set_stats(hub->set);
	const uint64_t counters[RATES_COUNTERS] = {
		broker->n_published,
		broker->n_delivered,
		net->bytes_in,
		net->bytes_out,
		hub->timing.turn.sum_us,
	};

	rates_add(&hub->rates, now, counters);
}

struct hub *
hub_new(struct loop *loop, struct conn_set *set, struct broker *broker,
    const struct hub_settings *settings)
{
	struct hub *hub = xcalloc(1, sizeof(*hub));

	hub->loop = loop;
	hub->set = set;
	hub->broker = broker;
	TAILQ_INIT(&hub->sources);
	timing_init(&hub->timing, loop, work_so_far, hub);
	hub_configure(hub, settings);
	hub->started = loop_now(loop);
	hub->epoch_ms = clock_wall_ms();
	closed_register(&hub->closed, conn_causes);
	hub->deadlines.next_deadline = next_deadline;
	hub->deadlines.expire = sample_rates;
	loop_add_source(loop, &hub->deadlines);
	return hub;
}

void
hub_free(struct hub *hub)
{
	if (hub == NULL)
		return;
	assert(TAILQ_EMPTY(&hub->sources));
	loop_remove_source(hub->loop, &hub->deadlines);
	timing_fini(&hub->timing);
	closed_fini(&hub->closed);
	free(hub);
}

void
hub_configure(struct hub *hub, const struct hub_settings *settings)
{
	hub->settings = *settings;
	hub->timing.slow_turn_us = settings->slow_turn_us;
	hub->timing.slow_question_us = settings->slow_question_us;
}

void
hub_add_source(struct hub *hub, struct stats_source *source)
{
	assert(source->n_figures <= SOURCE_FIGURES_MAX);
	TAILQ_INSERT_TAIL(&hub->sources, source, link);
}

void
hub_remove_source(struct hub *hub, struct stats_source *source)
{
	TAILQ_REMOVE(&hub->sources, source, link);
}

static void
on_source_drained(void *arg)
{
	struct hub *hub = arg;

	if (--hub->n_drains == 0)
		hub->drained(hub->drained_arg);
}

/* One more for this function, so that a source without connections does not end
 * the drain. */
void
hub_drain(struct hub *hub, void (*done)(void *arg), void *arg)
{
	struct stats_source *source;

	hub->drained = done;
	hub->drained_arg = arg;
	hub->n_drains = 1;
	TAILQ_FOREACH_REVERSE(source, &hub->sources, stats_sources, link)
	{
		if (source->drain == NULL)
			continue;
		hub->n_drains++;
		source->drain(source, on_source_drained, hub);
	}
	on_source_drained(hub);
}

void
hub_set_listener(struct hub *hub, const struct listener *listener)
{
	hub->listener = listener;
}

void
hub_note_reload(struct hub *hub, bool is_done, const char *said)
{
	hub->n_reloaded += is_done;
	hub->n_reloads_refused += !is_done;
	hub->is_reload_refused = !is_done;
	snprintf(hub->reload_said, sizeof(hub->reload_said), "%s", said);
}

int64_t
hub_epoch_ms(const struct hub *hub)
{
	return hub->epoch_ms;
}

struct closed *
hub_closed(struct hub *hub)
{
	return &hub->closed;
}

struct apps *
hub_apps(struct hub *hub)
{
	return &hub->apps;
}

struct timing *
hub_timing(struct hub *hub)
{
	return &hub->timing;
}

static void
take_broker(const struct hub *hub, int64_t *v)
{
	const struct broker_stats *broker = broker_stats(hub->broker);
	const struct topic_registry *topics = broker_topics(hub->broker);

	v[FIGURE_TOPICS] = (int64_t)topic_n_exact(topics);
	v[FIGURE_PREFIXES] = (int64_t)topic_n_prefixes(topics);
	v[FIGURE_SUBSCRIPTIONS] = (int64_t)topic_n_subscriptions(topics);
	v[FIGURE_PUBLISHED] = (int64_t)broker->n_published;
	v[FIGURE_PUBLISHED_BYTES] = (int64_t)broker->published_bytes;
	v[FIGURE_DELIVERED] = (int64_t)broker->n_delivered;
	v[FIGURE_DELIVERED_BYTES] = (int64_t)broker->delivered_bytes;
	v[FIGURE_UNROUTED] = (int64_t)broker->n_unrouted;
}

static void
take_questions(const struct hub *hub, int64_t *v)
{
	const struct broker_stats *broker = broker_stats(hub->broker);
	const struct request_registry *requests = broker_requests(hub->broker);

	v[FIGURE_QUESTIONS_ASKED] = (int64_t)broker->n_asked;
	v[FIGURE_QUESTIONS_OPEN] = (int64_t)request_n_open(requests);
	v[FIGURE_QUESTIONS_GATHERED_BYTES] =
	    (int64_t)request_n_gathered_bytes(requests);
	v[FIGURE_QUESTIONS_SENT] = (int64_t)broker->n_questions;
	v[FIGURE_QUESTIONS_ANSWERS] = (int64_t)broker->n_answers;
	v[FIGURE_QUESTIONS_TIMEOUT] = (int64_t)broker->n_timeouts;
	v[FIGURE_QUESTIONS_ABANDONED] = (int64_t)broker->n_abandoned;
	v[FIGURE_QUESTIONS_LATE] = (int64_t)broker->n_late;
	v[FIGURE_QUESTIONS_DOUBLED] = (int64_t)broker->n_doubled;
	v[FIGURE_QUESTIONS_FOREIGN] = (int64_t)broker->n_foreign;
}

static void
take_net(const struct hub *hub, int64_t *v)
{
	const struct conn_set_stats *net = conn_set_stats(hub->set);
	const struct piped_stats *piped = piped_stats();
	static const struct listen_stats none;
	const struct listen_stats *accepts =
	    hub->listener == NULL ? &none : listen_stats(hub->listener);

	v[FIGURE_CONNECTIONS] = (int64_t)conn_set_n_open(hub->set);
	v[FIGURE_BYTES_IN] = (int64_t)net->bytes_in;
	v[FIGURE_BYTES_OUT] = (int64_t)net->bytes_out;
	v[FIGURE_DROPS_UNWRITTEN_BYTES] = (int64_t)net->n_unwritten;
	v[FIGURE_SPLICED_MESSAGES] = (int64_t)net->n_spliced;
	v[FIGURE_SPLICED_BYTES] = (int64_t)net->spliced_bytes;
	v[FIGURE_SPLICED_SETTLED] = (int64_t)piped->n_settled;
	v[FIGURE_SPLICED_FAILED] = (int64_t)piped->n_failed;
	v[FIGURE_ACCEPTED] = (int64_t)accepts->n_accepted;
	v[FIGURE_ACCEPT_PAUSES] = (int64_t)listen_n_paused();
	v[FIGURE_SOCKETS_RESTORED] = (int64_t)keeper_stats()->n_restored;
	v[FIGURE_SOCKETS_ABSENT] = (int64_t)keeper_stats()->n_absent;
}

static void
take_memory(const struct hub *hub, int64_t *v)
{
	v[FIGURE_BLOB_BYTES] = (int64_t)blob_total_bytes();
	v[FIGURE_MEMORY_BYTES] = (int64_t)blob_held_bytes();
	v[FIGURE_MEMORY_PEAK_BYTES] = (int64_t)blob_peak_bytes();
	v[FIGURE_MEMORY_LIMIT_BYTES] =
	    (int64_t)conn_set_limits(hub->set)->memory_bytes;
}

static void
take_rates(const struct hub *hub, struct figures *out)
{
	for (int i = 0; i < RATES_COUNTERS; i++)
		out->rates[i] =
		    rates_per_second(&hub->rates, (enum rates_counter)i);
	/* The work of a turn that began before the ten seconds counts too. */
	out->busy = out->rates[RATES_BUSY_US] / 1e6;
	if (out->busy > 1)
		out->busy = 1;
}

void
hub_figures(struct hub *hub, struct figures *out)
{
	struct stats_source *source;
	int64_t *v;

	*out = (struct figures){
		.transit = &hub->timing.transit,
		.gather = &hub->timing.gather,
		.turn = &hub->timing.turn,
	};
	v = out->values;
	take_rates(hub, out);
	v[FIGURE_UPTIME_MS] = loop_now(hub->loop).ms - hub->started.ms;
	v[FIGURE_TURN_CPU_MAX_US] = hub->timing.cpu_max_us;
	v[FIGURE_LOG_DROPPED] = (int64_t)log_n_dropped();
	v[FIGURE_LOG_SUPPRESSED] = (int64_t)log_n_suppressed();
	v[FIGURE_RELOAD_DONE] = (int64_t)hub->n_reloaded;
	v[FIGURE_RELOAD_REFUSED] = (int64_t)hub->n_reloads_refused;
	v[FIGURE_RELOAD_LAST_REFUSED] = hub->is_reload_refused;
	take_broker(hub, v);
	take_questions(hub, v);
	take_net(hub, v);
	take_memory(hub, v);
	TAILQ_FOREACH (source, &hub->sources, link)
		if (source->add_figures != NULL)
			source->add_figures(source, out);
}

void
hub_each_figure(struct hub *hub, const struct figures *figures,
    void (*each)(const struct figure_info *info, int64_t value, void *arg),
    void *arg)
{
	struct stats_source *source;

	for (size_t i = 0; i < N_FIGURES; i++)
		each(&figures_info[i], figures->values[i], arg);
	TAILQ_FOREACH (source, &hub->sources, link) {
		int64_t values[SOURCE_FIGURES_MAX] = { 0 };

		if (source->set_figures != NULL)
			source->set_figures(source, values);
		for (size_t i = 0; i < source->n_figures; i++)
			each(&source->figures[i], values[i], arg);
	}
}

void
hub_each_client(struct hub *hub,
    void (*each)(const struct client_row *row, void *arg), void *arg)
{
	struct stats_source *source;

	TAILQ_FOREACH (source, &hub->sources, link)
		if (source->each_client != NULL)
			source->each_client(source, each, arg);
}

void
hub_each_close(struct hub *hub,
    void (*each)(const char *reason, uint64_t n, void *arg), void *arg)
{
	const struct closed *closed = &hub->closed;

	for (size_t i = 0; i < closed->n_counters; i++)
		each(closed->counters[i].reason, closed->counters[i].n, arg);
}

void
hub_each_refusal(struct hub *hub,
    void (*each)(const char *code, uint64_t n, void *arg), void *arg)
{
	struct stats_source *source;

	TAILQ_FOREACH (source, &hub->sources, link)
		if (source->each_refusal != NULL)
			source->each_refusal(source, each, arg);
}
