/*
 * workload - the daemon without its listener, doing a fixed piece of work:
 * bytes in, slices out. Its instructions are counted (tests/instructions),
 * which don't depend on how busy the machine is.
 *
 * Connections are socket pairs whose other ends are here. Only serve() is
 * counted, not the code that makes the load, nor the kernel's part of reading
 * and writing. Prints how many units the work had: deliveries,
 * or topics subscribed and unsubscribed.
 */

#include <assert.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/native/native.h"
#include "stats/hub.h"
#include "wire/frame.h"

#define N_RECEIVERS 4
#define N_STOPPED 4
#define CHUNK ((size_t)65536)
#define N_WARM_UP 3
#define N_ROUNDS 20
#define N_TOPICS 10000
#define TOPIC_MAX 32
#define SUBSCRIBE_HEAD 2 /* an array of one, a string of less than 32 bytes */
#define N_TURNS 3        /* until all input is routed and written */
#define MORE_TURNS 1000  /* at most, if a turn's time is over before */

static const struct conn_limits conn_limits = { 8 << 20, 4 << 20, 10000, 0 };
static const struct broker_limits broker_limits = {
	.topic_max_bytes = 4096,
	.subscriptions_max = 2 * N_TOPICS,
	.questions_max = 8,
	.questions_all_max = 8,
	.answer_max_bytes = 4096,
	.gather_max_bytes = 8192,
};
static const struct native_settings settings = {
	.server = "pm2adapterd",
	.max_frame = 1 << 20,
	.max_connections = N_RECEIVERS + N_STOPPED + 1,
	.hello_timeout_ms = 3600000,
	.topic_max_bytes = 4096,
	.subscriptions_max = 2 * N_TOPICS,
	.questions_max = 8,
	.questions_all_max = 8,
	.answer_max_bytes = 4096,
};

static struct loop *loop;
static struct hub *hub;
static struct native *native;
static int publisher, receivers[N_RECEIVERS];
static uint32_t chance = 1;

/* The only counted function. */
static __attribute__((noipa)) void
serve(int n_turns)
{
	for (int i = 0; i < n_turns; i++)
		if (loop_turn(loop, false) != 0)
			errx(1, "loop_turn");
}

static void
prepare(int n_turns)
{
	for (int i = 0; i < n_turns; i++)
		if (loop_turn(loop, false) != 0)
			errx(1, "loop_turn");
}

static void
say(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		err(1, "write");
}

/* Reads what has come, and returns how much. */
static size_t
hear(int fd)
{
	static uint8_t bytes[1 << 18];
	ssize_t got = read(fd, bytes, sizeof(bytes));

	return got > 0 ? (size_t)got : 0;
}

static int
join(void)
{
	static const uint8_t hello[] = "\0\0\0\x17\x01\0\0\0"
				       "\x82\xa8protocol\x01\xa4name\xa2it";
	struct peer peer = { getpid(), getuid(), getgid(), false };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
		err(1, "socketpair");
	native_listen_ops.accepted(native, fds[1], &peer);
	say(fds[0], hello, sizeof(hello) - 1);
	prepare(N_TURNS);
	if (hear(fds[0]) == 0)
		errx(1, "no WELCOME");
	return fds[0];
}

static uint32_t
random_topic(void)
{
	chance = chance * 1664525 + 1013904223;
	return (chance >> 8) % N_TOPICS;
}

static size_t
put_interest(uint8_t *out, enum frame_type type, const char *topic)
{
	size_t len = strlen(topic);
	size_t at =
	    frame_write_head(out, type, 0, NULL, 0, SUBSCRIBE_HEAD + len);

	out[at++] = 0x91;
	out[at++] = (uint8_t)(0xa0 | len);
	memcpy(out + at, topic, len);
	return at + len;
}

