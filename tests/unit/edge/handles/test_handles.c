#include "edge/handles/handles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "edge/handles/channel.h"
#include "unit/support.h"

#define ACK "{\"cmd\":\"NODE_HANDLE_ACK\"}\n"
#define LEND_MS 1000
#define DRAIN_MS 5000

static int64_t now_ms = 1000000;
static struct loop *loop;
static struct conn_set *set;
static struct broker *broker;
static struct hub *hub;
static struct handles *handles;
static int a, b; /* workers' ends of the channels aaaaaa and bbbbbb */
static unsigned n_done;

struct instant
clock_now(void)
{
	return (struct instant){ .ms = now_ms };
}

int64_t
clock_us(void)
{
	static int64_t n; /* turns differ */

	return now_ms * 1000 + n++;
}

int64_t
clock_thread_us(void)
{
	return 0;
}

int64_t
clock_wall_ms(void)
{
	return now_ms;
}

static void
turns(int n)
{
	while (n-- > 0)
		ck_assert_int_eq(loop_turn(loop, false), 0);
}

static void
send_with(int to, const char *text, size_t len, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (char *)(uintptr_t)text, len };
	struct msghdr head = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n > 0) {
		head.msg_control = control.bytes;
		head.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(to, &head, MSG_NOSIGNAL), (ssize_t)len);
}

static void
say(int to, const char *text, int fd)
{
	send_with(to, text, strlen(text), &fd, fd >= 0);
}

/* Reads what is there as a string. Returns the descriptor with it, or -1. */
static int
take(int from, char *text, size_t size)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { text, size - 1 };
	struct msghdr head = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(from, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&head);
	int fd = -1;

	text[n > 0 ? n : 0] = '\0';
	if (c != NULL)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void
expect_said(int from, const char *text)
{
	char said[512];

	ck_assert_int_eq(take(from, said, sizeof(said)), -1);
	ck_assert_str_eq(said, text);
}

/* Whether the other side of the pair has closed. */
static bool
is_over(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
make_pair(int pair[2])
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static const struct peer *
peer(uid_t uid)
{
	static struct peer peer;

	peer = (struct peer){ .pid = getpid(), .uid = uid };
	return &peer;
}

/* Returns the other end of a connection to the listener. */
static int
dial(uid_t uid)
{
	int pair[2];

	make_pair(pair);
	handles_listen_ops.accepted(handles, pair[0], peer(uid));
	return pair[1];
}

/* Returns the worker's end of a channel that is lent. */
static int
lend(const char *tag)
{
	int pair[2], lender = dial(geteuid());
	char line[64];

	make_pair(pair);
	handle_line_print_lend(line, sizeof(line), tag);
	say(lender, line, pair[1]);
	close(pair[1]);
	turns(2);
	take(lender, line, sizeof(line));
	ck_assert_str_eq(line, HANDLE_LINE_LENT);
	ck_assert(is_over(lender));
	close(lender);
	return pair[0];
}

static int64_t
figure(const char *name)
{
	int64_t values[32] = { 0 };
	struct stats_source *source = TAILQ_FIRST(&hub->sources);

	source->set_figures(source, values);
	for (size_t i = 0; i < source->n_figures; i++)
		if (strcmp(source->figures[i].name, name) == 0)
			return values[i];
	ck_abort_msg("no figure %s", name);
}

static void
begin(void)
{
	const struct handles_settings settings = { LEND_MS, DRAIN_MS };

	log_set_level(LOG_ERROR);
	ck_assert_int_eq(loop_new(&loop), 0);
	set = conn_set_new(loop, &(struct conn_limits){ .hard_bytes = 1 });
	broker = broker_new(
	    &(struct broker_limits){ .topic_max_bytes = 1 }, hash_key_random());
	hub = hub_new(loop, set, broker, &(struct hub_settings){ 0 });
	handles = handles_new(loop, hub, &settings);
	a = lend("aaaaaa");
	b = lend("bbbbbb");
	ck_assert_int_eq(figure("channels"), 2);
}

static void
end(void)
{
	handles_free(handles);
	hub_free(hub);
	broker_free(broker);
	conn_set_free(set);
	loop_free(loop);
	close(a);
	close(b);
}

#define HANDLE(to, id)                                                      \
	"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{\"to\":" \
	"\"" to "\",\"id\":" id ",\"bytes\":\"R0VU\"}}\n"
#define RECEIVED                                                           \
	"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{\"byte" \
	"s\":\"R0VU\"}}\n"
#define OUTCOME(id, what) ACK "{\"id\":" id ",\"outcome\":\"" what "\"}\n"

TEST(a_socket_reaches_the_worker_with_the_tag)
{
	char said[512];
	int client[2], fd;

	begin();
	make_pair(client);
	say(a, HANDLE("bbbbbb", "7"), client[1]);
	close(client[1]);
	turns(1);
	expect_said(a, OUTCOME("7", "passed"));
	fd = take(b, said, sizeof(said));
	ck_assert_str_eq(said, RECEIVED);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(client[0], said, 1), 1);
	close(fd);
	ck_assert(is_over(client[0])); /* no copy is left here */
	close(client[0]);
	ck_assert_int_eq(figure("passed"), 1);
	ck_assert_int_eq(figure("refused"), 0);
	end();
}

