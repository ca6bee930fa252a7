/*
 * pump - one publisher and N receivers on one topic, and what that costs the
 * broker.
 *
 * One process drives all connections from one epoll loop, so that the load is
 * the same whatever broker is behind the socket. It speaks docs/PROTOCOL.md and
 * as much of RESP as SUBSCRIBE and PUBLISH need; to both, a delivery is a
 * record of fixed size with a fixed head and a sequence number in it, and
 * everything behind the handshake is common code.
 *
 * The publisher pipelines: it writes a batch whenever the window has room for
 * one, and the window is counted from the receiver that is furthest behind. So
 * no broker is ever driven into its queue limits, and both get their input in
 * the same portions.
 *
 * The cost is the CPU time of the broker's process, as its CPU clock counts it
 * (nanoseconds, not the ticks of /proc), over the deliveries of the measured
 * time. Each receiver checks that every number comes once and in order, and
 * that the end of a message belongs to its beginning.
 */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOPIC "bench#/#"
#define HEAD_MAX 64
#define INPUT_MIN ((size_t)256 << 10)
#define REPLIES_SIZE ((size_t)64 << 10)
#define STALL_MS 10000
#define SIZE_MIN 16 /* two sequence numbers */

/* What is around the payload of one message, on its way in and out. */
struct shape {
	uint8_t head[HEAD_MAX];
	size_t head_len;
	const char *tail;
	size_t tail_len;
};

struct protocol {
	const char *name;
	void (*greet)(int fd, bool subscribes);
	void (*shape_in)(struct shape *out, size_t size);
	void (*shape_out)(struct shape *out, size_t size);
};

struct receiver {
	int fd;
	uint8_t *input;
	size_t held;
	uint64_t next; /* the sequence number that must come */
};

struct publisher {
	int fd;
	struct shape shape;
	uint8_t *batch;
	size_t batch_len, batch_sent;
	uint64_t n_sent;
	bool wants_out;
};

struct pump {
	const struct protocol *protocol;
	const char *path;
	clockid_t broker_clock;
	size_t n_receivers, size, window, n_batch;
	double seconds;
	int epoll;
	struct publisher publisher;
	struct receiver *receivers;
	struct shape record;
	size_t record_len, input_size;
	uint64_t n_delivered, n_faults;
};

