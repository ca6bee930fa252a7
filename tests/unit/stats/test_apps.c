#include "stats/apps.h"

#include <stdlib.h>

#include "unit/support.h"

TEST(a_second_script_under_a_key_is_told_once_with_the_first)
{
	struct apps apps = { .all = { NULL } };

	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_uint_eq(apps_n_mixed(&apps), 0);
	ck_assert_str_eq(apps_add(&apps, "k", "/b.js"), "/a.js");
	ck_assert_ptr_null(apps_add(&apps, "k", "/b.js"));
	ck_assert_ptr_null(apps_add(&apps, "k", "/c.js"));
	ck_assert_uint_eq(apps_n_mixed(&apps), 1);
	for (int i = 0; i < 2; i++) {
		apps_remove(&apps, "k", "/a.js");
		apps_remove(&apps, "k", "/b.js");
	}
	ck_assert_uint_eq(apps_n_mixed(&apps), 0);
	apps_remove(&apps, "k", "/c.js");
	ck_assert(LIST_EMPTY(&apps.all));
}

TEST(a_restart_with_another_script_is_told_again_only_after_all_have_gone)
{
	struct apps apps = { .all = { NULL } };

	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_ptr_nonnull(apps_add(&apps, "k", "/b.js"));
	apps_remove(&apps, "k", "/a.js");
	ck_assert_uint_eq(apps_n_mixed(&apps), 0);
	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_uint_eq(apps_n_mixed(&apps), 1);
	apps_remove(&apps, "k", "/a.js");
	apps_remove(&apps, "k", "/b.js");
	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_str_eq(apps_add(&apps, "k", "/b.js"), "/a.js");
	apps_remove(&apps, "k", "/a.js");
	apps_remove(&apps, "k", "/b.js");
	ck_assert(LIST_EMPTY(&apps.all));
}

TEST(keys_are_apart_and_what_names_none_is_not_counted)
{
	struct apps apps = { .all = { NULL } };

	ck_assert_ptr_null(apps_add(&apps, "k", "/a.js"));
	ck_assert_ptr_null(apps_add(&apps, "l", "/b.js"));
	ck_assert_ptr_null(apps_add(&apps, "k", ""));
	ck_assert_ptr_null(apps_add(&apps, "", "/c.js"));
	ck_assert_ptr_null(apps_add(&apps, "", "/d.js"));
	ck_assert_uint_eq(apps_n_mixed(&apps), 0);
	apps_remove(&apps, "k", "");
	apps_remove(&apps, "", "/c.js");
	apps_remove(&apps, "k", "/a.js");
	apps_remove(&apps, "l", "/b.js");
	ck_assert(LIST_EMPTY(&apps.all));
}
