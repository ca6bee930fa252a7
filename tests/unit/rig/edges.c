#include "unit/rig/edges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/sent.h"

struct loop *loop;
struct conn_set *set;
struct hub *hub;
struct native *native;
struct client clients[N_PEERS_MAX];
size_t n_clients;
struct vectors golden;

static void
put_config(struct msg_writer *w, void *arg)
{
	(void)arg;
	msg_put_map(w, 1);
	msg_put_str(w, "max-topic");
	msg_put_str(w, "4096");
}

const struct native_settings settings = {
	.server = "pm2adapterd/0.1.0",
	.max_frame = 1 << 20,
	.max_connections = N_PEERS_MAX - 1,
	.hello_timeout_ms = 3600000,
	.ping_interval_ms = 30000,
	.drain_timeout_ms = 3600000,
	.topic_max_bytes = 4096,
	.subscriptions_max = 1000,
	.questions_max = 8,
	.questions_all_max = 12,
	.answer_max_bytes = 4096,
};

const struct hub_settings hub_settings = {
	.server = "pm2adapterd/0.1.0",
	.socket = "/run/s",
	.put_config = put_config,
};

void
begin(void)
{
	const struct conn_limits net = { 8 << 20, 4 << 20, 10000, 0 };
	const struct broker_limits core = {
		.topic_max_bytes = 4096,
		.subscriptions_max = 1000,
		.questions_max = 8,
		.questions_all_max = 12,
		.answer_max_bytes = 4096,
		.gather_max_bytes = 8192,
		.parts_max_bytes = 8192,
	};

	log_set_level(LOG_ERROR);
	n_clients = 0;
	memset(clients, 0, sizeof(clients));
	golden = vectors_read();
	ck_assert_int_eq(loop_new(&loop), 0);
	set = conn_set_new(loop, &net);
	rig_open(&core);
	hub = hub_new(loop, set, broker, &hub_settings);
	native = native_new(loop, set, broker, hub, &settings);
}

void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

void
read_some(struct client *c)
{
	uint8_t bytes[65536];
	ssize_t n;

	while (c->fd >= 0 && (n = read(c->fd, bytes, sizeof(bytes))) > 0) {
		c->got = realloc(c->got, c->n_got + (size_t)n);
		memcpy(c->got + c->n_got, bytes, (size_t)n);
		c->n_got += (size_t)n;
	}
}

void
settle(void)
{
	for (int i = 0; i < 20; i++) {
		turn();
		for (size_t k = 0; k < n_clients; k++)
			read_some(&clients[k]);
	}
}

void
hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

void
end(void)
{
	for (size_t i = 0; i < n_clients; i++) {
		if (clients[i].fd >= 0)
			hang_up(&clients[i]);
		free(clients[i].got);
	}
	settle();
	native_free(native);
	hub_free(hub);
	rig_close();
	conn_set_free(set);
	loop_free(loop);
	vectors_free(&golden);
	rig_expect_no_blobs();
}

struct client *
dial_edge(const struct listen_ops *ops, void *edge)
{
	struct client *c = &clients[n_clients++];
	struct peer peer = { getpid(), getuid(), getgid(), false };
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c->fd = fds[0];
	ops->accepted(edge, fds[1], &peer);
	return c;
}

struct client *
dial(void)
{
	return dial_edge(&native_listen_ops, native);
}

void
say(struct client *c, const void *data, size_t len)
{
	ck_assert_int_eq(write(c->fd, data, len), (ssize_t)len);
}

void
say_golden(struct client *c, const char *name)
{
	const struct vector *v = vector_find(&golden, name);

	ck_assert_ptr_nonnull(v);
	say(c, v->frame.data, v->frame.len);
}

struct frame
next_frame(struct client *c)
{
	struct frame f;

	ck_assert_msg(frame_peek(c->got + c->n_taken, c->n_got - c->n_taken,
			  UINT32_MAX, &f) == FRAME_READY,
	    "no frame has come");
	c->n_taken += f.size;
	return f;
}

void
expect_nothing(const struct client *c)
{
	ck_assert_uint_eq(c->n_taken, c->n_got);
}

void
expect_frame(struct client *c, const void *frame, size_t len)
{
	struct frame f = next_frame(c);

	ck_assert_uint_eq(f.size, len);
	ck_assert_mem_eq(f.start, frame, len);
}

void
expect_error(struct client *c, const char *code, bool fatal)
{
	struct frame f = next_frame(c);
	struct msg_tree *tree = NULL;
	bool is_fatal = !fatal;
	const char *s;
	size_t len;

	ck_assert_uint_eq(f.type, FRAME_ERROR);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	ck_assert(msg_str(msg_at(msg_root(tree), 0), &s, &len));
	ck_assert_msg(len == strlen(code) && memcmp(s, code, len) == 0, "%.*s",
	    (int)len, s);
	ck_assert(msg_bool(msg_at(msg_root(tree), 2), &is_fatal));
	ck_assert(is_fatal == fatal);
	msg_tree_free(tree);
}

void
expect_end(struct client *c)
{
	uint8_t byte;
	ssize_t n = read(c->fd, &byte, 1);

	ck_assert(n == 0 || (n < 0 && errno == ECONNRESET));
}

struct client *
join(void)
{
	struct client *c = dial();

	say_golden(c, "hello-least");
	settle();
	ck_assert_uint_eq(next_frame(c).type, FRAME_WELCOME);
	return c;
}

struct client *
join_as(const char *name, enum control_role role)
{
	struct client *c = dial();
	struct msg_writer w = { 0 };

	sent_write_hello(&w, &(struct sent_hello){
				 .name = name,
				 .client = "test",
				 .role = control_role_name(role),
				 .pid = getpid(),
				 .pm_id = -1,
			     });
	say(c, w.data, w.len);
	msg_writer_fini(&w);
	settle();
	ck_assert_uint_eq(next_frame(c).type, FRAME_WELCOME);
	return c;
}

void
say_frame(
    struct client *c, enum frame_type type, uint8_t flags, const char *body)
{
	uint8_t head[FRAME_HEADER_SIZE];
	struct buffer bytes = hex(body);

	frame_write_head(head, type, flags, NULL, 0, bytes.len);
	say(c, head, sizeof(head));
	say(c, bytes.data, bytes.len);
	free(bytes.data);
}

size_t
put_publish(uint8_t *out, const char *topic, uint8_t flags, uint32_t number)
{
	size_t n = frame_write_head(
	    out, FRAME_PUBLISH, flags, topic, strlen(topic), sizeof(number));

	memcpy(out + n, &number, sizeof(number));
	return n + sizeof(number);
}

void
publish(struct client *c, const char *topic, uint8_t flags, uint32_t number)
{
	uint8_t out[256];

	say(c, out, put_publish(out, topic, flags, number));
}

void
ask_of(struct client *c, uint8_t flags, const char *topic, const char *body)
{
	uint8_t head[256];
	struct buffer bytes = hex(body);
	size_t n = frame_write_head(
	    head, FRAME_ASK, flags, topic, strlen(topic), bytes.len);

	say(c, head, n);
	say(c, bytes.data, bytes.len);
	free(bytes.data);
	settle();
}
