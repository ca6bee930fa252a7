#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define INPUT_SIZE ((size_t)256 << 10)
#define REPLIES_SIZE ((size_t)64 << 10)

static void
put_u64(uint8_t *out, uint64_t v)
{
	memcpy(out, &v, sizeof(v));
}

static uint64_t
get_u64(const uint8_t *in)
{
	uint64_t v;

	memcpy(&v, in, sizeof(v));
	return v;
}

void
load_fault(struct load *l, const struct receiver *r, uint64_t came)
{
	if (l->n_faults++ < 5)
		warnx("receiver %td: number %llu came, %llu should have",
		    r - l->receivers, (unsigned long long)came,
		    (unsigned long long)r->next);
}

void
load_check(struct load *l, struct receiver *r, const uint8_t *payload)
{
	uint64_t sequence = get_u64(payload);

	if (sequence != r->next ||
	    get_u64(payload + l->size - sizeof(sequence)) != sequence)
		load_fault(l, r, sequence);
	r->next = sequence + 1;
	l->n_delivered++;
}

void
load_number(struct load *l, uint8_t *payload, uint64_t n)
{
	put_u64(payload, n);
	put_u64(payload + l->size - sizeof(n), n);
}

/* One topic */

static void
number_one(struct load *l, uint8_t *frame, uint64_t n)
{
	load_number(l, frame + l->publisher.shape.head_len, n);
}

static bool
take_one(struct load *l, struct receiver *r, const uint8_t *record)
{
	if (memcmp(record, l->record.head, l->record.head_len) != 0)
		return false;
	load_check(l, r, record + l->record.head_len);
	return true;
}

static uint64_t
furthest_behind(const struct load *l)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < l->n_receivers; i++)
		if (l->receivers[i].next < least)
			least = l->receivers[i].next;
	return least;
}

static void
subscribe_one(struct load *l, struct receiver *r)
{
	const struct protocol *protocol = l->peer->protocol;
	uint8_t request[PROTOCOL_REQUEST_MAX];

	write_all(r->fd, request, protocol->subscribe(request, l->topic));
}

const struct load_ops load_one_topic = { number_one, take_one, furthest_behind,
	subscribe_one };

/* Receivers */

/* Returns the length of the bytes between two messages, or 0. */
static size_t
pass_aside(const struct load *l, const struct receiver *r, size_t at)
{
	const struct protocol *protocol = l->peer->protocol;
	size_t len;

	if (protocol->aside == NULL)
		return 0;
	len = strlen(protocol->aside);
	if (r->held - at < len ||
	    memcmp(r->input + at, protocol->aside, len) != 0)
		return 0;
	write_all(
	    r->fd, protocol->aside_answer, strlen(protocol->aside_answer));
	return len;
}

static size_t
take_records(struct load *l, struct receiver *r)
{
	size_t at = 0, aside;

	for (;;) {
		aside = pass_aside(l, r, at);
		if (aside == 0 && r->held - at < l->record_len)
			return at;
		if (aside == 0 && !l->ops->take(l, r, r->input + at))
			errx(1, "receiver %td got what is no message for it",
			    r - l->receivers);
		at += aside > 0 ? aside : l->record_len;
	}
}

static void
receive(struct load *l, struct receiver *r)
{
	ssize_t got = read(r->fd, r->input + r->held, l->input_size - r->held);
	size_t at;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0)
		err(1, "receiver %td", r - l->receivers);
	if (got == 0)
		errx(1, "receiver %td was cut", r - l->receivers);
	r->held += (size_t)got;
	at = take_records(l, r);
	r->held -= at;
	memmove(r->input, r->input + at, r->held);
}

/* Publisher */

/* A broker may answer each message; the answers are ignored. */
static void
discard_replies(const struct publisher *pub)
{
	static uint8_t replies[REPLIES_SIZE];
	ssize_t got = read(pub->fd, replies, sizeof(replies));

	if (got < 0 && errno != EAGAIN)
		err(1, "publisher");
	if (got == 0)
		errx(1, "the publisher was cut");
}

static void
begin_batch(struct load *l)
{
	struct publisher *pub = &l->publisher;

	for (size_t i = 0; i < l->n_batch; i++)
		l->ops->number(
		    l, pub->batch + i * pub->frame_len, pub->n_sent++);
	pub->batch_sent = 0;
}

