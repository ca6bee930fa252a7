#include "net/allowed.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/support.h"

static struct allowed *allowed;
static char why[ALLOWED_WHY_SIZE];

static void
begin(const char *users, const char *groups)
{
	ck_assert_int_eq(allowed_new(users, groups, &allowed, why), 0);
}

static void
end(void)
{
	allowed_free(allowed);
}

#define STRANGER 4321

static const struct {
	const char *users, *groups;
	uid_t uid;
	gid_t gids[2];
	bool is_allowed;
} cases[] = {
	{ "", "", STRANGER, { 5, 6 }, true },
	{ "root", "", STRANGER, { 5, 6 }, false },
	{ "4321", "", STRANGER, { 5, 6 }, true },
	{ "1, 4321,\t7", "", STRANGER, { 5, 6 }, true },
	{ "4320 4322", "", STRANGER, { 4321, 4321 }, false },
	{ "", "4321", STRANGER, { 5, 6 }, false },
	{ "", "5", STRANGER, { 5, 6 }, true },
	{ "", "6", STRANGER, { 5, 6 }, true },
	{ "", "root", STRANGER, { 5, 0 }, true },
	{ "7", "6", STRANGER, { 5, 6 }, true },
	{ "7", "8", STRANGER, { 5, 6 }, false },
	{ "4294967294", "", 4294967294, { 5, 6 }, true },
	{ "7", "7", 0, { 5, 6 }, true },
	{ "7", "7", (uid_t)-1, { 5, 6 }, false },
};

TEST_EACH(a_peer_is_allowed_by_its_user_or_one_of_its_groups, cases)
{
	begin(cases[row].users, cases[row].groups);
	ck_assert(allowed_has_ids(allowed, cases[row].uid, cases[row].gids,
		      2) == cases[row].is_allowed);
	end();
}

static const struct {
	const char *users, *groups, *words;
} wrong[] = {
	{ "nobody-of-that-name", "",
	    "allow-users: 'nobody-of-that-name' is not a user" },
	{ "", "no-such-group", "allow-groups: 'no-such-group' is not a group" },
	{ "root,4294967295", "", "allow-users: 4294967295 is too large" },
	{ "", "99999999999999999999999", "is too large" },
	{ "-1", "", "allow-users: '-1' is not a user" },
};

TEST_EACH(a_word_that_names_nobody_is_refused, wrong)
{
	ck_assert_int_eq(
	    allowed_new(wrong[row].users, wrong[row].groups, &allowed, why),
	    ALLOWED_E_NAME);
	ck_assert_msg(strstr(why, wrong[row].words) != NULL, "%s", why);
}

TEST(a_list_has_a_limit)
{
	char *list = calloc(ALLOWED_MAX + 1, 3);

	for (int i = 0; i < ALLOWED_MAX; i++)
		memcpy(list + 2 * i, "1 ", 2);
	begin(list, "");
	end();
	memcpy(list + 2 * ALLOWED_MAX, "1", 1);
	ck_assert_int_eq(allowed_new(list, "", &allowed, why), ALLOWED_E_MANY);
	free(list);
}

TEST(everybody_is_allowed_over_tcp_and_the_daemons_user_anywhere)
{
	struct peer tcp = { 0, (uid_t)-1, (gid_t)-1, true };
	struct peer self = { 1, geteuid(), 5, false };

	begin("7", "");
	ck_assert(allowed_has(allowed, -1, &tcp));
	ck_assert(allowed_has(allowed, -1, &self));
	ck_assert(allowed_has(NULL, -1, &self));
	end();
}

/* More than are read at first. Only root may say what groups it has. */
TEST(the_supplementary_groups_of_the_peer_count)
{
	struct peer peer = { 1, STRANGER, 5, false };
	gid_t gids[200];
	int fds[2];

	if (geteuid() != 0) {
		puts("skipped: only root can have groups of its choice");
		return;
	}
	for (size_t i = 0; i < N_ELEMENTS(gids); i++)
		gids[i] = (gid_t)(1000 + i);
	ck_assert_int_eq(setgroups(N_ELEMENTS(gids), gids), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	begin("", "1199");
	ck_assert(allowed_has(allowed, fds[0], &peer));
	end();
	begin("", "1200");
	ck_assert(!allowed_has(allowed, fds[0], &peer));
	end();
	close(fds[0]);
	close(fds[1]);
}

static enum allowed_verdict
judge(uid_t uid)
{
	struct peer peer = { 1, uid, 5, false };

	return allowed_judge(allowed, -1, &peer, "native");
}

TEST(each_uid_is_refused_for_the_first_time_once)
{
	log_set_level(LOG_ERROR);
	begin("7", "");
	ck_assert_int_eq(judge(7), ALLOWED);
	ck_assert_int_eq(judge(8), REFUSED);
	ck_assert_int_eq(judge(8), REFUSED_AGAIN);
	ck_assert_int_eq(judge(9), REFUSED);
	for (uid_t uid = 10; uid < 2000; uid++)
		ck_assert_int_ne(judge(uid), ALLOWED);
	ck_assert_int_eq(judge(2000), REFUSED_AGAIN);
	end();
}
