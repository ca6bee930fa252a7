#include "net/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "net/listen.h"
#include "net/lock.h"
#include "net/loop.h"
#include "unit/support.h"

#define GAP_MS 100
#define LOOK_MS 1000
#define HELD_LOOK_MS 10000
#define BACKSTOP_MS 30000

static struct loop *loop;
static struct listener *listener;
static struct keeper *keeper;
static char base[32], folder[40], path[64], lock_path[80];
static int accepted[16];
static size_t n_accepted, n_watched;
static int64_t ahead_ms;
static int init_error, add_error;

/* In place of libc's, for libevent too. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += ahead_ms / 1000;
	ts->tv_nsec += ahead_ms % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
	return r;
}

int
inotify_init1(int flags)
{
	errno = init_error;
	return init_error != 0 ? -1 : (int)syscall(SYS_inotify_init1, flags);
}

int
inotify_add_watch(int fd, const char *name, uint32_t mask)
{
	n_watched++;
	errno = add_error;
	return add_error != 0
		   ? -1
		   : (int)syscall(SYS_inotify_add_watch, fd, name, mask);
}

static void
on_accepted(void *user, int fd, const struct peer *peer)
{
	(void)user;
	(void)peer;
	accepted[n_accepted++] = fd;
}

static const struct listen_ops ops = { on_accepted };

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, false), 0);
}

/* Lets that time pass. */
static void
pass(int64_t ms)
{
	turn();
	ahead_ms += ms;
	turn();
	turn();
}

static void
create_folder(void)
{
	ck_assert_int_eq(mkdir(folder, 0700), 0);
}

static void
begin_with(void (*create)(void))
{
	pid_t holder;

	log_set_level(LOG_ERROR);
	make_folder(base);
	snprintf(folder, sizeof(folder), "%s/f", base);
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(lock_path, sizeof(lock_path), "%s.pid", path);
	create_folder();
	ck_assert_int_eq(loop_new(&loop), 0);
	keeper = keeper_new(loop);
	ck_assert_int_eq(
	    listen_open(loop, path, 0600, &ops, NULL, &listener, &holder), 0);
	ck_assert_int_eq(listen_start(listener), 0);
	keeper_add(keeper, listener, create);
	turn();
}

static void
begin(void)
{
	begin_with(NULL);
}

static void
end(void)
{
	while (n_accepted > 0)
		close(accepted[--n_accepted]);
	keeper_remove(keeper, listener);
	ck_assert_uint_eq(keeper_stats()->n_absent, 0);
	keeper_free(keeper);
	listen_close(listener);
	loop_free(loop);
	remove_folder(folder);
	remove_folder(base);
}

static struct sockaddr_un
address(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	return sun;
}

