/*
 * loop - the event loop's turns: callbacks, then flushing, then reaping.
 *
 * A turn runs the callbacks of ready events, then deadlines, then every task on
 * the work list, then a slice of the jobs (net/job.h), then the flush list and
 * the reap list until the flush list is empty, or until the turn has taken 5 ms
 * for flushing and 8 for reaping: the rest is left to the next turn. Callbacks
 * only mark, and put tasks on lists; nothing is written or freed before the end
 * of the turn. One libevent timer serves all deadlines: it is set after each
 * turn to the earliest of all sources.
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

/* A watched descriptor or signal. Embedded in the object that it belongs to. */
struct loop_event {
	struct event event;
	struct loop *loop;
	void (*ready)(struct loop_event *event);
};

/* Work for the end of a turn. Embedded in the object that it belongs to. */
struct loop_task {
	TAILQ_ENTRY(loop_task) link;
	bool is_queued;
	void (*run)(struct loop_task *task);
};

/* An object with deadlines. Embedded; removed before it ends. */
struct loop_source {
	TAILQ_ENTRY(loop_source) link;
	/* The earliest deadline, or INSTANT_NEVER. */
	struct instant (*next_deadline)(struct loop_source *source);
	/* Handles every deadline at or before `now`. */
	void (*expire)(struct loop_source *source, struct instant now);
};

/* Called after each turn with the times, on clock_us(), at which its work began
 * (after waiting for events) and ended. Embedded. */
struct loop_watch {
	void (*turned)(
	    struct loop_watch *watch, int64_t began_us, int64_t ended_us);
};

/* Returns 0 or a negative errno. */
int must_check loop_new(struct loop **out);

/* All task lists must be empty. NULL is allowed. */
void loop_free(struct loop *loop);

/* Runs one turn. With `may_wait`, waits for an event or a deadline first.
 * Returns 0 or a negative errno. */
int must_check loop_turn(struct loop *loop, bool may_wait);

/* Runs turns until loop_stop(). Returns 0 or a negative errno. */
int must_check loop_run(struct loop *loop);

/* Makes the current turn the last. */
void loop_stop(struct loop *loop);

/* Returns the time of this turn, read once when first needed. */
struct instant loop_now(struct loop *loop);

/* Returns when this turn's work began, in microseconds. */
int64_t loop_began_us(struct loop *loop);

/* Sets the one watch; NULL: none. */
void loop_set_watch(struct loop *loop, struct loop_watch *watch);

/*
 * Prepares `event` to call `ready` in each turn in which `fd` is readable or
 * writable, or in which the signal `signo` has arrived. Watches nothing before
 * loop_event_add().
 */
void loop_event_init(struct loop_event *event, struct loop *loop, int fd,
    enum loop_ready what, void (*ready)(struct loop_event *event));
void loop_event_init_signal(struct loop_event *event, struct loop *loop,
    int signo, void (*ready)(struct loop_event *event));

/* Starts watching. No effect if it already does. Returns 0, or -ENOMEM or
 * another negative errno if the system refuses to watch the descriptor. */
int must_check loop_event_add(struct loop_event *event);

/* Stops watching. Idempotent. */
void loop_event_del(struct loop_event *event);

/*
 * Marks the beginning of the turn's work. For callbacks of libraries that use
 * libevent themselves (evhttp); loop_event does it for its callbacks.
 */
void loop_mark(struct loop *loop);

/* For libraries that use libevent themselves. */
struct event_base *loop_base(struct loop *loop);

void loop_add_source(struct loop *loop, struct loop_source *source);
void loop_remove_source(struct loop *loop, struct loop_source *source);

/* Runs `task` once at the end of this turn, however often it is queued. A task
 * of the work list may queue itself again: it then runs at the end of the next
 * turn, which does not wait for events. */
void loop_work_later(struct loop *loop, struct loop_task *task);
void loop_flush_later(struct loop *loop, struct loop_task *task);
void loop_reap_later(struct loop *loop, struct loop_task *task);

/* Returns the jobs of the loop, of which each turn runs a slice after its work
 * list. A job that is started before then has its first step in this turn. */
struct job_list;
struct job_list *loop_jobs(struct loop *loop);

/* Remove `task` from that list, if it is on it. Must not be called while the
 * list runs. */
void loop_cancel_work(struct loop *loop, struct loop_task *task);
void loop_cancel_flush(struct loop *loop, struct loop_task *task);

/* Returns libevent's version and method: "2.1.12-stable (epoll)". */
const char *loop_library_version(void);

#endif
