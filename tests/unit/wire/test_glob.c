#include "wire/glob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

/* With both in memory that ends where they end. */
static bool
match(const char *pattern, const char *name)
{
	struct buffer p = exactly(pattern, strlen(pattern));
	struct buffer n = exactly(name, strlen(name));
	bool is_match = glob_match(p.data, p.len, n.data, n.len);

	free(p.data);
	free(n.data);
	return is_match;
}

static const struct {
	const char *pattern, *name;
	bool is_match;
} pairs[] = {
	{ "", "", true },
	{ "", "a", false },
	/* As redis-server has it. */
	{ "*", "", false },
	{ "a", "", false },
	{ "*", "a", true },
	{ "**", "abc", true },
	{ "abc", "abc", true },
	{ "abc", "abd", false },
	{ "abc", "ab", false },
	{ "abc", "abcd", false },
	{ "a*", "a", true },
	{ "a*", "abc", true },
	{ "*c", "abc", true },
	{ "*c", "abcd", false },
	{ "a*c", "ac", true },
	{ "a*c", "abbbc", true },
	{ "a*c*e", "abcde", true },
	{ "a*c*e", "abdce", true },
	{ "a*c*e", "abde", false },
	{ "*ab*", "aaab", true },
	{ "*aab", "aaab", true },
	{ "?", "a", true },
	{ "?", "ab", false },
	{ "a?c", "abc", true },
	{ "a?c", "ac", false },
	{ "*?", "a", true },
	{ "*??", "a", false },
	/* Classes. */
	{ "h[ae]llo", "hello", true },
	{ "h[ae]llo", "hillo", false },
	{ "h[^e]llo", "hallo", true },
	{ "h[^e]llo", "hello", false },
	{ "h[a-c]llo", "hbllo", true },
	{ "h[c-a]llo", "hbllo", true },
	{ "h[a-c]llo", "hdllo", false },
	{ "h[^a-c]llo", "hdllo", true },
	{ "[]", "a", false },
	{ "[^]", "a", true },
	{ "[a-]", "a", true },
	{ "[a-]", "_", true },
	{ "[\\]]", "]", true },
	{ "[\\]]", "\\", false },
	{ "[ab", "a", true },
	{ "[ab", "c", false },
	{ "[", "a", false },
	{ "[^", "a", true },
	{ "[a\\", "\\", true },
	{ "*[ab]c", "xxbc", true },
	/* Escapes. */
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "a\\?c", "a?c", true },
	{ "a\\?c", "abc", false },
	{ "\\\\", "\\", true },
	{ "a\\", "a\\", true },
	{ "\\a", "a", true },
	/* Patterns of the adapters. */
	{ "socket.io#/#*", "socket.io#/#", true },
	{ "socket.io#/#*", "socket.io#/#room#", true },
	{ "socket.io#/#*", "socket.io#/admin#", false },
};

TEST_EACH(a_pattern_matches_as_with_redis, pairs)
{
	ck_assert_msg(
	    match(pairs[row].pattern, pairs[row].name) == pairs[row].is_match,
	    "%s and %s", pairs[row].pattern, pairs[row].name);
}

/* A naive matcher that tries all ways would take years. */
TEST(many_stars_take_no_more_than_the_product_of_the_lengths)
{
	char pattern[2002], name[20001];

	for (size_t i = 0; i < 2000; i += 2)
		memcpy(pattern + i, "a*", 2);
	strcpy(pattern + 2000, "b");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert(!match(pattern, name));
	pattern[2000] = 'a';
	ck_assert(match(pattern, name));
}

/* A run that nearly matches everywhere is searched with a table: its
 * characters take the same bytes there. */
static const char *const runs[] = {
	"aaaaaaaaaaaaaaab",
	"?aaaaaaaaaaaaab?",
	"aaaaaaa[bc]aaaaa",
	"aaaaaaa[^a]aaaaa",
	"aaaaaaa[d-b]aaa[x\\]]",
	"aaaaaaaaaaaaaa\\b",
	/* GLOB_RUN_MAX of them. */
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	/* One more. */
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
};

TEST_EACH(a_run_is_found_behind_much_that_nearly_matches, runs)
{
	char pattern[128], name[4096];
	const char *hits[] = { "aaaaaaaaaaaaaaab", "aaaaaaacaaaaa",
		"aaaaaaabaaaaa", "aaaaaaacaaa]" };
	bool is_found = false;

	snprintf(pattern, sizeof(pattern), "*%s*", runs[row]);
	memset(name, 'a', sizeof(name));
	name[3000] = '\0';
	ck_assert(!match(pattern, name));
	for (size_t i = 0; i < sizeof(hits) / sizeof(*hits); i++) {
		snprintf(name + 3000, sizeof(name) - 3000, "%sx", hits[i]);
		is_found |= match(pattern, name);
	}
	ck_assert(is_found);
}

/* pattern is made of n times part between head and tail. */
static const struct {
	const char *head, *part, *tail;
	size_t n;
	bool is_accepted, is_searched;
} costs[] = {
	{ "", "a", "", 4000, true, false },
	{ "", "a", "*", 4000, true, false },
	{ "*", "a", "", 4000, true, false },
	{ "a*", "a", "", 4000, true, false },
	{ "*", "*", "", 4000, true, false },
	{ "*", "a", "*", 1, true, true },
	{ "*", "a", "*", GLOB_RUN_MAX, true, true },
	{ "*", "a", "*", GLOB_RUN_MAX + 1, false, true },
	{ "*", "?", "*", GLOB_RUN_MAX + 1, false, true },
	{ "*", "\\a", "*", GLOB_RUN_MAX, true, true },
	{ "*", "[abc]", "*", GLOB_RUN_MAX, true, true },
	{ "*", "[abc]", "*", GLOB_RUN_MAX + 1, false, true },
	{ "*", "a*", "", 1000, true, true },
};

TEST_EACH(a_pattern_costs_what_its_stars_make_it_search, costs)
{
	char pattern[16384] = "";
	size_t small = 0, large = 0;

	strcat(pattern, costs[row].head);
	for (size_t i = 0; i < costs[row].n; i++)
		strcat(pattern, costs[row].part);
	strcat(pattern, costs[row].tail);
	ck_assert(glob_cost((const uint8_t *)pattern, strlen(pattern), 100,
		      &small) == costs[row].is_accepted);
	if (!costs[row].is_accepted)
		return;
	ck_assert(
	    glob_cost((const uint8_t *)pattern, strlen(pattern), 4196, &large));
	ck_assert_uint_ge(small, strlen(pattern));
	ck_assert_uint_eq(large - small, costs[row].is_searched ? 4096 : 0);
}

static const struct {
	const char *pattern, *prefix;
} prefixes[] = {
	{ "", "" },
	{ "abc", "abc" },
	{ "*", "" },
	{ "socket.io#/#*", "socket.io#/#" },
	{ "ab**", "ab" },
	{ "ab*c", "ab" },
	{ "ab?", "ab" },
	{ "ab[c]", "ab" },
	{ "a\\*b*", "a*b" },
	{ "ab\\*", "ab*" },
	{ "ab\\", "ab\\" },
};

TEST_EACH(what_a_pattern_begins_with_is_found, prefixes)
{
	const char *pattern = prefixes[row].pattern;
	struct buffer p = exactly(pattern, strlen(pattern));
	uint8_t *out = malloc(p.len + 1);
	size_t len = glob_prefix(p.data, p.len, out);

	ck_assert_uint_eq(len, strlen(prefixes[row].prefix));
	ck_assert_mem_eq(out, prefixes[row].prefix, len);
	free(p.data);
	free(out);
}