/* Connects; -1 if no process listens. */
static int
dial(void)
{
	struct sockaddr_un sun = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Whether a client that connects now is accepted by the listener. */
static bool
lets_in(void)
{
	size_t before = n_accepted;
	int fd = dial();

	turn();
	if (fd >= 0)
		close(fd);
	return n_accepted == before + 1;
}

static int
foreign_socket(void)
{
	struct sockaddr_un sun = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static void
remove_files(void)
{
	(void)unlink(path);
	(void)unlink(lock_path);
}

static void
lose_folder(void)
{
	remove_files();
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
move_file(void)
{
	char elsewhere[80];

	snprintf(elsewhere, sizeof(elsewhere), "%s/moved", folder);
	ck_assert_int_eq(rename(path, elsewhere), 0);
}

static void
remove_socket(void)
{
	ck_assert_int_eq(unlink(path), 0);
}

static void
replace_by_stale(void)
{
	remove_socket();
	close(foreign_socket());
}

static void
move_folder(void)
{
	char elsewhere[40];

	snprintf(elsewhere, sizeof(elsewhere), "%s/g", base);
	ck_assert_int_eq(rename(folder, elsewhere), 0);
	create_folder();
}

static void
replace_folder(void)
{
	lose_folder();
	create_folder();
}

static const struct {
	const char *what;
	void (*lose)(void);
} losses[] = {
	{ "removed", remove_socket },
	{ "removed with its lock", remove_files },
	{ "renamed", move_file },
	{ "replaced by a socket on which nobody listens", replace_by_stale },
	{ "in a folder that was created again", replace_folder },
	{ "in a folder that was renamed", move_folder },
};

TEST_EACH(a_socket_that_was_lost_is_bound_again_each_time, losses)
{
	struct stat st;

	begin();
	ck_assert(lets_in());
	for (unsigned i = 1; i <= (row == 5 ? 1 : 3); i++) {
		losses[row].lose();
		ck_assert(!lets_in());
		pass(GAP_MS);
		ck_assert_uint_eq(keeper_stats()->n_restored, i);
		ck_assert(lets_in());
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0600);
		ck_assert_int_eq(lstat(lock_path, &st), 0);
		unlink("moved");
	}
	/* Nothing happened to those that were in. */
	for (size_t i = 0; i < n_accepted; i++)
		ck_assert_int_ge(fcntl(accepted[i], F_GETFL), 0);
	if (row == 5) {
		snprintf(folder, sizeof(folder), "%s/g", base);
		remove_folder(folder);
		snprintf(folder, sizeof(folder), "%s/f", base);
	}
	end();
}

TEST(a_client_that_waits_when_the_socket_is_lost_is_let_in)
{
	int fd;

	begin();
	fd = dial();
	ck_assert_int_ge(fd, 0);
	remove_socket();
	pass(GAP_MS);
	ck_assert_uint_eq(n_accepted, 1);
	close(fd);
	end();
}

TEST(a_folder_that_is_missing_is_waited_for)
{
	begin();
	lose_folder();
	pass(GAP_MS);
	pass(10 * LOOK_MS);
	ck_assert_uint_eq(keeper_stats()->n_absent, 1);
	create_folder();
	pass(LOOK_MS);
	ck_assert_uint_eq(keeper_stats()->n_absent, 0);
	ck_assert(lets_in());
	end();
}

TEST(a_folder_that_the_daemon_creates_is_created_again)
{
	begin_with(create_folder);
	lose_folder();
	pass(GAP_MS);
	ck_assert(lets_in());
	end();
}

TEST(a_new_folder_that_others_may_write_to_is_not_used)
{
	begin();
	lose_folder();
	create_folder();
	ck_assert_int_eq(chmod(folder, 0777), 0);
	pass(GAP_MS);
	ck_assert(!lets_in());
	ck_assert_uint_eq(keeper_stats()->n_absent, 1);
	ck_assert_int_eq(chmod(folder, 0700), 0);
	pass(LOOK_MS);
	ck_assert(lets_in());
	end();
}

TEST(a_folder_that_was_always_open_to_others_is_used)
{
	begin();
	ck_assert_int_eq(chmod(folder, 01777), 0);
	remove_socket();
	pass(GAP_MS);
	ck_assert(lets_in());
	end();
}

TEST(a_file_that_is_not_a_socket_is_left_alone_until_it_is_gone)
{
	int fd;

	begin();
	remove_socket();
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "mine", 4), 4);
	close(fd);
	pass(GAP_MS);
	pass(LOOK_MS);
	ck_assert(!lets_in());
	ck_assert_uint_eq(keeper_stats()->n_absent, 1);
	ck_assert_int_eq(access(path, F_OK), 0);
	remove_socket();
	pass(GAP_MS);
	ck_assert(lets_in());
	end();
}

/* It isn't asked each second: it would see a connection each time. */
TEST(a_socket_that_another_process_serves_is_left_to_it_while_it_does)
{
	int fd, client;

	begin();
	remove_socket();
	fd = foreign_socket();
	pass(GAP_MS);
	for (int i = 0; i < 5; i++)
		pass(LOOK_MS);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	client = accept(fd, NULL, NULL);
	ck_assert_int_ge(client, 0);
	close(client);
	ck_assert_int_lt(accept(fd, NULL, NULL), 0);
	ck_assert_uint_eq(keeper_stats()->n_absent, 1);
	close(fd);
	pass(HELD_LOOK_MS);
	ck_assert(lets_in());
	end();
}

