#include "cli/print.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static char *
print(const struct msg_writer *w, void (*how)(FILE *, const struct msg_node *))
{
	struct msg_tree *tree = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(msg_tree_new(w->data, w->len, &tree), 0);
	how(out, msg_root(tree));
	fclose(out);
	msg_tree_free(tree);
	return text;
}

static const struct {
	const char *hex, *json;
} values[] = {
	{ "c0", "null" },
	{ "c2", "false" },
	{ "c3", "true" },
	{ "07", "7" },
	{ "ff", "-1" },
	{ "cf7fffffffffffffff", "9223372036854775807" },
	{ "d38000000000000000", "-9223372036854775808" },
	{ "cb3ff8000000000000", "1.500" },
	{ "cb7ff0000000000000", "null" },
	{ "a0", "\"\"" },
	{ "a3612262", "\"a\\\"b\"" },
	{ "a1 5c", "\"\\\\\"" },
	{ "a3 0a 1b 7f", "\"\\u000a\\u001b\\u007f\"" },
	{ "a2 c3a4", "\"\xc3\xa4\"" },
	{ "a5 61c3a47ac3", "\"a\xc3\xa4z\xef\xbf\xbd\"" },
	{ "a3 e282ac", "\"\xe2\x82\xac\"" },
	{ "a4 f09f9a80", "\"\xf0\x9f\x9a\x80\"" },
	{ "a1 80", "\"\xef\xbf\xbd\"" },
	{ "a1 c3", "\"\xef\xbf\xbd\"" },
	{ "a2 c080", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "a3 eda080", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "a4 f4908080",
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "90", "[]" },
	{ "80", "{}" },
	{ "9201a161", "[\n  1,\n  \"a\"\n]" },
	{ "81a1619180", "{\n  \"a\": [\n    {}\n  ]\n}" },
	{ "d40100", "null" },
};

TEST_EACH(each_value_is_json, values)
{
	struct buffer bytes = hex(values[row].hex);
	struct msg_writer w = { .data = bytes.data, .len = bytes.len };
	char *text = print(&w, print_json), wanted[256];

	snprintf(wanted, sizeof(wanted), "%s\n", values[row].json);
	ck_assert_str_eq(text, wanted);
	free(text);
	free(bytes.data);
}

static void
put_row(struct msg_writer *w, const char *topic, int64_t n)
{
	msg_put_map(w, 3);
	msg_put_str(w, "topic");
	msg_put_str(w, topic);
	msg_put_str(w, "kind");
	msg_put_str(w, "exact");
	msg_put_str(w, "subscribers");
	msg_put_int(w, n);
}

TEST(numbers_stand_on_the_right_and_text_on_the_left)
{
	struct msg_writer w = { 0 };
	char *text;

	msg_put_map(&w, 1);
	msg_put_str(&w, "topics");
	msg_put_array(&w, 2);
	put_row(&w, "short", 7);
	put_row(&w, "r\xc3\xa4um", 1234567);
	text = print(&w, print_tables);
	ck_assert_str_eq(text, "SUBSCRIBERS  MEMBERS  KIND   TOPIC\n"
			       "          7        -  exact  short\n"
			       "  1,234,567        -  exact  r\xc3\xa4um\n");
	free(text);
	msg_writer_fini(&w);
}

TEST(controls_in_a_peers_text_never_reach_the_terminal)
{
	struct msg_writer w = { 0 };
	char *text;

	msg_put_map(&w, 1);
	msg_put_str(&w, "topics");
	msg_put_array(&w, 1);
	put_row(&w, "a\x1b[31m\n\xc2\x9b\x7f\xff", 1);
	text = print(&w, print_tables);
	ck_assert_ptr_nonnull(
	    strstr(text, "a\\x1b[31m\\x0a\\xc2\\x9b\\x7f\\xff\n"));
	ck_assert_ptr_null(strchr(text, '\x1b'));
	free(text);
	msg_writer_fini(&w);
}

TEST(an_empty_section_says_so)
{
	struct msg_writer w = { 0 };
	char *text;

	msg_put_map(&w, 2);
	msg_put_str(&w, "topics");
	msg_put_array(&w, 0);
	msg_put_str(&w, "closed");
	msg_put_array(&w, 0);
	text = print(&w, print_tables);
	ck_assert_str_eq(text, "no topics\n\nno closed\n");
	free(text);
	msg_writer_fini(&w);
}

static const struct {
	int64_t ms;
	const char *text;
} uptimes[] = {
	{ 0, "up 0ms " },
	{ 999, "up 999ms " },
	{ 59999, "up 59s " },
	{ 61000, "up 1m 01s " },
	{ 3661000, "up 1h 01m " },
	{ 90061000, "up 1d 01h " },
};

TEST_EACH(durations_have_the_units_that_people_want, uptimes)
{
	struct msg_writer w = { 0 };
	char *text;

	msg_put_map(&w, 1);
	msg_put_str(&w, "overview");
	msg_put_map(&w, 1);
	msg_put_str(&w, "uptime_ms");
	msg_put_int(&w, uptimes[row].ms);
	text = print(&w, print_tables);
	ck_assert_msg(strstr(text, uptimes[row].text) != NULL, "%s", text);
	free(text);
	msg_writer_fini(&w);
}

TEST(bytes_counts_and_reasons_of_an_overview_are_readable)
{
	struct msg_writer w = { 0 };
	char *text;

	msg_put_map(&w, 1);
	msg_put_str(&w, "overview");
	msg_put_map(&w, 3);
	msg_put_str(&w, "bytes_in");
	msg_put_int(&w, 3 << 20);
	msg_put_str(&w, "published");
	msg_put_int(&w, 12345);
	msg_put_str(&w, "closes");
	msg_put_map(&w, 2);
	msg_put_str(&w, "eof");
	msg_put_int(&w, 1500);
	msg_put_str(&w, "reset");
	msg_put_int(&w, 0);
	text = print(&w, print_tables);
	ck_assert_ptr_nonnull(strstr(text, "3.0 MiB"));
	ck_assert_ptr_nonnull(strstr(text, "12,345"));
	ck_assert_ptr_nonnull(strstr(text, "closes      eof 1,500\n"));
	ck_assert_ptr_nonnull(strstr(text, "drops       none\n"));
	free(text);
	msg_writer_fini(&w);
}