TEST(a_worker_can_test_its_channel_with_a_socket_for_itself)
{
	char said[512];
	int client[2], fd;

	begin();
	make_pair(client);
	say(a, HANDLE("aaaaaa", "0"), client[1]);
	turns(1);
	fd = take(a, said, sizeof(said));
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(said, RECEIVED);
	expect_said(a, OUTCOME("0", "passed"));
	close(fd);
	close(client[0]);
	close(client[1]);
	end();
}

TEST(a_line_may_arrive_in_pieces_with_its_socket_first)
{
	const char *line = HANDLE("bbbbbb", "1");
	char said[512];
	int client[2];

	begin();
	make_pair(client);
	for (size_t i = 0; i < strlen(line); i++) {
		expect_said(b, "");
		send_with(a, line + i, 1, &client[1], i == 0);
		turns(1);
	}
	close(take(b, said, sizeof(said)));
	ck_assert_str_eq(said, RECEIVED);
	expect_said(a, OUTCOME("1", "passed"));
	close(client[0]);
	close(client[1]);
	end();
}

TEST(acknowledgements_before_a_handle_do_not_take_its_socket)
{
	char said[512];
	int client[2];

	begin();
	make_pair(client);
	say(a, ACK ACK, -1);
	say(a, HANDLE("bbbbbb", "1"), client[1]);
	turns(2);
	expect_said(a, OUTCOME("1", "passed"));
	close(take(b, said, sizeof(said)));
	ck_assert_str_eq(said, RECEIVED);
	close(client[0]);
	close(client[1]);
	end();
}

/* Its end has not been read yet. */
TEST(a_socket_for_a_worker_that_has_just_ended_is_refused)
{
	int client[2];

	begin();
	make_pair(client);
	close(b);
	b = -1;
	say(a, HANDLE("bbbbbb", "2"), client[1]);
	close(client[1]);
	turns(1);
	expect_said(a, OUTCOME("2", "absent"));
	ck_assert(is_over(client[0]));
	close(client[0]);
	ck_assert_int_eq(figure("absent"), 1);
	ck_assert_int_eq(figure("passed"), 0);
	end();
}

TEST(a_socket_for_an_unknown_worker_is_closed_and_counted)
{
	int client[2];

	begin();
	make_pair(client);
	say(a, HANDLE("cccccc", "2"), client[1]);
	close(client[1]);
	turns(1);
	expect_said(a, OUTCOME("2", "absent"));
	ck_assert(is_over(client[0]));
	close(client[0]);
	ck_assert_int_eq(figure("absent"), 1);
	ck_assert_int_eq(figure("refused"), 1);
	end();
}

