#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "net/job.h"
#include "net/loop_memory.h"

/* Writing to thousands of receivers takes longer than a turn may, and so does
 * the end of thousands of connections: the rest is left to the next turn. */
#define FLUSH_UNTIL_US 5000 /* since the turn began to work */
#define REAP_UNTIL_US 8000
#define TASKS_UNTIMED 6 /* tasks between two looks at the clock */

TAILQ_HEAD(task_list, loop_task);

struct loop {
	struct event_base *base;
	struct event *timer;
	struct instant armed; /* the time that the timer is set to */
	bool is_due;          /* it has fired, or was never set */
	int64_t began_us;     /* when this turn began to work: see loop.h */
	bool has_begun;
	struct loop_watch *watch; /* or NULL */
	struct task_list work;
	struct job_list jobs;
	struct task_list flush;
	struct task_list reap;
	TAILQ_HEAD(source_list, loop_source) sources;
	bool is_stopped;
};

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop_mark(loop);
	loop->armed = INSTANT_NEVER;
	loop->is_due = true;
}

int
loop_new(struct loop **out)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	TAILQ_INIT(&loop->work);
	TAILQ_INIT(&loop->jobs);
	TAILQ_INIT(&loop->flush);
	TAILQ_INIT(&loop->reap);
	TAILQ_INIT(&loop->sources);
	loop->armed = INSTANT_NEVER;
	loop->is_due = true;
	loop_memory_init();
	loop->base = event_base_new();
	if (loop->base != NULL)
		loop->timer = evtimer_new(loop->base, on_timer, loop);
	if (loop->timer == NULL) {
		loop_free(loop);
		return err_trace(-ENOMEM);
	}
	*out = loop;
	return 0;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->timer != NULL)
		event_free(loop->timer);
	if (loop->base != NULL)
		event_base_free(loop->base);
	free(loop);
}

static void
run_tasks(struct task_list *list)
{
	struct loop_task *task;

	while ((task = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, task, link);
		task->is_queued = false;
		task->run(task);
	}
}

/* Returns false when end_us is over and tasks are left. */
static bool
run_until(struct task_list *list, int64_t end_us)
{
	struct loop_task *task;

	for (int n = 1; (task = TAILQ_FIRST(list)) != NULL; n++) {
		TAILQ_REMOVE(list, task, link);
		task->is_queued = false;
		task->run(task);
		if (n % TASKS_UNTIMED == 0 && clock_us() >= end_us)
			return TAILQ_EMPTY(list);
	}
	return true;
}

/* A task that queues itself again runs in the next turn. */
static void
run_work(struct loop *loop)
{
	struct task_list due = TAILQ_HEAD_INITIALIZER(due);

	TAILQ_CONCAT(&due, &loop->work, link);
	run_tasks(&due);
}

/* The timer is set to the earliest deadline of all sources, so most turns need
 * not look at any other. */
static void
expire_due(struct loop *loop)
{
	struct loop_source *source, *next;
	struct instant now = loop_now(loop);

	if (!loop->is_due && !instant_reached(loop->armed, now))
		return;
	loop->is_due = false;
	TAILQ_FOREACH_SAFE (source, &loop->sources, link, next)
		if (instant_reached(source->next_deadline(source), now))
			source->expire(source, now);
}

/*
 * A turn ends with both lists empty, unless its time is over: tasks that a
 * deadline or a reaping puts on the flush list, such as the PRESENCE of a
 * member that has left, run in this turn.
 */
static void
end_turn(struct loop *loop)
{
	int64_t began_us;
	bool is_in_time;

	expire_due(loop);
	run_work(loop);
	if (!TAILQ_EMPTY(&loop->jobs))
		job_run_slice(&loop->jobs);
	began_us = loop_began_us(loop);
	do {
		is_in_time = run_until(&loop->flush, began_us + FLUSH_UNTIL_US);
		is_in_time &= run_until(&loop->reap, began_us + REAP_UNTIL_US);
	} while (is_in_time && !TAILQ_EMPTY(&loop->flush));
	if (loop->watch != NULL)
		loop->watch->turned(
		    loop->watch, loop_began_us(loop), clock_us());
}

