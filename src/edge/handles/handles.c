#include "edge/handles/handles.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/handles/channel.h"

static struct instant
next_deadline(struct loop_source *source)
{
	struct handles *handles = container_of(source, struct handles, source);
	struct instant lend = timeouts_deadline(
	    &handles->lenders, handles->settings.lend_timeout_ms);

	if (handles->done != NULL && handles->drain_end.ms < lend.ms)
		return handles->drain_end;
	return lend;
}

static void
reap(struct loop_task *task)
{
	struct handles *handles = container_of(task, struct handles, reap);
	struct channel *channel;

	while ((channel = TAILQ_FIRST(&handles->closed)) != NULL) {
		TAILQ_REMOVE(&handles->closed, channel, link);
		free(channel);
	}
}

static void
finish_drain(struct handles *handles)
{
	void (*done)(void *arg) = handles->done;

	handles->done = NULL;
	handles_settle(handles);
	done(handles->done_arg);
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct handles *handles = container_of(source, struct handles, source);

	timeouts_expire(
	    &handles->lenders, handles->settings.lend_timeout_ms, now);
	if (handles->done != NULL && instant_reached(handles->drain_end, now))
		finish_drain(handles);
}

void
handles_settle(struct handles *handles)
{
	bool needs_time = handles->n_lenders > 0 || handles->done != NULL;

	if (handles->done != NULL && handles->n_waiting == 0) {
		finish_drain(handles);
		return;
	}
	if (needs_time && !handles->is_timed)
		loop_add_source(handles->loop, &handles->source);
	else if (!needs_time && handles->is_timed)
		loop_remove_source(handles->loop, &handles->source);
	handles->is_timed = needs_time;
}

void
handles_refuse(struct handles *handles, enum handles_refusal why)
{
	handles->n_refused[why]++;
}

static const char *
find_problem(const struct handles *handles, const struct peer *peer)
{
	if (peer->is_tcp || peer->uid != geteuid())
		return "user";
	if (handles->n_channels + handles->n_lenders >= HANDLES_CHANNELS_MAX)
		return "too-many-channels";
	return NULL;
}

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	struct handles *handles = user;
	const char *problem = find_problem(handles, peer);

	if (problem == NULL) {
		channel_open_lender(handles, fd);
		return;
	}
	close(fd);
	listen_retry();
	handles_refuse(handles, REFUSAL_LEND);
	log_warn("lend-refused", "uid=%u pid=%d reason=%s", (unsigned)peer->uid,
	    (int)peer->pid, problem);
}

const struct listen_ops handles_listen_ops = { .accepted = on_accepted };

enum {
	CHANNELS,
	WAITING,
	PASSED,
	REFUSED,
	ABSENT,
	SLOW,
	DESCRIPTOR,
	MALFORMED,
	LOST,
	LENDS_REFUSED,
	N_OWN,
};

static const struct figure_info own[N_OWN] = {
	[CHANNELS] = { "handles", "channels", "pm2adapterd_handles_channels",
	    FIGURE_GAUGE, "Channels of workers that hand over sockets" },
	[WAITING] = { "handles", "waiting", "pm2adapterd_handles_waiting",
	    FIGURE_GAUGE,
	    "Lines that wait for workers to read, most of them "
	    "with a client's socket" },
	[PASSED] = { "handles", "passed", "pm2adapterd_handles_passed",
	    FIGURE_COUNTER, "Sockets handed over from worker to worker" },
	[REFUSED] = { "handles", "refused", "pm2adapterd_handles_refused",
	    FIGURE_COUNTER, "Sockets not handed over, for any reason" },
	[ABSENT] = { "handles", "absent", "pm2adapterd_handles_absent",
	    FIGURE_COUNTER,
	    "Sockets not handed over because the owner has no channel" },
	[SLOW] = { "handles", "slow", "pm2adapterd_handles_slow",
	    FIGURE_COUNTER,
	    "Sockets not handed over because too many wait for the owner" },
	[DESCRIPTOR] = { "handles", "bad_descriptor",
	    "pm2adapterd_handles_bad_descriptor", FIGURE_COUNTER,
	    "Lines with no descriptor, with several, or with one that is not "
	    "a connected socket" },
	[MALFORMED] = { "handles", "malformed", "pm2adapterd_handles_malformed",
	    FIGURE_COUNTER, "Malformed lines, each of which ended a channel" },
	[LOST] = { "handles", "lost", "pm2adapterd_handles_lost",
	    FIGURE_COUNTER,
	    "Sockets handed over that the owner had no descriptor for" },
	[LENDS_REFUSED] = { "handles", "lends_refused",
	    "pm2adapterd_handles_lends_refused", FIGURE_COUNTER,
	    "Channels refused: another user, a malformed line, none in time, "
	    "or over 1024" },
};

static void
set_figures(struct stats_source *source, int64_t *v)
{
	const struct handles *handles =
	    container_of(source, struct handles, stats);
	const uint64_t *refused = handles->n_refused;

	v[CHANNELS] = (int64_t)handles->n_channels;
	v[WAITING] = (int64_t)handles->n_waiting;
	v[PASSED] = (int64_t)handles->sent.n_sent;
	v[ABSENT] = (int64_t)refused[REFUSAL_ABSENT];
	v[SLOW] = (int64_t)(refused[REFUSAL_SLOW] + handles->sent.n_failed);
	v[DESCRIPTOR] = (int64_t)refused[REFUSAL_DESCRIPTOR];
	v[MALFORMED] = (int64_t)refused[REFUSAL_MALFORMED];
	v[REFUSED] = v[ABSENT] + v[SLOW] + v[DESCRIPTOR] + v[MALFORMED];
	v[LOST] = (int64_t)handles->n_lost;
	v[LENDS_REFUSED] = (int64_t)refused[REFUSAL_LEND];
}

/* For the hub. */
static void
drain_source(struct stats_source *source, void (*done)(void *arg), void *arg)
{
	handles_drain(container_of(source, struct handles, stats), done, arg);
}

struct handles *
handles_new(
    struct loop *loop, struct hub *hub, const struct handles_settings *settings)
{
	struct handles *handles = xcalloc(1, sizeof(*handles));

	handles->loop = loop;
	handles->hub = hub;
	handles->settings = *settings;
	handles->source.next_deadline = next_deadline;
	handles->source.expire = expire;
	TAILQ_INIT(&handles->channels);
	TAILQ_INIT(&handles->closed);
	handles->reap.run = reap;
	timeouts_init(&handles->lenders);
	handles->stats = (struct stats_source){
		.figures = own,
		.n_figures = N_OWN,
		.set_figures = set_figures,
		.drain = drain_source,
	};
	hub_add_source(hub, &handles->stats);
	return handles;
}

void
handles_configure(
    struct handles *handles, const struct handles_settings *settings)
{
	handles->settings = *settings;
}

void
handles_free(struct handles *handles)
{
	struct channel *channel;

	if (handles == NULL)
		return;
	hub_remove_source(handles->hub, &handles->stats);
	handles->done = NULL;
	while ((channel = TAILQ_FIRST(&handles->channels)) != NULL)
		channel_close(channel, "shutdown");
	loop_cancel_work(handles->loop, &handles->reap);
	reap(&handles->reap);
	free(handles);
}

void
handles_drain(struct handles *handles, void (*done)(void *arg), void *arg)
{
	handles->done = done;
	handles->done_arg = arg;
	handles->drain_end = instant_after(
	    loop_now(handles->loop), handles->settings.drain_timeout_ms);
	handles_settle(handles);
}
