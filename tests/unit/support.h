/*
 * support - shared by the unit tests: a runner, fixtures, golden frames.
 *
 * A test is a TEST() and nothing else: it registers itself, so none can be
 * forgotten in a list, and main() is here. Each runs in a process of its own
 * (CK_FORK=no keeps it in one, for a debugger), in which the open descriptors
 * must be the same after it as before it.
 */
#ifndef PM2A_TESTS_UNIT_SUPPORT_H
#define PM2A_TESTS_UNIT_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>

/* Check notes the place of each assertion that holds in a file, in case of a
 * crash: a system call each, which took most of the time of some tests. */
#define _mark_point(file, line) ((void)0)

#define N_ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

struct test {
	TTest check;
	int n_rows;
	int signal; /* that it must end by, or 0 */
	struct test *next;
};

void test_register(struct test *test);

#define TEST_AS(test_name, rows, signal_number)                             \
	static void test_name(int row);                                     \
	static struct test test_##test_name = { { #test_name, test_name,    \
						    __FILE__, __LINE__ },   \
		(rows), (signal_number), NULL };                            \
	__attribute__((constructor)) static void register_##test_name(void) \
	{                                                                   \
		test_register(&test_##test_name);                           \
	}                                                                   \
	static void test_name(int row __attribute__((unused)))

/* A test: TEST(a_sentence) { … } */
#define TEST(name) TEST_AS(name, 1, 0)

/* A test of each row of a table: the body is told the row. */
#define TEST_EACH(name, table) TEST_AS(name, (int)N_ELEMENTS(table), 0)

/* A test that must end in abort(). */
#define TEST_ABORTS(name) TEST_AS(name, 1, 6)

/* Bytes with an owner. */
struct buffer {
	uint8_t *data;
	size_t len;
};

/* The bytes that a string of hex digits stands for; blanks are skipped. */
struct buffer hex(const char *digits);

/* The bytes of s, without its zero, in memory of exactly that size: reading
 * past them is seen by AddressSanitizer. */
struct buffer exactly(const void *data, size_t len);

/* All of the file of a descriptor, from its beginning. */
struct buffer read_all(int fd);

/* A golden frame. */
struct vector {
	char name[64];
	char way[8];
	char *json; /* or NULL */
	unsigned type, flags;
	struct buffer topic, body, frame;
};

struct vectors {
	struct vector *at;
	size_t n;
};

/* All of tests/vectors/frames.txt. */
struct vectors vectors_read(void);
void vectors_free(struct vectors *vectors);
const struct vector *vector_find(
    const struct vectors *vectors, const char *name);

/* Numbers that look random and are the same in each run. */
struct random {
	uint64_t state;
};

uint32_t random_below(struct random *random, uint32_t n);

/* A temporary folder with a short path; remove_folder() takes its files too. */
void make_folder(char path[32]);
void remove_folder(const char *path);

#endif