static double
now(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		err(1, "clock_gettime");
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = STALL_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	if (strlen(path) >= sizeof(sun.sun_path))
		errx(1, "%s: too long", path);
	strcpy(sun.sun_path, path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		err(1, "%s", path);
	if (setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		err(1, "setsockopt");
	return fd;
}

static void
write_all(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		err(1, "write");
}

static void
read_all(int fd, void *data, size_t len)
{
	ssize_t r;

	/* To ask for nothing would wait for something. */
	if (len == 0)
		return;
	r = recv(fd, data, len, MSG_WAITALL);
	if (r < 0)
		err(1, "recv");
	if ((size_t)r != len)
		errx(1, "the broker closed during the handshake");
}

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

/* docs/PROTOCOL.md */

static const uint8_t hello[] = "\0\0\0\x19\x01\0\0\0"
			       "\x82\xa8protocol\x01\xa4name\xa4pump";
static const uint8_t subscribe[] = "\0\0\0\x0e\x03\0\0\0"
				   "\x91\xa8" TOPIC;
static const uint8_t ping[] = "\0\0\0\x04\x40\0\0\0";

#define PONG 0x41

static void
native_greet(int fd, bool subscribes)
{
	uint8_t head[8], rest[4096];
	size_t len;

	write_all(fd, hello, sizeof(hello) - 1);
	if (subscribes)
		write_all(fd, subscribe, sizeof(subscribe) - 1);
	write_all(fd, ping, sizeof(ping) - 1);
	do {
		read_all(fd, head, sizeof(head));
		len = ((size_t)head[0] << 24 | (size_t)head[1] << 16 |
			  (size_t)head[2] << 8 | head[3]) -
		      4;
		if (len > sizeof(rest))
			errx(1, "the broker says %zu bytes at once", len);
		read_all(fd, rest, len);
	} while (head[4] != PONG);
}

static void
native_shape(struct shape *out, size_t size)
{
	const size_t topic_len = sizeof(TOPIC) - 1;
	size_t length = 4 + topic_len + size;
	const uint8_t head[8] = { (uint8_t)(length >> 24),
		(uint8_t)(length >> 16), (uint8_t)(length >> 8),
		(uint8_t)length, 0x10, 0, 0, (uint8_t)topic_len };

	memcpy(out->head, head, sizeof(head));
	memcpy(out->head + sizeof(head), TOPIC, topic_len);
	out->head_len = sizeof(head) + topic_len;
	out->tail = "";
	out->tail_len = 0;
}

/* RESP */

static void
resp_greet(int fd, bool subscribes)
{
	static const char request[] =
	    "*2\r\n$9\r\nSUBSCRIBE\r\n$8\r\n" TOPIC "\r\n";
	static const char answer[] =
	    "*3\r\n$9\r\nsubscribe\r\n$8\r\n" TOPIC "\r\n:1\r\n";
	char got[sizeof(answer) - 1];

	if (!subscribes)
		return;
	write_all(fd, request, sizeof(request) - 1);
	read_all(fd, got, sizeof(got));
	if (memcmp(got, answer, sizeof(got)) != 0)
		errx(1, "the broker answers SUBSCRIBE with %.*s",
		    (int)sizeof(got), got);
}

static void
resp_shape(struct shape *out, const char *verb, size_t size)
{
	int len = snprintf((char *)out->head, sizeof(out->head),
	    "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(verb), verb,
	    sizeof(TOPIC) - 1, TOPIC, size);

	assert(len > 0 && (size_t)len < sizeof(out->head));
	out->head_len = (size_t)len;
	out->tail = "\r\n";
	out->tail_len = 2;
}

static void
resp_shape_in(struct shape *out, size_t size)
{
	resp_shape(out, "PUBLISH", size);
}

static void
resp_shape_out(struct shape *out, size_t size)
{
	resp_shape(out, "message", size);
}

static const struct protocol protocols[] = {
	{ "native", native_greet, native_shape, native_shape },
	{ "resp", resp_greet, resp_shape_in, resp_shape_out },
};

static const struct protocol *
protocol_find(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

/* The load */

static void
fault(struct pump *p, const struct receiver *r, uint64_t came)
{
	if (p->n_faults++ < 5)
		warnx("receiver %td: number %llu came, %llu should have",
		    r - p->receivers, (unsigned long long)came,
		    (unsigned long long)r->next);
}

static void
check_record(struct pump *p, struct receiver *r, const uint8_t *record)
{
	const uint8_t *payload = record + p->record.head_len;
	uint64_t sequence = get_u64(payload);

	if (memcmp(record, p->record.head, p->record.head_len) != 0)
		errx(1, "receiver %td got something that is no message",
		    r - p->receivers);
	if (sequence != r->next ||
	    get_u64(payload + p->size - sizeof(sequence)) != sequence)
		fault(p, r, sequence);
	r->next = sequence + 1;
	p->n_delivered++;
}

static void
receive(struct pump *p, struct receiver *r)
{
	ssize_t got = read(r->fd, r->input + r->held, p->input_size - r->held);
	size_t at = 0;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0)
		err(1, "receiver %td", r - p->receivers);
	if (got == 0)
		errx(1, "receiver %td was cut", r - p->receivers);
	r->held += (size_t)got;
	for (; r->held - at >= p->record_len; at += p->record_len)
		check_record(p, r, r->input + at);
	r->held -= at;
	memmove(r->input, r->input + at, r->held);
}

/* A broker may answer each PUBLISH; what it says there is not looked at. */
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

static uint64_t
furthest_behind(const struct pump *p)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < p->n_receivers; i++)
		if (p->receivers[i].next < least)
			least = p->receivers[i].next;
	return least;
}

