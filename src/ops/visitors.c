#include "ops/visitors.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/listen.h"

/*
 * A probe must be served whatever other visitors do, so every new connection is
 * accepted and its request is read; then one visitor over the limit is closed.
 * Of those that have been served or are a second old, an idle one is closed
 * first; if there are none, the oldest. So many that connect at once can only
 * close each other.
 *
 * Each request, and each reply, has one deadline as a whole. A byte now and
 * then moves none. The list of visitors is in the order of their deadlines.
 *
 * One request is served in a turn of the loop, so that pipelined requests and
 * many visitors hold it no longer than one does. A request that costs nothing
 * (/healthz) is served as soon as it is read, but only the first of a
 * connection. While a reply is being sent nothing is read.
 *
 * A connection that is closed with bytes unread is reset by the kernel, and the
 * reply may be lost. So the sending side is shut down after the last reply, and
 * further input is discarded.
 */

#define FRESH_MS 1000
#define LINGER_MAX 65536 /* bytes that are thrown away */

enum state {
	READING, /* idle if nothing has come */
	READY,   /* waits in the queue to be served */
	WAITING, /* for its answer */
	WRITING,
	LINGERING,
};

struct visitor {
	TAILQ_ENTRY(visitor) link;
	TAILQ_ENTRY(visitor) in_ready; /* while READY */
	struct visitors *set;
	struct loop_event event;
	bool is_awaited;         /* event is added */
	enum loop_ready awaited; /* for that */
	int fd;
	enum state state;
	struct instant arrived, deadline;
	bool was_served;
	bool keeps;
	void (*cancel)(void *arg); /* while WAITING */
	void *cancel_arg;
	char *out; /* or NULL; from malloc */
	size_t n_out, n_sent;
	size_t n_discarded;
	size_t n_in;
	char in[];
};

struct visitors {
	struct loop *loop;
	struct loop_source source;
	struct loop_task serve;
	const char *name;
	const struct visitors_ops *ops;
	void *user;
	TAILQ_HEAD(visitor_list, visitor) all; /* by deadline */
	struct visitor_list ready;
	size_t n;
	size_t out_bytes; /* of all replies that are not sent in whole */
	struct visitors_stats stats;
};

/* Waits for nothing. */
static void
rest(struct visitor *v)
{
	if (v->is_awaited)
		loop_event_del(&v->event);
	v->is_awaited = false;
}

static void
end(struct visitor *v)
{
	struct visitors *set = v->set;

	if (v->state == READY)
		TAILQ_REMOVE(&set->ready, v, in_ready);
	if (v->state == WAITING)
		v->cancel(v->cancel_arg);
	TAILQ_REMOVE(&set->all, v, link);
	/* An empty set costs the turns of the loop nothing. */
	if (--set->n == 0)
		loop_remove_source(set->loop, &set->source);
	set->out_bytes -= v->n_out;
	rest(v);
	close(v->fd);
	listen_retry();
	free(v->out);
	free(v);
}

static bool
is_idle(const struct visitor *v)
{
	return v->state == LINGERING || (v->state == READING && v->n_in == 0);
}

/* Sends text, if the kernel takes it, unless there is no request: the client
 * would take it for the answer to its next one. */
