#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/loop.h"
#include "unit/support.h"

static struct loop *loop;
static struct listener *listener;
static char folder[32], path[64];
static pid_t holder;
static int accepted[128];
static size_t n_accepted;
static struct peer last_peer;

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	ck_assert_ptr_eq(user, &n_accepted);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	accepted[n_accepted++] = fd;
	last_peer = *peer;
}

static const struct listen_ops ops = { on_accepted };

static void
begin(void)
{
	log_set_level(LOG_ERROR);
	make_folder(folder);
	snprintf(path, sizeof(path), "%s/s", folder);
	ck_assert_int_eq(loop_new(&loop), 0);
}

static int
open_at(const char *where)
{
	int r;

	listener = NULL;
	holder = -1;
	r = listen_open(
	    loop, where, 0600, &ops, &n_accepted, &listener, &holder);
	return r == 0 ? listen_start(listener) : r;
}

static void
end(void)
{
	while (n_accepted > 0)
		close(accepted[--n_accepted]);
	listen_close(listener);
	loop_free(loop);
	remove_folder(folder);
}

static struct sockaddr_un
address(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	return sun;
}

static int
dial(void)
{
	struct sockaddr_un sun = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* A socket at path that somebody else made; listening or stale. */
static int
foreign_socket(bool listening)
{
	struct sockaddr_un sun = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

static bool
exists(const char *what)
{
	struct stat st;

	return lstat(what, &st) == 0;
}

static bool is_watching_refused;

/* In place of libc's, for libevent too. */
int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (is_watching_refused && op != EPOLL_CTL_DEL) {
		errno = ENOSPC; /* as with fs.epoll.max_user_watches */
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

TEST(a_socket_that_the_kernel_does_not_watch_is_a_fault)
{
	begin();
	is_watching_refused = true;
	ck_assert_int_eq(open_at(path), -ENOSPC);
	end();
}

TEST(after_a_pause_it_accepts_once_the_kernel_watches_again)
{
	struct rlimit limit, none;
	int fd;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	fd = dial();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	is_watching_refused = true;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_uint_eq(n_accepted, 0);
	is_watching_refused = false;
	while (n_accepted == 0)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	close(fd);
	end();
}

TEST(a_connection_is_handed_out_with_the_peers_credentials)
{
	int fd;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	fd = dial();
	turn();
	ck_assert_uint_eq(n_accepted, 1);
	ck_assert_int_eq(last_peer.pid, getpid());
	ck_assert_uint_eq(last_peer.uid, getuid());
	ck_assert_uint_eq(last_peer.gid, getgid());
	ck_assert_uint_eq(listen_stats(listener)->n_accepted, 1);
	close(fd);
	end();
}

TEST(a_listening_socket_can_be_adopted_and_stays_where_it_is)
{
	int fd;

	begin();
	fd = foreign_socket(true);
	ck_assert_int_eq(
	    listen_adopt(loop, fd, &ops, &n_accepted, &listener), 0);
	ck_assert_int_eq(listen_start(listener), 0);
	close(dial());
	turn();
	ck_assert_uint_eq(n_accepted, 1);
	listen_close(listener);
	listener = NULL;
	ck_assert(exists(path));
	end();
}

TEST(a_socket_that_does_not_listen_is_not_adopted)
{
	int fd;

	begin();
	fd = foreign_socket(false);
	ck_assert_int_lt(
	    listen_adopt(loop, fd, &ops, &n_accepted, &listener), 0);
	close(fd);
	end();
}

TEST(a_turn_accepts_a_bounded_number)
{
	int fds[70];

	begin();
	ck_assert_int_eq(open_at(path), 0);
	for (size_t i = 0; i < N_ELEMENTS(fds); i++)
		fds[i] = dial();
	turn();
	ck_assert_uint_eq(n_accepted, 64);
	turn();
	ck_assert_uint_eq(n_accepted, 70);
	for (size_t i = 0; i < N_ELEMENTS(fds); i++)
		close(fds[i]);
	end();
}

TEST(without_descriptors_it_pauses_and_goes_on_when_there_are_some)
{
	struct rlimit limit, none;
	int fd;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	fd = dial();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	turn();
	ck_assert_uint_eq(n_accepted, 0);
	ck_assert_uint_eq(listen_stats(listener)->n_paused, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (n_accepted == 0)
		ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_uint_eq(n_accepted, 1);
	close(fd);
	end();
}

TEST(a_pause_ends_when_a_descriptor_is_closed)
{
	struct rlimit limit, none;
	int fd;

	begin();
	listen_retry();
	ck_assert_int_eq(open_at(path), 0);
	fd = dial();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	listen_retry();
	turn();
	ck_assert_uint_eq(listen_stats(listener)->n_paused, 2);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	listen_retry();
	ck_assert_int_eq(loop_turn(loop, false), 0);
	ck_assert_uint_eq(n_accepted, 1);
	close(fd);
	end();
	listen_retry();
}

TEST(a_listener_is_closed_while_it_pauses)
{
	struct rlimit limit, none;
	int fd;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	fd = dial();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	ck_assert_uint_eq(listen_stats(listener)->n_paused, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close(fd);
	end();
	listen_retry();
}

static const struct {
	const char *text;
	bool is_address, is_loopback;
} addresses[] = {
	{ "127.0.0.1:6379", true, true },
	{ "127.8.9.10:1", true, true },
	{ "localhost:65535", true, true },
	{ "[::1]:6379", true, true },
	{ "0.0.0.0:6379", true, false },
	{ "128.0.0.1:6379", true, false },
	{ "[::]:6379", true, false },
	{ "[::ffff:127.0.0.1]:6379", true, false },
	{ "[fe80::1]:6379", true, false },
	{ "", false, false },
	{ "6379", false, false },
	{ ":6379", false, false },
	{ "127.0.0.1", false, false },
	{ "127.0.0.1:", false, false },
	{ "127.0.0.1:0", false, false },
	{ "127.0.0.1:65536", false, false },
	{ "127.0.0.1:x", false, false },
	{ "localhost", false, false },
	{ "localhost:x", false, false },
	{ "example.org:6379", false, false },
	{ "[::1]", false, false },
	{ "127.0.0.1:000000000000000000000000000000000000000000000000006379",
	    false, false },
};

TEST_EACH(an_address_has_numbers_and_a_port, addresses)
{
	struct listen_address address;

	ck_assert_int_eq(listen_read_address(addresses[row].text, &address),
	    addresses[row].is_address ? 0 : LISTEN_E_ADDRESS);
	ck_assert(address.is_loopback == addresses[row].is_loopback);
}

/* At a port that was free a moment ago. */
TEST(who_connects_over_tcp_is_nobody_the_kernel_knows)
{
	struct listen_address address;
	socklen_t len = sizeof(address.bytes);
	char text[32];
	int on, fd, taken = socket(AF_INET, SOCK_STREAM, 0);

	begin();
	ck_assert_int_eq(listen_read_address("127.0.0.1:1", &address), 0);
	((struct sockaddr_in *)&address.bytes)->sin_port = 0;
	ck_assert_int_eq(
	    bind(taken, (struct sockaddr *)&address.bytes, address.len), 0);
	ck_assert_int_eq(
	    getsockname(taken, (struct sockaddr *)&address.bytes, &len), 0);
	close(taken);
	snprintf(text, sizeof(text), "localhost:%u",
	    ntohs(((struct sockaddr_in *)&address.bytes)->sin_port));
	ck_assert_int_eq(listen_read_address(text, &address), 0);
	ck_assert_int_eq(
	    listen_open_tcp(loop, &address, &ops, &n_accepted, &listener), 0);
	ck_assert_int_eq(listen_start(listener), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&address.bytes, address.len), 0);
	ck_assert_int_eq(loop_turn(loop, true), 0);
	ck_assert_uint_eq(n_accepted, 1);
	ck_assert_int_eq(last_peer.pid, 0);
	ck_assert_uint_eq(last_peer.uid, (uid_t)-1);
	/* Its host may vanish without a word. */
	len = sizeof(on);
	ck_assert_int_eq(
	    getsockopt(accepted[0], SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
	ck_assert_int_ne(on, 0);
	close(fd);
	end();
}