static void
number_batch(struct pump *p)
{
	struct publisher *pub = &p->publisher;
	size_t len = pub->batch_len / p->n_batch;
	uint8_t *payload = pub->batch + pub->shape.head_len;

	for (size_t i = 0; i < p->n_batch; i++, payload += len) {
		put_u64(payload, pub->n_sent);
		put_u64(payload + p->size - sizeof(uint64_t), pub->n_sent);
		pub->n_sent++;
	}
	pub->batch_sent = 0;
}

static void
want_out(struct pump *p, bool wants)
{
	struct epoll_event ev = { .events = EPOLLIN | (wants ? EPOLLOUT : 0) };

	if (p->publisher.wants_out == wants)
		return;
	p->publisher.wants_out = wants;
	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->publisher.fd, &ev) != 0)
		err(1, "epoll_ctl");
}

/* Writes what is left of the batch; false when the socket is full. */
static bool
flush(struct pump *p)
{
	struct publisher *pub = &p->publisher;
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
	want_out(p, pub->batch_sent < pub->batch_len);
	return pub->batch_sent == pub->batch_len;
}

static void
publish(struct pump *p)
{
	while (flush(p) && p->publisher.n_sent + p->n_batch <=
			       furthest_behind(p) + p->window)
		number_batch(p);
}

/* One turn of the loop; false when nothing happened for too long. */
static bool
turn(struct pump *p)
{
	struct epoll_event events[64];
	int n = epoll_wait(p->epoll, events, 64, STALL_MS);

	if (n < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr != NULL)
			receive(p, events[i].data.ptr);
		else if (events[i].events & EPOLLIN)
			discard_replies(&p->publisher);
	return n > 0;
}

static void
load_for(struct pump *p, double seconds)
{
	double end = now(CLOCK_MONOTONIC) + seconds;

	while (now(CLOCK_MONOTONIC) < end) {
		publish(p);
		if (!turn(p))
			errx(1, "nothing arrives any more");
	}
}

/* Waits for all that was published; what is missing then is lost. */
static void
drain(struct pump *p)
{
	uint64_t missing;

	while (furthest_behind(p) < p->publisher.n_sent) {
		flush(p);
		if (!turn(p))
			break;
	}
	missing = p->publisher.n_sent * p->n_receivers - p->n_delivered;
	if (missing != 0)
		warnx("%lld deliveries are missing", (long long)missing);
	p->n_faults += missing != 0;
}

static void
watch(struct pump *p, int fd, struct receiver *receiver)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = receiver };

	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		err(1, "fcntl");
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		err(1, "epoll_ctl");
}

static void
open_receiver(struct pump *p, struct receiver *r)
{
	r->fd = connect_to(p->path);
	r->input = allocate(1, p->input_size);
	p->protocol->greet(r->fd, true);
	watch(p, r->fd, r);
}

static void
open_publisher(struct pump *p)
{
	struct publisher *pub = &p->publisher;
	const struct shape *shape = &pub->shape;
	size_t len;
	uint8_t *at;

	p->protocol->shape_in(&pub->shape, p->size);
	len = shape->head_len + p->size + shape->tail_len;
	pub->batch = at = allocate(p->n_batch, len);
	for (size_t i = 0; i < p->n_batch; i++, at += len) {
		memcpy(at, shape->head, shape->head_len);
		memcpy(at + shape->head_len + p->size, shape->tail,
		    shape->tail_len);
	}
	pub->batch_len = pub->batch_sent = len * p->n_batch;
	pub->fd = connect_to(p->path);
	p->protocol->greet(pub->fd, false);
	watch(p, pub->fd, NULL);
}

