#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modes.h"

/*
 * Topics are those of rooms named by socket ids, as Socket.IO has one for each
 * client; receiver i has every n-th of them. A message carries, between its two
 * numbers, which topic it is for; numbers are counted for each receiver.
 *
 * Names are made from the topic's index, again at each use: a table of a
 * million would have the load generator wait for memory, which is the question
 * put to the broker.
 */

#define PREFIX "socket.io#/#"
#define ID_LEN 20
#define NAME_LEN (sizeof(PREFIX) - 1 + ID_LEN + 1)
#define SIZE_MIN 24
#define CHUNK 65536 /* bytes of requests at once */

struct topics {
	struct load load;
	size_t n_topics;
	uint64_t random; /* the state of the choice of topics */
	uint64_t *n_for; /* messages for each receiver so far */
	double subscribe_cpu, unsubscribe_cpu;
};

/* splitmix64: each n gives another number that looks like chance. */
static uint64_t
mix(uint64_t n)
{
	n = (n + 1) * 0x9e3779b97f4a7c15;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
	n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
	return n ^ (n >> 31);
}

static void
write_id(uint8_t *out, uint64_t topic)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t bits[2] = { mix(topic), mix(~topic) };

	for (size_t i = 0; i < ID_LEN; i++, bits[i % 2] >>= 6)
		out[i] = (uint8_t)digits[bits[i % 2] & 63];
}

static void
write_name(char *out, uint64_t topic)
{
	memcpy(out, PREFIX, sizeof(PREFIX) - 1);
	write_id((uint8_t *)out + sizeof(PREFIX) - 1, topic);
	strcpy(out + NAME_LEN - 1, "#");
}

static void
number(struct load *l, uint8_t *frame, uint64_t n)
{
	struct topics *t = (struct topics *)l;
	const struct shape *shape = &l->publisher.shape;
	uint64_t topic = mix(t->random++) % t->n_topics;

	(void)n;
	write_id(frame + shape->topic_at + sizeof(PREFIX) - 1, topic);
	load_number(
	    l, frame + shape->head_len, t->n_for[topic % l->n_receivers]++);
	memcpy(
	    frame + shape->head_len + sizeof(uint64_t), &topic, sizeof(topic));
}

static bool
take(struct load *l, struct receiver *r, const uint8_t *record)
{
	const uint8_t *payload = record + l->record.head_len;
	char name[NAME_LEN + 1];
	uint64_t topic;

	memcpy(&topic, payload + sizeof(uint64_t), sizeof(topic));
	write_name(name, topic);
	if (memcmp(record + l->record.topic_at, name, NAME_LEN) != 0 ||
	    topic % l->n_receivers != (size_t)(r - l->receivers))
		return false;
	load_check(l, r, payload);
	return true;
}

static uint64_t
n_done(const struct load *l)
{
	return l->n_delivered;
}

/* Writes a request for each topic of r. */
static void
request_all(struct topics *t, const struct receiver *r,
    size_t (*write_request)(uint8_t *out, const char *topic))
{
	static uint8_t chunk[CHUNK];
	size_t len = 0;
	char name[NAME_LEN + 1];

	for (size_t i = (size_t)(r - t->load.receivers); i < t->n_topics;
	     i += t->load.n_receivers) {
		write_name(name, i);
		len += write_request(chunk + len, name);
		if (len > CHUNK - PROTOCOL_REQUEST_MAX) {
			write_all(r->fd, chunk, len);
			len = 0;
		}
	}
	write_all(r->fd, chunk, len);
	t->load.peer->protocol->settle(r->fd);
}

static void
subscribe(struct load *l, struct receiver *r)
{
	struct topics *t = (struct topics *)l;
	double cpu = now(l->peer->clock);

	request_all(t, r, l->peer->protocol->subscribe);
	t->subscribe_cpu += now(l->peer->clock) - cpu;
}

static void
unsubscribe(struct topics *t)
{
	double cpu = now(t->load.peer->clock);

	for (size_t i = 0; i < t->load.n_receivers; i++) {
		set_blocking(t->load.receivers[i].fd, true);
		request_all(t, &t->load.receivers[i],
		    t->load.peer->protocol->unsubscribe);
	}
	t->unsubscribe_cpu = now(t->load.peer->clock) - cpu;
}

static const struct load_ops ops = { number, take, n_done, subscribe };

static double
cost_of_deliveries(struct load *l, double seconds)
{
	uint64_t n;
	double cpu;

	load_run(l, seconds / 5);
	n = l->n_delivered;
	cpu = now(l->peer->clock);
	load_run(l, seconds);
	load_drain(l);
	return (now(l->peer->clock) - cpu) / (double)(l->n_delivered - n);
}

uint64_t
mode_topics(const struct mode_options *o)
{
	char example[NAME_LEN + 1];
	struct topics t = { .load = { .peer = &o->peer,
				.ops = &ops,
				.topic = example,
				.n_receivers = o->n_receivers,
				.size = o->size,
				.window = o->window,
				.n_batch = o->n_batch },
		.n_topics = o->n_topics };
	double memory, cost;

	if (o->size < SIZE_MIN || o->peer.protocol->unsubscribe == NULL)
		errx(64, "too small, or a protocol that this mode doesn't do");
	write_name(example, 0);
	t.n_for = allocate(o->n_receivers, sizeof(*t.n_for));
	memory = (double)peer_memory(&o->peer);
	load_open(&t.load);
	memory = (double)peer_memory(&o->peer) - memory;
	cost = cost_of_deliveries(&t.load, o->seconds);
	unsubscribe(&t);
	printf("{\"faults\":%llu,\"ns_per_delivery\":%.1f,"
	       "\"bytes_per_topic\":%.1f,\"name_bytes\":%zu,"
	       "\"subscribe_ns\":%.1f,\"unsubscribe_ns\":%.1f}\n",
	    (unsigned long long)t.load.n_faults, cost * 1e9,
	    memory / (double)o->n_topics, NAME_LEN,
	    t.subscribe_cpu * 1e9 / (double)o->n_topics,
	    t.unsubscribe_cpu * 1e9 / (double)o->n_topics);
	load_close(&t.load);
	free(t.n_for);
	return t.load.n_faults;
}