static size_t
put_publish(uint8_t *out, uint8_t flags, const char *topic, size_t topic_len,
    size_t body_len)
{
	size_t at = frame_write_head(
	    out, FRAME_PUBLISH, flags, topic, topic_len, body_len);

	memset(out + at, 'x', body_len);
	return at + body_len;
}

static void
name_topic(char *out, size_t i)
{
	snprintf(out, TOPIC_MAX, "socket.io#/#%06zu#", i);
}

static void
subscribe(int fd, const char *topic)
{
	uint8_t out[128];

	say(fd, out, put_interest(out, FRAME_SUBSCRIBE, topic));
}

/* Everybody gets it. */
static void
subscribe_all(const char *topic)
{
	for (size_t i = 0; i < N_RECEIVERS; i++)
		subscribe(receivers[i], topic);
	prepare(N_TURNS);
}

/* All receivers get both of two topics; so do others that never read. */
static void
subscribe_stopped(void)
{
	int fd;

	for (size_t i = 0; i < N_STOPPED; i++) {
		fd = join();
		subscribe(fd, "one");
		subscribe(fd, "two");
	}
	subscribe_all("one");
	subscribe_all("two");
}

/* Each topic has one of the receivers. */
static void
subscribe_many(void)
{
	char topic[TOPIC_MAX];
	uint8_t out[128];

	for (size_t i = 0; i < N_TOPICS; i++) {
		name_topic(topic, i);
		say(receivers[i % N_RECEIVERS], out,
		    put_interest(out, FRAME_SUBSCRIBE, topic));
		if (i % 64 == 0)
			prepare(N_TURNS);
	}
	prepare(N_TURNS);
}

/* Fills a chunk with messages; returns its length, and sets how many bytes are
 * to be delivered and in how many deliveries. */
typedef size_t (*fill_fn)(uint8_t *chunk, size_t *n_bytes, size_t *n);

static size_t
fill_one_topic(uint8_t *chunk, size_t body_len, size_t *n_bytes, size_t *n)
{
	static const char topic[] = "socket.io#/#";
	size_t len = 0;

	for (*n = 0; len + body_len + 32 < CHUNK; *n += N_RECEIVERS)
		len += put_publish(
		    chunk + len, 0, topic, sizeof(topic) - 1, body_len);
	*n_bytes = N_RECEIVERS * len;
	return len;
}

static size_t
fill_small(uint8_t *chunk, size_t *n_bytes, size_t *n)
{
	return fill_one_topic(chunk, 64, n_bytes, n);
}

static size_t
fill_large(uint8_t *chunk, size_t *n_bytes, size_t *n)
{
	return fill_one_topic(chunk, 4096, n_bytes, n);
}

/* No two in a row have one topic, so each is a message of its own to all. */
static size_t
fill_turns(uint8_t *chunk, size_t *n_bytes, size_t *n)
{
	size_t len = 0;

	for (*n = 0; len + 128 < CHUNK; *n += N_RECEIVERS)
		len += put_publish(chunk + len, 0,
		    *n / N_RECEIVERS % 2 == 0 ? "one" : "two", 3, 64);
	*n_bytes = N_RECEIVERS * len;
	return len;
}

static size_t
fill_random(uint8_t *chunk, size_t *n_bytes, size_t *n)
{
	char topic[TOPIC_MAX];
	size_t len = 0;

	for (*n = 0; len + 128 < CHUNK; ++*n) {
		name_topic(topic, random_topic());
		len += put_publish(chunk + len, 0, topic, strlen(topic), 64);
	}
	*n_bytes = len;
	return len;
}