static int
arm_timer(struct loop *loop)
{
	struct instant deadline = INSTANT_NEVER;
	struct loop_source *source;
	struct instant now;
	struct timeval tv;
	int64_t ms;

	TAILQ_FOREACH (source, &loop->sources, link)
		deadline =
		    instant_earlier(deadline, source->next_deadline(source));
	if (deadline.ms == loop->armed.ms)
		return 0;
	loop->armed = deadline;
	if (deadline.ms == INSTANT_NEVER.ms)
		return evtimer_del(loop->timer);
	now = clock_now(); /* the turn may have been a long one */
	ms = instant_reached(deadline, now) ? 0 : deadline.ms - now.ms;
	tv = (struct timeval){ ms / 1000, (suseconds_t)(ms % 1000 * 1000) };
	return evtimer_add(loop->timer, &tv);
}

int
loop_turn(struct loop *loop, bool may_wait)
{
	bool waits = may_wait && TAILQ_EMPTY(&loop->work) &&
		     TAILQ_EMPTY(&loop->jobs) && TAILQ_EMPTY(&loop->flush) &&
		     TAILQ_EMPTY(&loop->reap);

	if (arm_timer(loop) != 0)
		return err_trace(-ENOMEM);
	loop->has_begun = false;
	if (event_base_loop(
		loop->base, EVLOOP_ONCE | (waits ? 0 : EVLOOP_NONBLOCK)) < 0)
		return err_trace(-EIO);
	end_turn(loop);
	return 0;
}

int
loop_run(struct loop *loop)
{
	int r = 0;

	end_turn(loop);
	while (r == 0 && !loop->is_stopped)
		r = loop_turn(loop, true);
	return r;
}

void
loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}

struct instant
loop_now(struct loop *loop)
{
	return (struct instant){ loop_began_us(loop) / 1000 };
}

int64_t
loop_began_us(struct loop *loop)
{
	loop_mark(loop);
	return loop->began_us;
}

void
loop_set_watch(struct loop *loop, struct loop_watch *watch)
{
	loop->watch = watch;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct loop_event *event = arg;

	(void)fd;
	(void)what;
	loop_mark(event->loop);
	event->ready(event);
}

void
loop_event_init(struct loop_event *event, struct loop *loop, int fd,
    enum loop_ready what, void (*ready)(struct loop_event *event))
{
	short flag = what == LOOP_READABLE ? EV_READ : EV_WRITE;

	event->loop = loop;
	event->ready = ready;
	event_assign(
	    &event->event, loop->base, fd, flag | EV_PERSIST, on_event, event);
}

void
loop_event_init_signal(struct loop_event *event, struct loop *loop, int signo,
    void (*ready)(struct loop_event *event))
{
	event->loop = loop;
	event->ready = ready;
	event_assign(&event->event, loop->base, signo, EV_SIGNAL | EV_PERSIST,
	    on_event, event);
}

int
loop_event_add(struct loop_event *event)
{
	errno = 0;
	if (event_add(&event->event, NULL) == 0)
		return 0;
	return err_trace(errno > 0 ? -errno : -ENOMEM);
}

void
loop_event_del(struct loop_event *event)
{
	event_del(&event->event);
}

void
loop_mark(struct loop *loop)
{
	if (loop->has_begun)
		return;
	loop->began_us = clock_us();
	loop->has_begun = true;
}

struct event_base *
loop_base(struct loop *loop)
{
	return loop->base;
}

void
loop_add_source(struct loop *loop, struct loop_source *source)
{
	TAILQ_INSERT_TAIL(&loop->sources, source, link);
}

void
loop_remove_source(struct loop *loop, struct loop_source *source)
{
	TAILQ_REMOVE(&loop->sources, source, link);
}

static void
queue_task(struct task_list *list, struct loop_task *task)
{
	if (task->is_queued)
		return;
	task->is_queued = true;
	TAILQ_INSERT_TAIL(list, task, link);
}

void
loop_work_later(struct loop *loop, struct loop_task *task)
{
	queue_task(&loop->work, task);
}

void
loop_flush_later(struct loop *loop, struct loop_task *task)
{
	queue_task(&loop->flush, task);
}

void
loop_reap_later(struct loop *loop, struct loop_task *task)
{
	queue_task(&loop->reap, task);
}

struct job_list *
loop_jobs(struct loop *loop)
{
	return &loop->jobs;
}

static void
cancel(struct task_list *list, struct loop_task *task)
{
	if (!task->is_queued)
		return;
	TAILQ_REMOVE(list, task, link);
	task->is_queued = false;
}

void
loop_cancel_work(struct loop *loop, struct loop_task *task)
{
	cancel(&loop->work, task);
}

void
loop_cancel_flush(struct loop *loop, struct loop_task *task)
{
	cancel(&loop->flush, task);
}

const char *
loop_library_version(void)
{
	return event_get_version();
}
