/*
 * loop - the event loop's turns: callbacks, then flushing, then reaping.
 *
 * A turn runs what libevent has for us, then deadlines, then every task on the
 * work list, then a slice of the jobs (net/job.h), then the flush list and the
 * reap list until nothing is to flush. Callbacks mark and put themselves on a
 * list; nothing is written and nothing is freed before the turn is over. One
 * libevent timer stands for all deadlines: after each turn the sources are
 * asked for their earliest.
 */
#ifndef PM2A_NET_LOOP_H
#define PM2A_NET_LOOP_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/err.h"

struct event_base;
struct loop;

enum loop_ready {
	LOOP_READABLE,
	LOOP_WRITABLE,
};

/* A descriptor or a signal that is watched. Embedded in what it is about. */
struct loop_event {
	struct event event;
	struct loop *loop;
	void (*ready)(struct loop_event *event);
};

/* Something to do at the end of a turn. Embedded in what it is about. */
struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	bool is_queued;
	void (*run)(struct loop_task *task);
};

/* Somebody who has deadlines. Embedded; removed before it goes. */
struct loop_source {
	TAILQ_ENTRY(loop_source) link;
	/* The earliest deadline, or INSTANT_NEVER. */
	struct instant (*next_deadline)(struct loop_source *source);
	/* Do what is due at now. */
	void (*expire)(struct loop_source *source, struct instant now);
};

/* Who is told of each turn that has ended: when it began to work, which is
 * after it has waited, and when it was done, on clock_us(). Embedded. */
struct loop_watch {
	void (*turned)(
	    struct loop_watch *watch, int64_t began_us, int64_t ended_us);
};

/* Returns 0 or a negative errno. */
int must_check loop_new(struct loop **out);

/* No task may be queued. NULL is fine. */
void loop_free(struct loop *loop);

/* Runs one turn; with may_wait it waits for an event or a deadline first.
 * Returns 0 or a negative errno. */
int must_check loop_turn(struct loop *loop, bool may_wait);

/* Runs turns until loop_stop(). Returns 0 or a negative errno. */
int must_check loop_run(struct loop *loop);

/* The turn that runs is the last. */
void loop_stop(struct loop *loop);

/* The time of this turn: one reading of the clock, when it is first asked. */
struct instant loop_now(struct loop *loop);

/* The same in microseconds: when the turn began to work. */
int64_t loop_began_us(struct loop *loop);

/* There is one watch at most; NULL: none. */
void loop_set_watch(struct loop *loop, struct loop_watch *watch);

/*
 * Prepares `event` to call `ready` in each turn in which `fd` is readable or
 * writable, or in which the signal `signo` has come. Nothing is watched before
 * loop_event_add().
 */
void loop_event_init(struct loop_event *event, struct loop *loop, int fd,
    enum loop_ready what, void (*ready)(struct loop_event *event));
void loop_event_init_signal(struct loop_event *event, struct loop *loop,
    int signo, void (*ready)(struct loop_event *event));

/* Watches. No effect if it does so already. Returns 0, or -ENOMEM or another
 * negative errno if the system refuses to watch the descriptor. */
int must_check loop_event_add(struct loop_event *event);

/* Ceases to watch. Idempotent. */
void loop_event_del(struct loop_event *event);

/*
 * Marks the beginning of the turn's work. For callbacks of libraries that use
 * libevent by themselves (evhttp); those of loop_event have it done for them.
 */
void loop_mark(struct loop *loop);

/* For libraries that use libevent by themselves. */
struct event_base *loop_base(struct loop *loop);

void loop_add_source(struct loop *loop, struct loop_source *source);
void loop_remove_source(struct loop *loop, struct loop_source *source);

/* Runs task once, at the end of this turn; queued twice is once. A task of the
 * work list may queue itself again: it runs at the end of the next turn, and
 * that one doesn't wait for events. */
void loop_work_later(struct loop *loop, struct loop_task *task);
void loop_flush_later(struct loop *loop, struct loop_task *task);
void loop_reap_later(struct loop *loop, struct loop_task *task);

/* The jobs of the loop, of which each turn does a slice behind its work list:
 * for net/job alone. Whoever adds one has it done in this turn. */
struct job_list;
struct job_list *loop_jobs(struct loop *loop);

/* Take task off that list, if it is there; not while the list is run. */
void loop_cancel_work(struct loop *loop, struct loop_task *task);
void loop_cancel_flush(struct loop *loop, struct loop_task *task);

/* libevent's version and method: "2.1.12-stable (epoll)". */
const char *loop_library_version(void);

#endif