static void
open_all(struct pump *p)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		err(1, "epoll_create1");
	p->protocol->shape_out(&p->record, p->size);
	p->record_len = p->record.head_len + p->size + p->record.tail_len;
	p->input_size = 4 * p->record_len;
	if (p->input_size < INPUT_MIN)
		p->input_size = INPUT_MIN;
	p->receivers = allocate(p->n_receivers, sizeof(*p->receivers));
	for (size_t i = 0; i < p->n_receivers; i++)
		open_receiver(p, &p->receivers[i]);
	open_publisher(p);
}

static void
close_all(struct pump *p)
{
	for (size_t i = 0; i < p->n_receivers; i++) {
		close(p->receivers[i].fd);
		free(p->receivers[i].input);
	}
	close(p->publisher.fd);
	close(p->epoll);
	free(p->publisher.batch);
	free(p->receivers);
}

static void
measure(struct pump *p)
{
	double cpu, seconds;
	uint64_t n;

	load_for(p, p->seconds / 5);
	n = p->n_delivered;
	seconds = now(CLOCK_MONOTONIC);
	cpu = now(p->broker_clock);
	load_for(p, p->seconds);
	drain(p);
	n = p->n_delivered - n;
	seconds = now(CLOCK_MONOTONIC) - seconds;
	cpu = now(p->broker_clock) - cpu;
	printf("{\"deliveries\":%llu,\"faults\":%llu,"
	       "\"ns_per_delivery\":%.1f,\"deliveries_per_s\":%.0f,"
	       "\"broker_busy\":%.3f}\n",
	    (unsigned long long)n, (unsigned long long)p->n_faults,
	    cpu * 1e9 / (double)n, (double)n / seconds, cpu / seconds);
}

static _Noreturn void
usage(void)
{
	fputs("usage: pump --protocol native|resp --socket PATH --pid PID\n"
	      "            [--receivers N] [--size BYTES] [--seconds S]\n"
	      "            [--window MESSAGES] [--batch MESSAGES]\n",
	    stderr);
	exit(64);
}

static size_t
number(const char *text, size_t min, size_t max)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0' || v < min || v > max)
		errx(64, "%s is no number from %zu to %zu", text, min, max);
	return (size_t)v;
}

static const struct option options[] = {
	{ "protocol", required_argument, NULL, 'p' },
	{ "socket", required_argument, NULL, 's' },
	{ "pid", required_argument, NULL, 'i' },
	{ "receivers", required_argument, NULL, 'r' },
	{ "size", required_argument, NULL, 'b' },
	{ "seconds", required_argument, NULL, 't' },
	{ "window", required_argument, NULL, 'w' },
	{ "batch", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static void
take_option(struct pump *p, int option, const char *value)
{
	switch (option) {
	case 'p':
		p->protocol = protocol_find(value);
		break;
	case 's':
		p->path = value;
		break;
	case 'i':
		if (clock_getcpuclockid((pid_t)number(value, 1, INT32_MAX),
			&p->broker_clock) != 0)
			errx(1, "no process %s", value);
		break;
	case 'r':
		p->n_receivers = number(value, 1, 10000);
		break;
	case 'b':
		p->size = number(value, SIZE_MIN, 1 << 24);
		break;
	case 't':
		p->seconds = strtod(value, NULL);
		break;
	case 'w':
		p->window = number(value, 1, 1 << 24);
		break;
	case 'n':
		p->n_batch = number(value, 1, 1 << 20);
		break;
	default:
		usage();
	}
}

int
main(int argc, char **argv)
{
	struct pump pump = { .n_receivers = 4,
		.size = 64,
		.window = 512,
		.n_batch = 64,
		.seconds = 1,
		.broker_clock = -1 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&pump, option, optarg);
	if (optind != argc || pump.protocol == NULL || pump.path == NULL ||
	    pump.broker_clock == -1 || pump.n_batch > pump.window ||
	    !(pump.seconds > 0 && pump.seconds < 3600))
		usage();
	/* A broker that goes away is an error of write(), with its words. */
	signal(SIGPIPE, SIG_IGN);
	open_all(&pump);
	measure(&pump);
	close_all(&pump);
	return pump.n_faults != 0;
}