TEST(a_path_whose_lock_another_process_has_is_left_to_it)
{
	struct lock *lock;
	pid_t holder;

	begin();
	remove_files();
	ck_assert_int_eq(lock_take(lock_path, &lock, &holder), 0);
	pass(GAP_MS);
	ck_assert(!lets_in());
	ck_assert_uint_eq(keeper_stats()->n_absent, 1);
	lock_release(lock);
	pass(GAP_MS);
	ck_assert(lets_in());
	end();
}

TEST(a_lock_that_was_removed_is_taken_again)
{
	struct lock *lock;
	pid_t holder;

	begin();
	ck_assert_int_eq(unlink(lock_path), 0);
	pass(GAP_MS);
	ck_assert_int_eq(lock_take(lock_path, &lock, &holder), LOCK_E_HELD);
	ck_assert_int_eq(holder, getpid());
	ck_assert_uint_eq(keeper_stats()->n_restored, 0);
	end();
}

static const struct {
	int *what, error;
} limits[] = {
	{ &init_error, EMFILE },
	{ &add_error, ENOSPC },
};

TEST_EACH(without_inotify_it_looks_each_second, limits)
{
	*limits[row].what = limits[row].error;
	begin();
	remove_socket();
	pass(LOOK_MS);
	ck_assert(lets_in());
	/* Once there is some again, it is used. */
	*limits[row].what = 0;
	pass(LOOK_MS);
	remove_socket();
	pass(GAP_MS);
	ck_assert(lets_in());
	end();
}

TEST(with_inotify_it_looks_each_half_minute_only)
{
	size_t before;

	begin();
	before = n_watched;
	pass(BACKSTOP_MS / 2);
	ck_assert_uint_eq(n_watched, before);
	pass(BACKSTOP_MS);
	ck_assert_uint_gt(n_watched, before);
	end();
}

/* Others may create and remove many, as in the folder for temporary files. */
TEST(other_files_in_the_folder_cause_no_look)
{
	char other[64];
	size_t before;

	begin();
	before = n_watched;
	snprintf(other, sizeof(other), "%s/other", folder);
	for (int i = 0; i < 10; i++) {
		close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		ck_assert_int_eq(unlink(other), 0);
		pass(GAP_MS);
	}
	ck_assert_uint_eq(n_watched, before);
	end();
}

static size_t
count_watches(void)
{
	char name[32], line[256];
	size_t n = 0;
	FILE *info;

	for (int fd = 0; fd < 64; fd++) {
		snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
		info = fopen(name, "re");
		while (info != NULL && fgets(line, sizeof(line), info) != NULL)
			n += strncmp(line, "inotify wd:", 11) == 0;
		if (info != NULL)
			fclose(info);
	}
	return n;
}

TEST(watches_do_not_pile_up)
{
	size_t n;

	begin();
	n = count_watches();
	ck_assert_uint_ge(n, 4);
	for (int i = 0; i < 20; i++) {
		replace_folder();
		pass(GAP_MS);
	}
	ck_assert_uint_eq(keeper_stats()->n_restored, 20);
	ck_assert_uint_eq(count_watches(), n);
	end();
}

TEST(an_inherited_socket_is_the_supervisors)
{
	struct listener *inherited;
	int fd;

	begin();
	remove_socket();
	fd = foreign_socket();
	ck_assert_int_eq(listen_adopt(loop, fd, &ops, NULL, &inherited), 0);
	ck_assert_int_eq(listen_start(inherited), 0);
	keeper_remove(keeper, listener);
	keeper_add(keeper, inherited, NULL);
	ck_assert_int_eq(unlink(path), 0);
	pass(GAP_MS);
	pass(LOOK_MS);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_uint_eq(keeper_stats()->n_restored, 0);
	listen_close(inherited);
	end();
}
