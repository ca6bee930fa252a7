#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/support.h"

/* Returns the output of err_trace(r) on standard error; *passed is its result.
 */
static const char *
trace(int r, int *passed)
{
	static char text[4096];
	int fds[2], real = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
	*passed = err_trace(r);
	ck_assert_int_ge(dup2(real, STDERR_FILENO), 0);
	n = read(fds[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(real);
	close(fds[0]);
	close(fds[1]);
	return text;
}

TEST(a_fault_passes_and_says_where_at_debug_level)
{
	const char *text;
	int r;

	log_set_level(LOG_DEBUG);
	text = trace(-ENOENT, &r);
	ck_assert_int_eq(r, -ENOENT);
	ck_assert_ptr_nonnull(strstr(text, " debug fault at="));
	ck_assert_ptr_nonnull(strstr(text, "test_err.c:"));
	ck_assert_ptr_nonnull(strstr(text, " func=trace "));
	ck_assert_ptr_nonnull(strstr(text, strerror(ENOENT)));
}

TEST(a_fault_is_silent_above_debug_level)
{
	int r;

	ck_assert_str_eq(trace(-ENOENT, &r), "");
	ck_assert_int_eq(r, -ENOENT);
}

static const int outcomes[] = { 0, 1, 42 };

TEST_EACH(what_is_no_fault_passes_without_a_word, outcomes)
{
	int r = -1;

	log_set_level(LOG_DEBUG);
	ck_assert_str_eq(trace(outcomes[row], &r), "");
	ck_assert_int_eq(r, outcomes[row]);
}
