#include "base/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/support.h"

#define LINE_MAX_BYTES 1024

static char texts[16][LINE_MAX_BYTES]; /* of one case's variables */
static size_t n_texts;

/* A case of tests/vectors/places.txt. */
struct golden {
	char name[64];
	struct place_env env;
	char path[LINE_MAX_BYTES];
	char shorter[PLACE_SHORT_MAX][LINE_MAX_BYTES];
	size_t n_shorter;
	char error[16];
};

static const char *
keep(const char *text)
{
	ck_assert_uint_lt(n_texts, N_ELEMENTS(texts));
	snprintf(texts[n_texts], LINE_MAX_BYTES, "%s", text);
	return texts[n_texts++];
}

static void
take_variable(struct place_env *env, char *text)
{
	const struct {
		const char *name;
		const char **value;
	} variables[] = {
		{ "PM2ADAPTERD_SOCKET", &env->socket },
		{ "PM2_HOME", &env->pm2_home },
		{ "pm_pid_path", &env->pm_pid_path },
		{ "HOME", &env->home },
		{ "XDG_RUNTIME_DIR", &env->runtime_dir },
		{ "TMPDIR", &env->tmp_dir },
	};
	char *value = strchr(text, '=');

	ck_assert_ptr_nonnull(value);
	*value++ = '\0';
	for (size_t i = 0; i < N_ELEMENTS(variables); i++)
		if (strcmp(text, variables[i].name) == 0) {
			*variables[i].value = keep(value);
			return;
		}
	ck_abort_msg("%s: not a variable of the algorithm", text);
}

static void
take_line(struct golden *golden, const char *key, char *value)
{
	if (strcmp(key, "name") == 0)
		snprintf(golden->name, sizeof(golden->name), "%.63s", value);
	else if (strcmp(key, "env") == 0)
		take_variable(&golden->env, value);
	else if (strcmp(key, "cwd") == 0)
		golden->env.cwd = keep(value);
	else if (strcmp(key, "passwd") == 0)
		golden->env.passwd_home = keep(value);
	else if (strcmp(key, "uid") == 0)
		golden->env.uid = (uid_t)strtoul(value, NULL, 10);
	else if (strcmp(key, "path") == 0)
		snprintf(golden->path, LINE_MAX_BYTES, "%s", value);
	else if (strcmp(key, "shorter") == 0)
		snprintf(golden->shorter[golden->n_shorter++], LINE_MAX_BYTES,
		    "%s", value);
	else if (strcmp(key, "error") == 0)
		snprintf(golden->error, sizeof(golden->error), "%.15s", value);
	else
		ck_abort_msg("%s: not a key of places.txt", key);
}

static bool
read_case(FILE *file, struct golden *golden)
{
	char line[LINE_MAX_BYTES + 32], *value;

	*golden = (struct golden){ .name = "" };
	n_texts = 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' && golden->name[0] != '\0')
			return true;
		value = strstr(line, ": ");
		if (line[0] == '#' || line[0] == '\0')
			continue;
		ck_assert_ptr_nonnull(value);
		*value = '\0';
		take_line(golden, line, value + 2);
	}
	return golden->name[0] != '\0';
}

static void
check_case(const struct golden *golden)
{
	static const char *const errors[] = { "", "no-home", "no-cwd" };
	static struct place place;
	int r = place_resolve(&golden->env, &place);

	ck_assert_msg(r >= 0 && r < (int)N_ELEMENTS(errors) &&
			  strcmp(errors[r], golden->error) == 0,
	    "%s: error %d", golden->name, r);
	if (r != 0)
		return;
	ck_assert_msg(strcmp(place.path, golden->path) == 0, "%s: %s",
	    golden->name, place.path);
	ck_assert_msg(place.n_shorter == golden->n_shorter, "%s: %zu",
	    golden->name, place.n_shorter);
	for (size_t i = 0; i < place.n_shorter; i++)
		ck_assert_msg(strcmp(place.shorter[i], golden->shorter[i]) == 0,
		    "%s: %s", golden->name, place.shorter[i]);
}

TEST(each_golden_place_is_where_the_table_says)
{
	FILE *file = fopen("tests/vectors/places.txt", "r");
	struct golden golden;
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (; read_case(file, &golden); n++)
		check_case(&golden);
	fclose(file);
	ck_assert_int_gt(n, 25);
}

static char root[32], home[256], folder[64], path[PLACE_SOCKET_MAX + 1];
static struct place place;

/* A pm2 folder whose path is too long, and a temporary folder. */
static void
begin(void)
{
	make_folder(root);
	snprintf(home, sizeof(home), "%s/%0120d", root, 0);
	snprintf(folder, sizeof(folder), "%s/pm2adapterd-%u", root,
	    (unsigned)geteuid());
	unsetenv("PM2ADAPTERD_SOCKET");
	unsetenv("XDG_RUNTIME_DIR");
	setenv("PM2_HOME", home, 1);
	setenv("TMPDIR", root, 1);
}

TEST(a_short_path_has_a_folder_of_its_own_that_only_the_user_can_enter)
{
	struct stat st;

	begin();
	ck_assert_int_eq(place_settle(&place, path), 0);
	ck_assert_int_eq(strncmp(path, folder, strlen(folder)), 0);
	ck_assert_int_eq(lstat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(place_settle(&place, path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	remove_folder(root);
}

TEST(a_folder_that_others_can_write_to_is_refused)
{
	begin();
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(place_settle(&place, path), PLACE_E_NO_FOLDER);
	ck_assert_int_eq(rmdir(folder), 0);
	remove_folder(root);
}

TEST(a_link_in_the_place_of_the_folder_is_refused)
{
	begin();
	ck_assert_int_eq(symlink("/", folder), 0);
	ck_assert_int_eq(place_settle(&place, path), PLACE_E_NO_FOLDER);
	ck_assert_int_eq(unlink(folder), 0);
	remove_folder(root);
}

TEST(a_socket_that_exists_is_preferred_to_a_folder_that_is)
{
	char runtime[64];
	FILE *file;

	begin();
	snprintf(runtime, sizeof(runtime), "%s/runtime", root);
	ck_assert_int_eq(mkdir(runtime, 0700), 0);
	ck_assert_int_eq(place_settle(&place, path), 0);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	ck_assert_int_eq(place_settle(&place, path), 0);
	ck_assert_int_eq(strncmp(path, folder, strlen(folder)), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(place_settle(&place, path), 0);
	ck_assert_int_eq(strncmp(path, runtime, strlen(runtime)), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert_int_eq(rmdir(runtime), 0);
	remove_folder(root);
}