TEST(several_descriptors_are_all_closed)
{
	int one[2], two[2], both[2];

	begin();
	make_pair(one);
	make_pair(two);
	both[0] = one[1];
	both[1] = two[1];
	send_with(
	    a, HANDLE("bbbbbb", "3"), strlen(HANDLE("bbbbbb", "3")), both, 2);
	close(one[1]);
	close(two[1]);
	turns(1);
	expect_said(a, OUTCOME("3", "descriptor"));
	expect_said(b, "");
	ck_assert(is_over(one[0]));
	ck_assert(is_over(two[0]));
	close(one[0]);
	close(two[0]);
	ck_assert_int_eq(figure("bad_descriptor"), 1);
	end();
}

static int
open_listening(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX },
			     sizeof(sa_family_t)),
	    0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static int
open_datagram(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int
open_file(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int
open_nothing(void)
{
	return -1;
}

static int (*const others[])(
    void) = { open_listening, open_datagram, open_file, open_nothing };

TEST_EACH(anything_but_a_connected_stream_is_refused, others)
{
	int fd = others[row]();

	begin();
	say(a, HANDLE("bbbbbb", "4"), fd);
	if (fd >= 0)
		close(fd);
	turns(1);
	expect_said(a, OUTCOME("4", "descriptor"));
	expect_said(b, "");
	ck_assert_int_eq(figure("bad_descriptor"), 1);
	end();
}

/* The kernel leaves the descriptor out, and the line arrives without it. */
TEST(out_of_descriptors_the_sender_is_told_and_later_ones_pass)
{
	struct rlimit old, none;
	char said[512];
	int client[2], fd = dup(0);

	begin();
	close(fd);
	make_pair(client);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	say(a, HANDLE("bbbbbb", "5"), client[1]);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns(1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	expect_said(a, OUTCOME("5", "descriptor"));
	say(a, HANDLE("bbbbbb", "6"), client[1]);
	turns(1);
	expect_said(a, OUTCOME("6", "passed"));
	close(take(b, said, sizeof(said)));
	close(client[0]);
	close(client[1]);
	end();
}

TEST(lines_that_need_no_action_are_ignored)
{
	begin();
	say(a, ACK "{\"cmd\":\"NODE_HANDLE_NACK\"}\n\"text\"\n[1]\n{}\n", -1);
	turns(2);
	expect_said(a, "");
	ck_assert_int_eq(figure("channels"), 2);
	ck_assert_int_eq(figure("lost"), 1);
	ck_assert_int_eq(figure("malformed"), 0);
	end();
}

static const char *const malformed[] = { "\n", "{\n", "GET / HTTP/1.1\r\n\r\n",
	"{\"cmd\":\"NODE_HANDLE\"}\n",
	"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":{\"to\":"
	"\"bbbbbb\",\"id\":1,\"bytes\":\"\"}}\n",
	"{\"cmd\":\"PM2A_LEND\",\"tag\":\"b\"}\n" };

TEST_EACH(a_malformed_line_ends_its_channel_alone, malformed)
{
	char said[512];
	int client[2];

	begin();
	make_pair(client);
	say(a, malformed[row], client[1]);
	close(client[1]);
	turns(2);
	ck_assert(is_over(a));
	ck_assert(is_over(client[0]));
	close(client[0]);
	ck_assert_int_eq(figure("malformed"), 1);
	ck_assert_int_eq(figure("channels"), 1);
	make_pair(client);
	say(b, HANDLE("bbbbbb", "1"), client[1]);
	turns(1);
	close(take(b, said, sizeof(said)));
	ck_assert_str_eq(said, RECEIVED);
	close(client[0]);
	close(client[1]);
	end();
}

TEST(a_line_of_64_kib_passes_and_a_longer_one_ends_the_channel)
{
	static char line[HANDLE_LINE_MAX + 2], said[HANDLE_LINE_MAX + 1];
	const char *head = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\","
			   "\"msg\":{\"to\":\"bbbbbb\",\"id\":1,\"bytes\":\"";
	size_t n_bytes = (HANDLE_LINE_MAX - strlen(head) - 4) / 4 * 4, len;
	int client[2];

	begin();
	make_pair(client);
	len = (size_t)snprintf(line, sizeof(line), "%s", head);
	memset(line + len, 'A', n_bytes);
	strcpy(line + len + n_bytes, "\"}}\n");
	send_with(a, line, strlen(line), &client[1], 1);
	turns(4);
	expect_said(a, OUTCOME("1", "passed"));
	close(take(b, said, sizeof(said)));
	while (strchr(said, '\n') == NULL)
		take(b, said, sizeof(said));
	memset(line, ' ', sizeof(line));
	send_with(a, line, HANDLE_LINE_MAX, NULL, 0);
	turns(4);
	ck_assert(is_over(a));
	ck_assert_int_eq(figure("malformed"), 1);
	close(client[0]);
	close(client[1]);
	end();
}

/* Hands over until the daemon refuses. Returns how many it took. */
static int
fill(int client)
{
	char said[512];
	int n = 0;

	for (;; n++) {
		ck_assert_int_lt(n, 2000);
		say(a, HANDLE("bbbbbb", "9"), client);
		turns(1);
		ck_assert_int_eq(take(a, said, sizeof(said)), -1);
		if (strcmp(said, OUTCOME("9", "slow")) == 0)
			return n;
		ck_assert_str_eq(said, OUTCOME("9", "passed"));
	}
}

TEST(a_receiver_that_does_not_read_has_a_limit_and_loses_nothing)
{
	char said[512];
	int client[2], n, n_taken = 0, fd;

	begin();
	make_pair(client);
	n = fill(client[1]);
	ck_assert_int_gt(n, CHANNEL_PARCELS_MAX);
	ck_assert_int_eq(figure("waiting"), CHANNEL_PARCELS_MAX);
	ck_assert_int_eq(figure("slow"), 1);
	while (n_taken < n) {
		fd = take(b, said, sizeof(said));
		if (fd < 0) {
			turns(1);
			continue;
		}
		ck_assert_str_eq(said, RECEIVED);
		close(fd);
		n_taken++;
	}
	turns(2);
	ck_assert_int_lt(take(b, said, sizeof(said)), 0);
	ck_assert_int_eq(figure("waiting"), 0);
	ck_assert_int_eq(figure("passed"), n);
	close(client[0]);
	close(client[1]);
	end();
}

TEST(what_waits_for_a_worker_that_ends_is_closed_and_counted)
{
	int client[2], n;

	begin();
	make_pair(client);
	n = fill(client[1]);
	ck_assert_int_gt(n, 0);
	close(b);
	b = -1;
	turns(3);
	ck_assert_int_eq(figure("channels"), 1);
	ck_assert_int_eq(figure("waiting"), 0);
	ck_assert_int_eq(figure("absent"), CHANNEL_PARCELS_MAX);
	close(client[1]);
	ck_assert(is_over(client[0]));
	close(client[0]);
	end();
}

/* Its answers wait, so that no more of its lines are read. */
TEST(a_sender_that_does_not_read_is_read_no_further)
{
	int n = 0;

	begin();
	for (; n < 100000; n++)
		if (send(a, HANDLE("cccccc", "1"),
			strlen(HANDLE("cccccc", "1")),
			MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			turns(1);
	ck_assert_int_gt(figure("waiting"), 0);
	ck_assert_int_lt(figure("waiting"), CHANNEL_PARCELS_MAX + 1000);
	end();
}

static void
on_done(void *arg)
{
	(void)arg;
	n_done++;
}

TEST(a_drain_without_anything_that_waits_is_done_at_once)
{
	begin();
	n_done = 0;
	handles_drain(handles, on_done, NULL);
	ck_assert_uint_eq(n_done, 1);
	turns(2);
	ck_assert_uint_eq(n_done, 1);
	end();
}

TEST(a_drain_waits_for_slow_receivers_until_its_timeout)
{
	int client[2];

	begin();
	make_pair(client);
	fill(client[1]);
	n_done = 0;
	handles_drain(handles, on_done, NULL);
	now_ms += DRAIN_MS - 1;
	turns(2);
	ck_assert_uint_eq(n_done, 0);
	now_ms++;
	turns(2);
	ck_assert_uint_eq(n_done, 1);
	close(client[0]);
	close(client[1]);
	end();
}

TEST(a_drain_is_done_when_the_receiver_has_read)
{
	char said[512];
	int client[2];

	begin();
	make_pair(client);
	fill(client[1]);
	n_done = 0;
	handles_drain(handles, on_done, NULL);
	for (int i = 0; i < 2000 && n_done == 0; i++) {
		close(take(b, said, sizeof(said)));
		turns(1);
	}
	ck_assert_uint_eq(n_done, 1);
	close(client[0]);
	close(client[1]);
	end();
}

TEST(processes_of_other_users_are_refused)
{
	int lender;

	begin();
	lender = dial(geteuid() + 1);
	ck_assert(is_over(lender));
	close(lender);
	ck_assert_int_eq(figure("lends_refused"), 1);
	end();
}

static const char *const not_lent[] = {
	"\n", "{}\n", ACK, HANDLE("bbbbbb", "1"),
	"{\"cmd\":\"PM2A_LEND\",\"tag\":\"a\"}\n",
	"{\"cmd\":\"PM2A_LEND\",\"tag\":\"dddddd\"}\n",
	"                                                                     "
	"                                                                     "
	"                                                                     "
	"                                                                     "
};

TEST_EACH(what_is_no_channel_is_refused, not_lent)
{
	int lender, fd = open_file();

	begin();
	lender = dial(geteuid());
	say(lender, not_lent[row], fd);
	turns(2);
	ck_assert(is_over(lender));
	close(lender);
	close(fd);
	ck_assert_int_eq(figure("lends_refused"), 1);
	ck_assert_int_eq(figure("channels"), 2);
	end();
}

TEST(a_lender_has_a_deadline)
{
	int lender;

	begin();
	lender = dial(geteuid());
	say(lender, "{", -1);
	turns(1);
	now_ms += LEND_MS - 1;
	turns(1);
	ck_assert(!is_over(lender));
	now_ms++;
	turns(1);
	ck_assert(is_over(lender));
	close(lender);
	ck_assert_int_eq(figure("lends_refused"), 1);
	end();
}

TEST(a_channel_that_is_lent_again_replaces_the_old_one)
{
	int old = -1;

	begin();
	old = b;
	b = lend("bbbbbb");
	ck_assert(is_over(old));
	close(old);
	ck_assert_int_eq(figure("channels"), 2);
	end();
}

TEST(there_are_at_most_1024_channels)
{
	static int lenders[HANDLES_CHANNELS_MAX];
	struct rlimit limit;
	size_t n = 0;

	begin();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_gt(limit.rlim_cur, 2 * HANDLES_CHANNELS_MAX + 100);
	for (; n < HANDLES_CHANNELS_MAX - 2; n++)
		lenders[n] = dial(geteuid());
	ck_assert_int_eq(figure("lends_refused"), 0);
	lenders[n] = dial(geteuid());
	ck_assert(is_over(lenders[n++]));
	ck_assert_int_eq(figure("lends_refused"), 1);
	while (n > 0)
		close(lenders[--n]);
	turns(2);
	end();
}
