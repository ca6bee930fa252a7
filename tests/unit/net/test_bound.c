#include "net/bound.h"

#include <bsd/libutil.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "net/lock.h"
#include "unit/support.h"

static struct bound *bound;
static char folder[32], path[64], lock_path[80];
static pid_t holder;

static void
begin(void)
{
	log_set_level(LOG_ERROR);
	make_folder(folder);
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(lock_path, sizeof(lock_path), "%s.pid", path);
}

static int
open_at(const char *where)
{
	bound = NULL;
	holder = -1;
	return bound_open(where, 0600, &bound, &holder);
}

static void
end(void)
{
	bound_close(bound);
	remove_folder(folder);
}

static struct sockaddr_un
address(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	return sun;
}

/* Whether somebody listens at path. */
static bool
answers(void)
{
	struct sockaddr_un sun = address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool is_connected =
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;

	close(fd);
	return is_connected;
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

static bool
exists(const char *what)
{
	struct stat st;

	return lstat(what, &st) == 0;
}

TEST(it_is_bound_and_does_not_listen_yet)
{
	begin();
	ck_assert_int_eq(open_at(path), 0);
	ck_assert(!answers());
	ck_assert_int_eq(listen(bound_fd(bound), 1), 0);
	ck_assert(answers());
	end();
}

TEST(two_whose_files_were_removed_leave_each_other_alone)
{
	struct bound *first;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	first = bound;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(lock_path), 0);
	ck_assert_int_eq(open_at(path), 0);
	bound_close(first);
	ck_assert(exists(path));
	ck_assert(exists(lock_path));
	end();
	ck_assert(!exists(path));
	ck_assert(!exists(lock_path));
}

static const struct {
	const char *name;
	int error;
} links[] = {
	{ ".pid", BOUND_E_LOCK_LINK },
	{ "", BOUND_E_NOT_SOCKET },
};

TEST_EACH(a_symbolic_link_for_the_lock_or_the_socket_is_left_alone, links)
{
	char where[80], target[64];

	begin();
	snprintf(where, sizeof(where), "%s%s", path, links[row].name);
	snprintf(target, sizeof(target), "%s/target", folder);
	ck_assert_int_eq(symlink(target, where), 0);
	ck_assert_int_eq(open_at(path), links[row].error);
	ck_assert(exists(where));
	ck_assert(!exists(target));
	end();
}

/* As with a folder's default ACL: the mode is not the one of bind(2). */
TEST(every_mode_is_set_exactly)
{
	struct stat st;

	begin();
	for (mode_t mode = 0; mode <= 0777; mode += 073) {
		ck_assert_int_eq(bound_open(path, mode, &bound, &holder), 0);
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, mode);
		bound_close(bound);
	}
	bound = NULL;
	end();
}

TEST(the_socket_has_the_mode_that_was_asked_for_whatever_the_umask)
{
	struct stat st;
	mode_t mask = umask(0777);

	begin();
	umask(0777);
	ck_assert_int_eq(open_at(path), 0);
	umask(mask);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	end();
}

TEST(closing_removes_the_socket_and_the_lock)
{
	begin();
	ck_assert_int_eq(open_at(path), 0);
	ck_assert(exists(path));
	ck_assert(exists(lock_path));
	bound_close(bound);
	bound = NULL;
	ck_assert(!exists(path));
	ck_assert(!exists(lock_path));
	end();
}

TEST(a_socket_that_somebody_put_in_its_place_is_left_alone)
{
	int fd;

	begin();
	ck_assert_int_eq(open_at(path), 0);
	ck_assert_int_eq(unlink(path), 0);
	fd = foreign_socket(false);
	bound_close(bound);
	bound = NULL;
	ck_assert(exists(path));
	close(fd);
	end();
}

TEST(a_stale_socket_is_replaced)
{
	begin();
	close(foreign_socket(false));
	ck_assert(exists(path));
	ck_assert_int_eq(open_at(path), 0);
	ck_assert_int_eq(listen(bound_fd(bound), 1), 0);
	ck_assert(answers());
	end();
}

TEST(a_socket_that_is_served_is_refused_with_its_holder)
{
	int fd;

	begin();
	fd = foreign_socket(true);
	ck_assert_int_eq(open_at(path), BOUND_E_HELD);
	ck_assert_int_eq(holder, getpid());
	ck_assert_ptr_null(bound);
	ck_assert(exists(path));
	ck_assert(!exists(lock_path));
	close(fd);
	end();
}

TEST(a_lock_that_is_held_is_refused_with_its_holder)
{
	struct lock *lock;

	begin();
	ck_assert_int_eq(lock_take(lock_path, &lock, &holder), 0);
	ck_assert_int_eq(open_at(path), BOUND_E_HELD);
	ck_assert_int_eq(holder, getpid());
	ck_assert(exists(lock_path));
	lock_release(lock);
	end();
}

TEST(the_lock_of_a_daemon_that_used_pidfile_is_respected)
{
	struct pidfh *lock;

	begin();
	lock = pidfile_open(lock_path, 0600, NULL);
	ck_assert_ptr_nonnull(lock);
	ck_assert_int_eq(pidfile_write(lock), 0);
	ck_assert_int_eq(open_at(path), BOUND_E_HELD);
	ck_assert_int_eq(holder, getpid());
	ck_assert(exists(lock_path));
	pidfile_remove(lock);
	end();
}

TEST(a_socket_of_another_kind_that_is_in_use_is_left_alone)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	begin();
	sun = address();
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(open_at(path), BOUND_E_HELD);
	ck_assert_int_eq(holder, 0);
	ck_assert(exists(path));
	close(fd);
	ck_assert_int_eq(open_at(path), 0);
	end();
}

TEST(what_is_no_socket_is_left_alone)
{
	int fd;

	begin();
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "mine", 4), 4);
	close(fd);
	ck_assert_int_eq(open_at(path), BOUND_E_NOT_SOCKET);
	ck_assert_int_eq(holder, 0);
	ck_assert(exists(path));
	end();
}

TEST(a_path_that_does_not_fit_is_refused)
{
	char lengthy[BOUND_PATH_MAX + 2];

	begin();
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	ck_assert_int_eq(open_at(lengthy), BOUND_E_TOO_LONG);
	end();
}

TEST(a_folder_that_is_not_there_is_a_fault)
{
	begin();
	ck_assert_int_lt(open_at("/nonexistent/folder/s"), 0);
	ck_assert_ptr_null(bound);
	end();
}