static void
end_with(struct visitor *v, const char *text)
{
	if (text != NULL && !is_idle(v) && v->state != WRITING)
		(void)!send(
		    v->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	end(v);
}

static void
begin_deadline(struct visitor *v)
{
	struct visitors *set = v->set;

	v->deadline = instant_after(loop_now(set->loop), VISITORS_TIMEOUT_MS);
	TAILQ_REMOVE(&set->all, v, link);
	TAILQ_INSERT_TAIL(&set->all, v, link);
}

static void on_event(struct loop_event *event);

static void
await(struct visitor *v, enum loop_ready what)
{
	int r;

	if (v->is_awaited && v->awaited == what)
		return;
	rest(v);
	loop_event_init(&v->event, v->set->loop, v->fd, what, on_event);
	r = loop_event_add(&v->event);
	if (r != 0) {
		log_warn("metrics-deaf", "socket=%s error=\"%s\"", v->set->name,
		    strerror(-r));
		end(v);
		return;
	}
	v->is_awaited = true;
	v->awaited = what;
}

static void
discard(struct visitor *v)
{
	char bytes[4096];
	ssize_t n = recv(v->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	v->n_discarded += n > 0 ? (size_t)n : 0;
	if (n == 0 || v->n_discarded > LINGER_MAX ||
	    (n < 0 && errno != EAGAIN && errno != EINTR))
		end(v);
	else
		await(v, LOOP_READABLE);
}

static void
linger(struct visitor *v)
{
	v->state = LINGERING;
	begin_deadline(v);
	shutdown(v->fd, SHUT_WR);
	discard(v);
}

static void write_more(struct visitor *v);

static void
serve(struct visitor *v)
{
	struct visitors *set = v->set;
	size_t used;

	v->state = WRITING;
	begin_deadline(v);
	set->stats.n_served++;
	used = set->ops->serve(set->user, v, v->in, v->n_in);
	v->n_in -= used;
	memmove(v->in, v->in + used, v->n_in);
	if (v->state == WRITING)
		write_more(v);
}

void
visitor_wait(struct visitor *v, void (*cancel)(void *arg), void *arg)
{
	rest(v);
	v->state = WAITING;
	v->cancel = cancel;
	v->cancel_arg = arg;
}

/* Judges the received bytes. */
static void
judge(struct visitor *v)
{
	struct visitors *set = v->set;
	enum visitor_verdict verdict = VISITOR_SHORT;

	if (set->ops->in_max == 0)
		verdict = VISITOR_READY;
	else if (v->n_in > 0)
		verdict = set->ops->judge(set->user, v->in, v->n_in);
	if (verdict == VISITOR_SHORT) {
		await(v, LOOP_READABLE);
	} else if (verdict == VISITOR_AT_ONCE && !v->was_served) {
		serve(v);
	} else {
		rest(v);
		v->state = READY;
		begin_deadline(v);
		TAILQ_INSERT_TAIL(&set->ready, v, in_ready);
		loop_work_later(set->loop, &set->serve);
	}
}

static void
read_more(struct visitor *v)
{
	ssize_t n = recv(v->fd, v->in + v->n_in, v->set->ops->in_max - v->n_in,
	    MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		end(v);
		return;
	}
	if (n > 0 && v->n_in == 0)
		begin_deadline(v);
	v->n_in += n > 0 ? (size_t)n : 0;
	judge(v);
}

static void
finish_reply(struct visitor *v)
{
	v->set->out_bytes -= v->n_out;
	free(v->out);
	v->out = NULL;
	v->n_out = v->n_sent = 0;
	v->was_served = true;
	if (v->keeps) {
		v->state = READING;
		begin_deadline(v);
		judge(v);
	} else if (v->set->ops->in_max > 0) {
		linger(v);
	} else {
		end(v);
	}
}

static void
write_more(struct visitor *v)
{
	ssize_t n = send(v->fd, v->out + v->n_sent, v->n_out - v->n_sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end(v);
		return;
	}
	v->n_sent += n > 0 ? (size_t)n : 0;
	if (v->n_sent == v->n_out)
		finish_reply(v);
	else
		await(v, LOOP_WRITABLE);
}

static void
on_event(struct loop_event *event)
{
	static void (*const steps[])(struct visitor * v) = {
		[READING] = read_more,
		[WRITING] = write_more,
		[LINGERING] = discard,
	};
	struct visitor *v = container_of(event, struct visitor, event);

	steps[v->state](v);
}

static void
serve_one(struct loop_task *task)
{
	struct visitors *set = container_of(task, struct visitors, serve);
	struct visitor *v = TAILQ_FIRST(&set->ready);

	if (v == NULL)
		return;
	TAILQ_REMOVE(&set->ready, v, in_ready);
	serve(v);
	if (!TAILQ_EMPTY(&set->ready))
		loop_work_later(set->loop, &set->serve);
}

/* Lower goes first. */
static int
rank(const struct visitor *v, struct instant now)
{
	bool is_fresh = !v->was_served && now.ms - v->arrived.ms < FRESH_MS;

	if (is_idle(v) && !is_fresh)
		return 0;
	return is_fresh ? 2 : 1;
}

static void
crowd_out(struct visitor *v)
{
	if (!is_idle(v)) {
		v->set->stats.n_crowded_out++;
		log_info("metrics-full", "socket=%s connections=%zu",
		    v->set->name, v->set->n);
	}
	end_with(v, v->set->ops->crowded);
}

static struct visitor *
find_worst(const struct visitors *set)
{
	struct instant now = loop_now(set->loop);
	struct visitor *v, *worst = TAILQ_FIRST(&set->all);

	TAILQ_FOREACH (v, &set->all, link)
		if (rank(v, now) < rank(worst, now))
			worst = v;
	return worst;
}

/* A request may have come to the worst since the loop looked: so it is read
 * once more, which may end it, or serve it. */
static void
make_room(struct visitors *set)
{
	struct visitor *worst;

	if (set->n <= VISITORS_MAX)
		return;
	worst = find_worst(set);
	if (worst->state == READING && worst->n_in == 0)
		read_more(worst);
	if (set->n > VISITORS_MAX)
		crowd_out(find_worst(set));
}

void
visitors_accept(struct visitors *set, int fd)
{
	struct visitor *v = xcalloc(1, sizeof(*v) + set->ops->in_max);

	v->set = set;
	v->fd = fd;
	v->arrived = loop_now(set->loop);
	set->stats.n_accepted++;
	if (set->n++ == 0)
		loop_add_source(set->loop, &set->source);
	TAILQ_INSERT_TAIL(&set->all, v, link);
	begin_deadline(v);
	if (set->ops->in_max > 0)
		read_more(v);
	else
		judge(v);
	make_room(set);
}

/* Replies that clients do not read are dropped to make room for a new one. */
static void
bound_replies(struct visitors *set, const struct visitor *newest)
{
	struct visitor *v, *next;

	TAILQ_FOREACH_SAFE (v, &set->all, link, next) {
		if (set->out_bytes <= VISITORS_OUT_MAX)
			return;
		if (v != newest && v->n_out > 0)
			crowd_out(v);
	}
}

void
visitor_answer(
    struct visitor *visitor, char *text, size_t at, size_t len, bool keeps)
{
	bool was_waiting = visitor->state == WAITING;

	visitor->out = text;
	visitor->n_out = len;
	visitor->n_sent = at;
	visitor->keeps = keeps;
	visitor->set->out_bytes += len;
	bound_replies(visitor->set, visitor);
	if (!was_waiting)
		return;
	visitor->state = WRITING;
	begin_deadline(visitor);
	write_more(visitor);
}

static struct visitors *
set_of(struct loop_source *source)
{
	return container_of(source, struct visitors, source);
}

static struct instant
next_deadline(struct loop_source *source)
{
	struct visitor *v = TAILQ_FIRST(&set_of(source)->all);

	return v == NULL ? INSTANT_NEVER : v->deadline;
}

static void
expire(struct loop_source *source, struct instant now)
{
	struct visitors *set = set_of(source);
	struct visitor *v;

	while ((v = TAILQ_FIRST(&set->all)) != NULL &&
	       instant_reached(v->deadline, now)) {
		if (!is_idle(v)) {
			set->stats.n_timed_out++;
			log_info("metrics-timeout",
			    "socket=%s received=%zu sent=%zu of=%zu", set->name,
			    v->n_in, v->n_sent, v->n_out);
		}
		end_with(v, set->ops->late);
	}
}

struct visitors *
visitors_new(struct loop *loop, const char *name,
    const struct visitors_ops *ops, void *user)
{
	struct visitors *set = xcalloc(1, sizeof(*set));

	set->loop = loop;
	set->name = name;
	set->ops = ops;
	set->user = user;
	set->serve.run = serve_one;
	set->source.next_deadline = next_deadline;
	set->source.expire = expire;
	TAILQ_INIT(&set->all);
	TAILQ_INIT(&set->ready);
	return set;
}

void
visitors_free(struct visitors *set)
{
	struct visitor *v;

	if (set == NULL)
		return;
	while ((v = TAILQ_FIRST(&set->all)) != NULL)
		end(v);
	loop_cancel_work(set->loop, &set->serve);
	free(set);
}

const struct visitors_stats *
visitors_stats(const struct visitors *set)
{
	return &set->stats;
}