static void
want_out(struct load *l, bool wants)
{
	struct epoll_event ev = { .events = EPOLLIN | (wants ? EPOLLOUT : 0) };

	if (l->publisher.wants_out == wants)
		return;
	l->publisher.wants_out = wants;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->publisher.fd, &ev) != 0)
		err(1, "epoll_ctl");
}

/* False when the socket is full. */
static bool
flush(struct load *l)
{
	struct publisher *pub = &l->publisher;
	ssize_t put;

	while (pub->batch_sent < pub->batch_len) {
		put = write(pub->fd, pub->batch + pub->batch_sent,
		    pub->batch_len - pub->batch_sent);
		if (put < 0 && errno != EAGAIN)
			err(1, "publisher");
		if (put < 0)
			break;
		pub->batch_sent += (size_t)put;
	}
	want_out(l, pub->batch_sent < pub->batch_len);
	return pub->batch_sent == pub->batch_len;
}

bool
load_publish(struct load *l)
{
	if (!flush(l) ||
	    l->publisher.n_sent + l->n_batch > load_n_done(l) + l->window)
		return false;
	begin_batch(l);
	return flush(l);
}

/* The loop */

uint64_t
load_n_done(const struct load *l)
{
	return l->ops->n_done(l);
}

bool
load_turn(struct load *l, int timeout_ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(l->epoll, events, 64, timeout_ms);

	if (n < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != NULL)
			receive(l, events[i].data.ptr);
		else if (events[i].events & EPOLLIN)
			discard_replies(&l->publisher);
	return n > 0;
}

void
load_run(struct load *l, double seconds)
{
	double end = now(CLOCK_MONOTONIC) + seconds;

	while (now(CLOCK_MONOTONIC) < end) {
		while (load_publish(l))
			;
		if (!load_turn(l, STALL_MS))
			errx(1, "nothing arrives any more");
	}
}

void
load_drain(struct load *l)
{
	uint64_t missing;

	while (load_n_done(l) < l->publisher.n_sent) {
		flush(l);
		if (!load_turn(l, STALL_MS))
			break;
	}
	missing = l->publisher.n_sent - load_n_done(l);
	if (missing == 0)
		return;
	warnx("%llu messages are missing", (unsigned long long)missing);
	l->n_faults++;
}

static void
watch(struct load *l, int fd, struct receiver *receiver)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = receiver };

	set_blocking(fd, false);
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		err(1, "epoll_ctl");
}

static void
open_receiver(struct load *l, struct receiver *r)
{
	r->fd = peer_connect(l->peer);
	r->input = allocate(1, l->input_size);
	l->peer->protocol->greet(r->fd, true);
	l->ops->subscribe(l, r);
	l->peer->protocol->settle(r->fd);
	watch(l, r->fd, r);
}

static void
open_publisher(struct load *l)
{
	struct publisher *pub = &l->publisher;
	const struct shape *shape = &pub->shape;
	uint8_t *at;

	l->peer->protocol->shape_in(&pub->shape, l->topic, l->size);
	pub->frame_len = shape->head_len + l->size + shape->tail_len;
	pub->batch = at = allocate(l->n_batch, pub->frame_len);
	for (size_t i = 0; i < l->n_batch; i++, at += pub->frame_len) {
		memcpy(at, shape->head, shape->head_len);
		memcpy(at + shape->head_len + l->size, shape->tail,
		    shape->tail_len);
	}
	pub->batch_len = pub->batch_sent = pub->frame_len * l->n_batch;
	pub->fd = peer_connect(l->peer);
	l->peer->protocol->greet(pub->fd, false);
	watch(l, pub->fd, NULL);
}

void
load_open(struct load *l)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		err(1, "epoll_create1");
	l->peer->protocol->shape_out(&l->record, l->topic, l->size);
	l->record_len = l->record.head_len + l->size + l->record.tail_len;
	if (l->input_size == 0)
		l->input_size = INPUT_SIZE;
	if (l->input_size < l->record_len)
		l->input_size = l->record_len;
	l->receivers = allocate(l->n_receivers, sizeof(*l->receivers));
	for (size_t i = 0; i < l->n_receivers; i++)
		open_receiver(l, &l->receivers[i]);
	open_publisher(l);
}

void
load_close(struct load *l)
{
	for (size_t i = 0; i < l->n_receivers; i++) {
		close(l->receivers[i].fd);
		free(l->receivers[i].input);
	}
	close(l->publisher.fd);
	close(l->epoll);
	free(l->publisher.batch);
	free(l->receivers);
}