/* Each message has two random topics, of different receivers or of one. */
static size_t
fill_several(uint8_t *chunk, size_t *n_bytes, size_t *n)
{
	size_t len = 0, size;
	uint32_t pair[2];
	char names[2 * TOPIC_MAX];
	char *at;

	*n = *n_bytes = 0;
	while (len + 160 < CHUNK) {
		at = names;
		*at++ = (char)0x92;
		for (int i = 0; i < 2; i++) {
			pair[i] = random_topic();
			name_topic(at + 1, pair[i]);
			*at = (char)(0xa0 | strlen(at + 1));
			at += 1 + strlen(at + 1);
		}
		size = put_publish(chunk + len, FRAME_SEVERAL, names,
		    (size_t)(at - names), 64);
		len += size;
		*n += 1 + (pair[0] % N_RECEIVERS != pair[1] % N_RECEIVERS);
		*n_bytes += size * (1 + (pair[0] % N_RECEIVERS !=
					    pair[1] % N_RECEIVERS));
	}
	return len;
}

static size_t
hear_all(void)
{
	size_t got = 0;

	for (size_t i = 0; i < N_RECEIVERS; i++)
		got += hear(receivers[i]);
	return got;
}

/* A turn handles messages for a time, which is short under valgrind. */
static void
pass(void (*turns)(int n), size_t n_bytes)
{
	size_t got;

	turns(N_TURNS);
	got = hear_all();
	for (int i = 0; got < n_bytes && i < MORE_TURNS; i++) {
		turns(1);
		got += hear_all();
	}
	if (got != n_bytes)
		errx(1, "%zu bytes came instead of %zu", got, n_bytes);
}

static size_t
publish(fill_fn fill)
{
	static uint8_t chunk[CHUNK];
	size_t n_bytes, n, total = 0;

	for (int round = 0; round < N_WARM_UP + N_ROUNDS; round++) {
		say(publisher, chunk, fill(chunk, &n_bytes, &n));
		pass(round < N_WARM_UP ? prepare : serve, n_bytes);
		total += round < N_WARM_UP ? 0 : n;
	}
	return total;
}

/* Clients come and go: one topic each, as Socket.IO has it, a frame a topic. */
static size_t
churn(void)
{
	static uint8_t chunk[CHUNK];
	static const uint8_t types[] = { FRAME_SUBSCRIBE, FRAME_UNSUBSCRIBE };
	const size_t n = 1000;
	char topic[TOPIC_MAX];
	size_t len;

	for (size_t round = 0; round < 2 * N_ROUNDS; round++) {
		len = 0;
		for (size_t i = 0; i < n; i++) {
			name_topic(topic, round / 2 * n + i);
			len +=
			    put_interest(chunk + len, types[round % 2], topic);
		}
		say(receivers[0], chunk, len);
		serve(N_TURNS);
	}
	return N_ROUNDS * n;
}

static size_t
work(const char *name)
{
	if (strcmp(name, "churn") == 0)
		return churn();
	if (strcmp(name, "small") == 0 || strcmp(name, "large") == 0) {
		subscribe_all("socket.io#/#");
		return publish(*name == 's' ? fill_small : fill_large);
	}
	if (strcmp(name, "stopped") == 0) {
		subscribe_stopped();
		return publish(fill_turns);
	}
	subscribe_many();
	if (strcmp(name, "topics") == 0)
		return publish(fill_random);
	if (strcmp(name, "several") == 0)
		return publish(fill_several);
	errx(64, "%s: no such work", name);
}

int
main(int argc, char **argv)
{
	struct conn_set *set;
	struct broker *broker;

	if (argc != 2)
		errx(64,
		    "usage: workload small|large|topics|several|stopped|churn");
	log_set_level(LOG_ERROR);
	if (loop_new(&loop) != 0)
		errx(1, "loop_new");
	set = conn_set_new(loop, &conn_limits);
	broker = broker_new(&broker_limits, (struct hash_key){ 1, 2 });
	hub = hub_new(loop, set, broker,
	    &(const struct hub_settings){ .server = "bench" });
	native = native_new(loop, set, broker, hub, &settings);
	publisher = join();
	for (size_t i = 0; i < N_RECEIVERS; i++)
		receivers[i] = join();
	printf("%zu\n", work(argv[1]));
	return 0;
}
