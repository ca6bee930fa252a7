#include "net/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/support.h"

static char folder[32], path[64], other[64];
static struct lock *lock;
static pid_t holder;

static void
begin(void)
{
	log_set_level(LOG_ERROR);
	make_folder(folder);
	snprintf(path, sizeof(path), "%s/s.pid", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
}

static int
take(void)
{
	lock = NULL;
	holder = -1;
	return lock_take(path, &lock, &holder);
}

static void
end(void)
{
	lock_release(lock);
	remove_folder(folder);
}

static void
put(const char *where, const char *text)
{
	int fd = open(where, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void
expect_text(const char *where, const char *text)
{
	char buf[64] = "";
	int fd = open(where, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(read(fd, buf, sizeof(buf) - 1), 0);
	close(fd);
	ck_assert_str_eq(buf, text);
}

static bool
exists(const char *where)
{
	struct stat st;

	return lstat(where, &st) == 0;
}

TEST(the_file_has_the_pid_and_goes_with_the_lock)
{
	char pid[16];
	struct stat st;

	begin();
	ck_assert_int_eq(take(), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	expect_text(path, pid);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	lock_release(lock);
	lock = NULL;
	ck_assert(!exists(path));
	end();
}

TEST(a_lock_that_is_held_is_refused_with_the_pid_in_it_and_not_truncated)
{
	int fd;

	begin();
	put(path, "4711");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(take(), LOCK_E_HELD);
	ck_assert_int_eq(holder, 4711);
	expect_text(path, "4711");
	close(fd);
	end();
}

static const char *const stale[] = { "", "1", "4194304", "4194304\n" };

TEST_EACH(a_stale_lock_is_taken, stale)
{
	char pid[16];

	begin();
	put(path, stale[row]);
	ck_assert_int_eq(take(), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	expect_text(path, pid);
	end();
}

static const char *const alien[] = { "root:x:0:0", "0", "-1", "12 34",
	"12345678901234567", "2147483648" };

TEST_EACH(a_file_with_more_than_a_pid_is_refused_and_left_alone, alien)
{
	begin();
	put(path, alien[row]);
	ck_assert_int_eq(take(), LOCK_E_ALIEN);
	expect_text(path, alien[row]);
	end();
}

TEST(a_symbolic_link_is_not_followed)
{
	begin();
	put(other, "4711");
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(take(), LOCK_E_LINK);
	expect_text(other, "4711");
	ck_assert(exists(path));
	ck_assert_int_eq(unlink(path), 0);
	/* Nor does it create what a dangling one names. */
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(take(), LOCK_E_LINK);
	ck_assert(!exists(other));
	end();
}

TEST(a_file_with_another_name_is_refused)
{
	begin();
	put(other, "4711");
	ck_assert_int_eq(link(other, path), 0);
	ck_assert_int_eq(take(), LOCK_E_LINK);
	expect_text(other, "4711");
	end();
}

TEST(a_fifo_and_a_folder_are_refused_at_once)
{
	begin();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(take(), LOCK_E_ALIEN);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(take(), LOCK_E_ALIEN);
	ck_assert_int_eq(rmdir(path), 0);
	end();
}

TEST(a_file_of_another_user_is_refused)
{
	begin();
	put(path, "4711");
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(take(), LOCK_E_OWNER);
	else
		puts("skipped: only root can give a file away");
	expect_text(path, "4711");
	end();
}

TEST(the_descriptor_is_closed_at_exec)
{
	struct stat mine, st;
	int n = 0;

	begin();
	ck_assert_int_eq(take(), 0);
	ck_assert_int_eq(stat(path, &mine), 0);
	for (int fd = 3; fd < 256; fd++) {
		if (fstat(fd, &st) != 0 || st.st_ino != mine.st_ino ||
		    st.st_dev != mine.st_dev)
			continue;
		ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		n++;
	}
	ck_assert_int_eq(n, 1);
	end();
}

TEST(a_lock_that_was_removed_is_anothers_and_stays_his)
{
	struct lock *first;

	begin();
	ck_assert_int_eq(take(), 0);
	first = lock;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(take(), 0);
	lock_release(first);
	ck_assert(exists(path));
	end();
	ck_assert(!exists(path));
}

TEST(a_folder_that_is_not_there_is_a_fault)
{
	begin();
	snprintf(path, sizeof(path), "/nonexistent/folder/s.pid");
	ck_assert_int_lt(take(), 0);
	ck_assert_ptr_null(lock);
	end();
}
