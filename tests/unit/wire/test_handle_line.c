#include "wire/handle_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

#define TEXT_MAX 512

/* A case of tests/vectors/handles.txt; "" is absent, but for line and bytes. */
struct golden {
	char name[TEXT_MAX], line[TEXT_MAX], kind[TEXT_MAX], tag[TEXT_MAX];
	char id[TEXT_MAX], bytes[TEXT_MAX], receiver[TEXT_MAX], error[TEXT_MAX];
};

static void
take_line(struct golden *golden, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *out;
	} fields[] = {
		{ "name", golden->name },
		{ "line", golden->line },
		{ "kind", golden->kind },
		{ "tag", golden->tag },
		{ "id", golden->id },
		{ "bytes", golden->bytes },
		{ "receiver", golden->receiver },
		{ "error", golden->error },
	};

	for (size_t i = 0; i < N_ELEMENTS(fields); i++)
		if (strcmp(key, fields[i].key) == 0) {
			snprintf(fields[i].out, TEXT_MAX, "%s", value);
			return;
		}
	ck_abort_msg("%s: not a key of handles.txt", key);
}

static bool
read_case(FILE *file, struct golden *golden)
{
	char line[TEXT_MAX + 32], *value;

	*golden = (struct golden){ .name = "" };
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		if (line[0] == '\0' && golden->name[0] != '\0')
			return true;
		value = strchr(line, ':');
		if (value == NULL)
			continue;
		*value++ = '\0';
		take_line(golden, line, value + (*value == ' '));
	}
	return golden->name[0] != '\0';
}

/* Reads a line from memory of exactly its size. */
static int
read_line(const char *text, size_t len, struct handle_line *out)
{
	struct buffer copy;
	char *ended = calloc(1, len + 1);
	int r;

	memcpy(ended, text, len);
	copy = exactly(ended, len + 1);
	r = handle_line_read((const char *)copy.data, len, out);
	free(copy.data);
	free(ended);
	return r;
}

static void
check_handle(const struct golden *golden, const struct handle_line *line)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%" PRId64, line->id);
	ck_assert_str_eq(text, golden->id);
	ck_assert_str_eq(line->bytes, golden->bytes);
	ck_assert_uint_eq(
	    handle_line_print(text, sizeof(text), line), strlen(text));
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	text[strlen(text) - 1] = '\0';
	ck_assert_str_eq(text, golden->receiver);
}

static void
check(const struct golden *golden)
{
	static const char *const kinds[] = {
		[HANDLE_LINE_OTHER] = "other",
		[HANDLE_LINE_NACK] = "nack",
		[HANDLE_LINE_LEND] = "lend",
		[HANDLE_LINE_HANDLE] = "handle",
	};
	static const char *const errors[] = {
		[0] = "",
		[HANDLE_LINE_E_SYNTAX] = "syntax",
		[HANDLE_LINE_E_FIELD] = "field",
	};
	struct handle_line line;
	int r = read_line(golden->line, strlen(golden->line), &line);

	ck_assert_msg(r >= 0 && strcmp(errors[r], golden->error) == 0, "%s: %d",
	    golden->name, r);
	if (r == 0)
		ck_assert_str_eq(kinds[line.kind], golden->kind);
	if (r == 0 &&
	    (line.kind == HANDLE_LINE_LEND || line.kind == HANDLE_LINE_HANDLE))
		ck_assert_str_eq(line.tag, golden->tag);
	if (r == 0 && line.kind == HANDLE_LINE_HANDLE)
		check_handle(golden, &line);
	handle_line_fini(&line);
	handle_line_fini(&line);
}

TEST(golden_lines_are_read_as_the_vectors_say)
{
	FILE *file = fopen("tests/vectors/handles.txt", "re");
	struct golden golden;
	size_t n = 0;

	ck_assert_ptr_nonnull(file);
	for (; read_case(file, &golden); n++)
		check(&golden);
	fclose(file);
	ck_assert_uint_gt(n, 25);
}

TEST(a_lent_channels_line_can_be_read_again)
{
	struct handle_line line;
	char text[64];
	size_t len = handle_line_print_lend(text, sizeof(text), "aB3_-9");

	ck_assert_int_eq(text[len - 1], '\n');
	text[len - 1] = '\0';
	ck_assert_int_eq(read_line(text, len - 1, &line), 0);
	ck_assert_int_eq(line.kind, HANDLE_LINE_LEND);
	ck_assert_str_eq(line.tag, "aB3_-9");
	handle_line_fini(&line);
}

TEST(an_answer_acknowledges_and_then_tells_the_outcome)
{
	char text[128];

	handle_line_print_outcome(text, sizeof(text), 12, "passed");
	ck_assert_str_eq(text, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n"
			       "{\"id\":12,\"outcome\":\"passed\"}\n");
}

TEST(deep_nesting_and_a_nul_are_refused)
{
	static char text[HANDLE_LINE_MAX];
	struct handle_line line;

	memset(text, '[', sizeof(text) - 1);
	ck_assert_int_eq(
	    read_line(text, sizeof(text) - 1, &line), HANDLE_LINE_E_SYNTAX);
	memset(text, '[', 101);
	memset(text + 101, ']', 101);
	ck_assert_int_eq(read_line(text, 202, &line), HANDLE_LINE_E_SYNTAX);
	ck_assert_int_eq(read_line("{}\0{}", 5, &line), HANDLE_LINE_E_SYNTAX);
}

TEST(a_tag_is_six_characters_of_a_session_id)
{
	static const struct {
		const char *text;
		bool is_tag;
	} rows[] = {
		{ "abcdef", true },
		{ "A-_9zZ", true },
		{ "abcde", false },
		{ "abcdefg", false },
		{ "abc/ef", false },
		{ "abc.ef", false },
		{ "abc\"ef", false },
		{ "", false },
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		ck_assert_int_eq(
		    handle_line_is_tag(rows[i].text, strlen(rows[i].text)),
		    rows[i].is_tag);
}
