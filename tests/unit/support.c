#include "unit/support.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* AddressSanitizer on a busy machine takes its time. */
#define TIMEOUT_S 120
#define N_FDS_MAX 256

static struct test *tests;
static struct test **last = &tests;
static bool fds_before[N_FDS_MAX];

void
test_register(struct test *test)
{
	*last = test;
	last = &test->next;
}

static void
look_at_fds(bool open[N_FDS_MAX])
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	memset(open, 0, N_FDS_MAX * sizeof(*open));
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		ck_assert_int_lt(fd, N_FDS_MAX);
		open[fd] = true;
	}
	closedir(dir);
}

static void
set_up(void)
{
	look_at_fds(fds_before);
}

static void
tear_down(void)
{
	bool open[N_FDS_MAX];

	look_at_fds(open);
	for (int i = 0; i < N_FDS_MAX; i++)
		ck_assert_msg(open[i] == fds_before[i],
		    open[i] ? "fd %d was opened and left open"
			    : "fd %d was closed",
		    i);
}

int
main(void)
{
	Suite *suite = suite_create(program_invocation_short_name);
	TCase *tcase = tcase_create("tests");
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, TIMEOUT_S);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	for (const struct test *test = tests; test != NULL; test = test->next)
		_tcase_add_test(
		    tcase, &test->check, test->signal, 0, 0, test->n_rows);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned
nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = strchr(digits, c);

	ck_assert_msg(c != '\0' && found != NULL, "'%c' is not a hex digit", c);
	return (unsigned)(found - digits);
}

struct buffer
hex(const char *digits)
{
	struct buffer out = { malloc(strlen(digits) / 2 + 1), 0 };

	ck_assert_ptr_nonnull(out.data);
	for (; *digits != '\0'; digits++) {
		if (*digits == ' ')
			continue;
		out.data[out.len++] =
		    (uint8_t)(nibble(digits[0]) << 4 | nibble(digits[1]));
		digits++;
	}
	return out;
}

struct buffer
exactly(const void *data, size_t len)
{
	struct buffer out = { malloc(len), len };

	if (len > 0)
		memcpy(out.data, data, len);
	return out;
}

struct buffer
read_all(int fd)
{
	struct buffer out = { NULL, 0 };
	ssize_t n = 1;

	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	while (n > 0) {
		out.data = realloc(out.data, out.len + 4096);
		ck_assert_ptr_nonnull(out.data);
		n = read(fd, out.data + out.len, 4096);
		ck_assert_int_ge(n, 0);
		out.len += (size_t)n;
	}
	return out;
}

static void
read_field(struct vector *vector, const char *key, const char *value)
{
	const struct {
		const char *key;
		struct buffer *bytes;
	} fields[] = {
		{ "topic-hex", &vector->topic },
		{ "body", &vector->body },
		{ "frame", &vector->frame },
	};

	if (strcmp(key, "name") == 0)
		snprintf(vector->name, sizeof(vector->name), "%s", value);
	else if (strcmp(key, "way") == 0)
		snprintf(vector->way, sizeof(vector->way), "%s", value);
	else if (strcmp(key, "json") == 0)
		vector->json = strdup(value);
	else if (strcmp(key, "type") == 0)
		vector->type = (unsigned)strtoul(value, NULL, 16);
	else if (strcmp(key, "flags") == 0)
		vector->flags = (unsigned)strtoul(value, NULL, 16);
	for (size_t i = 0; i < N_ELEMENTS(fields); i++)
		if (strcmp(key, fields[i].key) == 0)
			*fields[i].bytes = hex(value);
}

struct vectors
vectors_read(void)
{
	FILE *file = fopen("tests/vectors/frames.txt", "r");
	struct vectors out = { NULL, 0 };
	char line[4096], *value;

	ck_assert_msg(file != NULL, "run from the project's root, please");
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		value = strchr(line, ':');
		if (line[0] == '#' || value == NULL)
			continue;
		*value++ = '\0';
		value += *value == ' ';
		if (strcmp(line, "name") == 0) {
			out.at =
			    reallocarray(out.at, out.n + 1, sizeof(*out.at));
			ck_assert_ptr_nonnull(out.at);
			out.at[out.n++] = (struct vector){ .json = NULL };
		}
		read_field(&out.at[out.n - 1], line, value);
	}
	fclose(file);
	ck_assert_uint_ge(out.n, 20);
	return out;
}

void
vectors_free(struct vectors *vectors)
{
	for (size_t i = 0; i < vectors->n; i++) {
		free(vectors->at[i].json);
		free(vectors->at[i].topic.data);
		free(vectors->at[i].body.data);
		free(vectors->at[i].frame.data);
	}
	free(vectors->at);
}

const struct vector *
vector_find(const struct vectors *vectors, const char *name)
{
	for (size_t i = 0; i < vectors->n; i++)
		if (strcmp(vectors->at[i].name, name) == 0)
			return &vectors->at[i];
	ck_abort_msg("there is no golden frame %s", name);
}

/* xorshift64*, from Marsaglia's paper and Vigna's. */
uint32_t
random_below(struct random *random, uint32_t n)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1d >> 32) * n >> 32);
}

void
make_folder(char path[32])
{
	snprintf(path, 32, "/tmp/pm2a-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
}

void
remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			ck_assert_int_eq(
			    unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
	ck_assert_int_eq(rmdir(path), 0);
}
