/*
 * A daemon without its listeners, at the far end of socket pairs: three native
 * connections and one of Redis's protocol, which share broker, limits and
 * statistics. Nothing that a peer may send is left out. Whatever comes, when
 * all have gone nothing is left, and no blob is lost.
 *
 * The input is pieces: a byte that says who speaks and how, two bytes of
 * length, and so many bytes of any kind.
 */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/log.h"
#include "edge/native/native.h"
#include "stats/hub.h"
#include "edge/redis/redis.h"

#define N_PEERS 4
#define REDIS 3 /* which of them speaks Redis's protocol */
#define N_TURNS_LAST 24
#define HEAD 3 /* bytes before those of a piece */

/* The first byte of a piece, besides the peer. */
#define KIND(how) ((how) >> 2 & 7)
#define TOGETHER 0x20 /* with the next piece, in one turn */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum kind { FINISH = 4, LEAVE, STALL, STRANGER }; /* less: says so */

struct peer_end {
	int fd;
	bool is_stalled;
};

static struct loop *loop;
static struct conn_set *set;
static struct broker *broker;
static struct hub *hub;
static struct native *native;
static struct redis *redis;
static struct peer_end peers[N_PEERS];

static const char hello[] = "\0\0\0\x16\1\0\0\0\x82\xa8protocol\1\xa4name\xa1x";

static void
put_config(struct msg_writer *w, void *arg)
{
	(void)arg;
	msg_put_map(w, 0);
}

static void
dial(size_t i, bool is_greeting)
{
	const struct peer peer = { getpid(), getuid(), getgid(), false };
	int fds[2], r;

	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	assert(r == 0);
	peers[i] = (struct peer_end){ fds[0], false };
	if (i == REDIS)
		redis_listen_ops.accepted(redis, fds[1], &peer);
	else
		native_listen_ops.accepted(native, fds[1], &peer);
	if (i != REDIS && is_greeting)
		(void)!write(fds[0], hello, sizeof(hello) - 1);
}

static void
hang_up(size_t i)
{
	close(peers[i].fd);
	peers[i].fd = -1;
}

static void
turn(void)
{
	static uint8_t bytes[65536];
	int r = loop_turn(loop, false);

	assert(r == 0);
	for (size_t i = 0; i < N_PEERS; i++)
		while (peers[i].fd >= 0 && !peers[i].is_stalled &&
		       read(peers[i].fd, bytes, sizeof(bytes)) > 0)
			continue;
}

static void
begin(void)
{
	const struct conn_limits net = { 32 << 10, 8 << 10, 10000, 256 << 10 };
	const struct broker_limits core = {
		.topic_max_bytes = 64,
		.subscriptions_max = 500, /* more than end at once */
		.questions_max = 6,
		.questions_all_max = 8,
		.answer_max_bytes = 64,
		.gather_max_bytes = 100,
		.gather_all_max_bytes = 150,
	};
	const struct hub_settings hub_settings = {
		.server = "fuzz",
		.socket = "/run/s",
		.put_config = put_config,
	};
	const struct native_settings native_settings = {
		.server = "fuzz",
		.max_frame = 4096,
		.max_connections = 2 * N_PEERS,
		.hello_timeout_ms = 3600000,
		.drain_timeout_ms = 3600000,
		.topic_max_bytes = core.topic_max_bytes,
		.subscriptions_max = core.subscriptions_max,
		.questions_max = core.questions_max,
		.questions_all_max = core.questions_all_max,
		.answer_max_bytes = core.answer_max_bytes,
	};
	const struct redis_settings redis_settings = {
		.version = "0",
		.socket = "/run/r",
		.password = "",
		.max_connections = 2 * N_PEERS,
		.clients_max = N_PEERS,
		.drain_timeout_ms = 3600000,
		.max_frame = 4096,
		.topic_max_bytes = core.topic_max_bytes,
		.subscriptions_max = core.subscriptions_max,
	};
	int r;

	log_set_level(LOG_ERROR);
	r = loop_new(&loop);
	assert(r == 0);
	set = conn_set_new(loop, &net);
	broker = broker_new(&core, (struct hash_key){ 1, 2 });
	hub = hub_new(loop, set, broker, &hub_settings);
	native = native_new(loop, set, broker, hub, &native_settings);
	redis = redis_new(loop, set, broker, hub, &redis_settings);
	for (size_t i = 0; i < N_PEERS; i++)
		dial(i, true);
	turn();
}

static void
end(void)
{
	for (size_t i = 0; i < N_PEERS; i++)
		if (peers[i].fd >= 0)
			hang_up(i);
	for (int i = 0; i < N_TURNS_LAST; i++)
		turn();
	assert(broker_n_members(broker) == 0);
	assert(request_n_open(broker_requests(broker)) == 0);
	redis_free(redis);
	native_free(native);
	hub_free(hub);
	broker_free(broker);
	conn_set_free(set);
	loop_free(loop);
	blob_trim();
	assert(blob_total_bytes() == 0 && blob_held_bytes() == 0);
}

static void
take(uint8_t how, const uint8_t *bytes, size_t len)
{
	size_t i = how % N_PEERS;

	if (KIND(how) == LEAVE || KIND(how) == STRANGER) {
		hang_up(i);
		turn();
		dial(i, KIND(how) == LEAVE);
	}
	if (KIND(how) == STALL)
		peers[i].is_stalled = !peers[i].is_stalled;
	(void)!send(peers[i].fd, bytes, len, MSG_NOSIGNAL);
	if (KIND(how) == FINISH)
		shutdown(peers[i].fd, SHUT_WR);
	if (!(how & TOGETHER))
		turn();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t n;

	begin();
	for (; len >= HEAD; data += n, len -= n) {
		uint8_t how = data[0];

		n = (size_t)data[1] << 8 | data[2];
		data += HEAD;
		len -= HEAD;
		n = n < len ? n : len;
		take(how, data, n);
	}
	end();
	return 0;
}
