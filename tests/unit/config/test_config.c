#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "config/print.h"
#include "unit/support.h"

static struct config config;
static struct config_why why;

static int
set(const char *name, const char *value)
{
	config_init(&config, "/run/s");
	memset(&why, 0, sizeof(why));
	return config_set(&config, name, value, &why);
}

static const struct good {
	const char *name, *value;
	size_t field;
	int64_t wanted;
} goods[] = {
	{ "max-frame", "4096", offsetof(struct config, max_frame_bytes), 4096 },
	{ "max-frame", "4k", offsetof(struct config, max_frame_bytes), 4096 },
	{ "max-frame", "3m", offsetof(struct config, max_frame_bytes),
	    3 << 20 },
	{ "max-frame", "1g", offsetof(struct config, max_frame_bytes),
	    1 << 30 },
	{ "hello-timeout", "10ms", offsetof(struct config, hello_timeout_ms),
	    10 },
	{ "hello-timeout", "2s", offsetof(struct config, hello_timeout_ms),
	    2000 },
	{ "hello-timeout", "3m", offsetof(struct config, hello_timeout_ms),
	    180000 },
	{ "hello-timeout", "1h", offsetof(struct config, hello_timeout_ms),
	    3600000 },
	{ "ping-interval", "0ms", offsetof(struct config, ping_interval_ms),
	    0 },
	{ "max-connections", "1", offsetof(struct config, max_connections), 1 },
	{ "max-connections", "1000000",
	    offsetof(struct config, max_connections), 1000000 },
	{ "socket-mode", "0660", offsetof(struct config, socket_mode), 0660 },
	{ "socket-mode", "777", offsetof(struct config, socket_mode), 0777 },
	{ "log-level", "debug", offsetof(struct config, log_level), 0 },
	{ "log-level", "error", offsetof(struct config, log_level), 3 },
};

TEST_EACH(a_value_of_its_type_and_range_is_taken, goods)
{
	const struct good *g = &goods[row];

	ck_assert_int_eq(set(g->name, g->value), 0);
	ck_assert_int_eq(
	    *(int64_t *)(void *)((char *)&config + g->field), g->wanted);
	config_fini(&config);
}

static const struct bad {
	const char *name, *value;
	int r;
	const char *says;
} bads[] = {
	{ "max-frmae", "1m", CONFIG_E_UNKNOWN, "unknown key max-frmae" },
	{ "max-frame", "4095", CONFIG_E_VALUE, "4k to 1g" },
	{ "max-frame", "1025m", CONFIG_E_VALUE, "4k to 1g" },
	{ "max-frame", "99999999999999999999", CONFIG_E_VALUE, "range" },
	{ "max-frame", "9999999999999999g", CONFIG_E_VALUE, "range" },
	{ "max-frame", "12q", CONFIG_E_VALUE, "'12q'" },
	{ "max-frame", "12 k", CONFIG_E_VALUE, "'12 k'" },
	{ "max-frame", "k", CONFIG_E_VALUE, "'k'" },
	{ "max-frame", "-1", CONFIG_E_VALUE, "'-1'" },
	{ "max-frame", "+1m", CONFIG_E_VALUE, "'+1m'" },
	{ "max-frame", "", CONFIG_E_VALUE, "''" },
	{ "max-frame", "1.5m", CONFIG_E_VALUE, "'1.5m'" },
	{ "hello-timeout", "5", CONFIG_E_VALUE, "ms, s, m or h" },
	{ "hello-timeout", "9ms", CONFIG_E_VALUE, "10ms to 1h" },
	{ "hello-timeout", "2h", CONFIG_E_VALUE, "10ms to 1h" },
	{ "max-connections", "0", CONFIG_E_VALUE, "1 to 1000000" },
	{ "max-connections", "1k", CONFIG_E_VALUE, "a whole number" },
	{ "socket-mode", "0888", CONFIG_E_VALUE, "octal" },
	{ "socket-mode", "01000", CONFIG_E_VALUE, "0000 to 0777" },
	{ "log-level", "loud", CONFIG_E_VALUE, "debug, info, warn, error" },
	{ "socket", "", CONFIG_E_VALUE, "socket: a path of 0 bytes" },
};

TEST_EACH(a_wrong_value_is_refused_in_words, bads)
{
	const struct bad *b = &bads[row];

	ck_assert_int_eq(set(b->name, b->value), b->r);
	ck_assert_msg(strstr(why.text, b->says) != NULL, "%s", why.text);
	ck_assert(b->r == CONFIG_E_UNKNOWN || strstr(why.text, b->name));
	config_fini(&config);
}

TEST(a_path_has_a_longest_length)
{
	char path[120];

	memset(path, 'x', sizeof(path));
	path[107] = '\0';
	ck_assert_int_eq(set("socket", path), 0);
	ck_assert_str_eq(config.socket, path);
	ck_assert(!config.socket_is_default);
	config_fini(&config);
	path[107] = 'x';
	path[108] = '\0';
	ck_assert_int_eq(set("socket", path), CONFIG_E_VALUE);
	ck_assert_str_eq(config.socket, "/run/s");
	config_fini(&config);
}

static int
read_text(const char *text, size_t len)
{
	struct buffer copy = exactly(text, len);
	int r;

	config_init(&config, "/run/s");
	memset(&why, 0, sizeof(why));
	r = config_read(
	    &config, "a.conf", (const char *)copy.data, copy.len, &why);
	free(copy.data);
	return r;
}

TEST(a_file_may_have_comments_blanks_and_no_last_newline)
{
	const char text[] = "# a comment\r\n\n  max-topic \t 100  \r\n"
			    "\t# another\nlog-level warn";

	ck_assert_int_eq(read_text(text, strlen(text)), 0);
	ck_assert_int_eq(config.max_topic_bytes, 100);
	ck_assert_int_eq(config.log_level, 2);
	config_fini(&config);
}

static const struct wrong {
	const char *text;
	size_t len;
	const char *says;
} wrongs[] = {
#define LINE(text, says)                     \
	{                                    \
		text, sizeof(text) - 1, says \
	}
	LINE("max-topic 100\nmax-tpoic 1\n", "a.conf:2: unknown key max-tpoic"),
	LINE("\n\nmax-topic\n", "a.conf:3: max-topic: a value is missing"),
	LINE("max-topic 63\n", "a.conf:1: max-topic: 63 is out of range"),
	LINE("max-topic 1\0000\n", "a.conf:1: a zero byte"),
	LINE("max-topic 100 # no\n", "a.conf:1: max-topic: '100 # no'"),
	LINE("nonsense", "a.conf:1: unknown key nonsense"),
#undef LINE
};

TEST_EACH(what_is_wrong_in_a_file_is_said_with_its_line, wrongs)
{
	ck_assert_int_ne(read_text(wrongs[row].text, wrongs[row].len), 0);
	ck_assert_msg(
	    strstr(why.text, wrongs[row].says) == why.text, "%s", why.text);
	config_fini(&config);
}

static const struct conflict {
	const char *name, *value, *says;
} conflicts[] = {
	{ "max-frame", "33m", "queue-limit" },
	{ "queue-limit", "8m", "queue-limit" },
	{ "queue-soft-limit", "65m", "queue-soft-limit" },
	{ "memory-limit", "65535k", "memory-limit" },
};

TEST_EACH(values_that_contradict_each_other_are_refused, conflicts)
{
	ck_assert_int_eq(set(conflicts[row].name, conflicts[row].value), 0);
	ck_assert_int_eq(config_check(&config, &why), CONFIG_E_CONFLICT);
	ck_assert_msg(
	    strstr(why.text, conflicts[row].says) != NULL, "%s", why.text);
	config_fini(&config);
}

TEST(a_topic_that_no_frame_can_hold_is_refused)
{
	ck_assert_int_eq(set("max-frame", "4k"), 0);
	ck_assert_int_eq(config_set(&config, "max-topic", "4093", &why), 0);
	ck_assert_int_eq(config_check(&config, &why), CONFIG_E_CONFLICT);
	ck_assert_int_eq(config_set(&config, "max-topic", "4092", &why), 0);
	ck_assert_int_eq(config_check(&config, &why), 0);
	config_fini(&config);
}

TEST(the_defaults_go_together)
{
	config_init(&config, "/run/s");
	ck_assert_int_eq(config_check(&config, &why), 0);
	config_fini(&config);
}

static char *
print(void (*print_to)(FILE *out))
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	print_to(out);
	fclose(out);
	return text;
}

static void
print_file(FILE *out)
{
	config_print_file(&config, out);
}

TEST(a_printed_file_reads_the_same)
{
	struct config again;
	char *text;

	config_init(&config, "/run/s");
	ck_assert_int_eq(config_set(&config, "socket", "/a b/c", &why), 0);
	ck_assert_int_eq(config_set(&config, "socket-mode", "0640", &why), 0);
	ck_assert_int_eq(config_set(&config, "log-level", "error", &why), 0);
	ck_assert_int_eq(
	    config_set(&config, "queue-soft-time", "1500ms", &why), 0);
	text = print(print_file);
	config_init(&again, "/other");
	ck_assert_int_eq(config_read(&again, "f", text, strlen(text), &why), 0);
	for (size_t i = 0; i < config_n_options(); i++)
		ck_assert_msg(
		    !config_differs(&config, &again, i), "%s", config_name(i));
	free(text);
	config_fini(&config);
	config_fini(&again);
}

TEST(help_manual_and_file_name_each_option)
{
	char *texts[3], name[64];

	config_init(&config, "/run/s");
	texts[0] = print(config_print_help);
	texts[1] = print(config_print_manual);
	texts[2] = print(print_file);
	for (size_t i = 0; i < config_n_options(); i++) {
		snprintf(name, sizeof(name), "--%s ", config_name(i));
		ck_assert_ptr_nonnull(strstr(texts[0], name));
		snprintf(name, sizeof(name), ".It Cm %s ", config_name(i));
		ck_assert_ptr_nonnull(strstr(texts[1], name));
		snprintf(name, sizeof(name), "\n%s ", config_name(i));
		if (strstr(texts[2], name) == NULL) {
			snprintf(name, sizeof(name), "\n#%s ", config_name(i));
			ck_assert_ptr_nonnull(strstr(texts[2], name));
		}
	}
	for (int i = 0; i < 3; i++)
		free(texts[i]);
	config_fini(&config);
}

TEST(help_says_range_and_default_in_lines_of_a_terminal)
{
	char *text = print(config_print_help);

	ck_assert_ptr_nonnull(strstr(text,
	    "  --max-frame SIZE\n"
	    "        Maximum length of a frame, without its length field. A "
	    "larger\n"));
	ck_assert_ptr_nonnull(strstr(text, " 4k to 1g; default 16m.\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, " 10ms to 1h; default 5s; reloadable.\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, " debug to error; default info; reloadable.\n"));
	ck_assert_ptr_nonnull(strstr(text, " 0000 to 0777; default 0600.\n"));
	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 80, "%s", line);
	free(text);
}

TEST(an_option_can_be_taken_over_from_another_configuration)
{
	struct config other;
	char value[64];

	config_init(&config, "/run/s");
	config_init(&other, "/run/s");
	ck_assert_int_eq(config_set(&other, "socket", "/run/t", &why), 0);
	ck_assert_int_eq(config_set(&other, "max-topic", "99", &why), 0);
	for (size_t i = 0; i < config_n_options(); i++)
		if (config_differs(&config, &other, i))
			config_take(&config, &other, i);
	ck_assert_str_eq(config.socket, "/run/t");
	ck_assert_int_eq(config.max_topic_bytes, 99);
	ck_assert_str_eq(
	    config_value(&config, 0, value, sizeof(value)), "/run/t");
	config_fini(&config);
	config_fini(&other);
}

TEST(addresses_are_added_to_each_other_and_a_password_is_not_shown)
{
	static const char text[] =
	    "resp-listen /run/r\nresp-listen [::1]:6379\nresp-password a b\n";
	char value[64];
	char *file;

	config_init(&config, "/run/s");
	ck_assert_int_eq(
	    config_read(&config, "f", text, sizeof(text) - 1, &why), 0);
	ck_assert_str_eq(config.resp_listen, "/run/r [::1]:6379");
	ck_assert_str_eq(config.resp_password, "a b");
	for (size_t i = 0; i < config_n_options(); i++)
		ck_assert_ptr_null(strstr(
		    config_value(&config, i, value, sizeof(value)), "a b"));
	file = print(print_file);
	ck_assert_ptr_nonnull(
	    strstr(file, "\nresp-listen /run/r\nresp-listen [::1]:6379\n"));
	ck_assert_ptr_nonnull(strstr(file, "\n#resp-password ***\n"));
	free(file);
	config_fini(&config);
}

TEST(words_of_a_list_are_one_blank_apart_however_they_were_given)
{
	static const char text[] =
	    "allow-groups  web \t 33\r\nallow-groups\rops \r x\n";

	config_init(&config, "/run/s");
	ck_assert_int_eq(
	    config_read(&config, "f", text, sizeof(text) - 1, &why), 0);
	ck_assert_str_eq(config.allow_groups, "web 33 ops x");
	config_fini(&config);
}

TEST(a_password_has_a_longest_length_and_is_not_empty)
{
	char text[514];

	memset(text, 'x', sizeof(text));
	text[513] = '\0';
	config_init(&config, "/run/s");
	ck_assert_int_eq(
	    config_set(&config, "resp-password", text, &why), CONFIG_E_VALUE);
	ck_assert_str_eq(why.text,
	    "resp-password: a text of 513 bytes; the range is 1 to 512");
	ck_assert_int_eq(
	    config_set(&config, "resp-password", "", &why), CONFIG_E_VALUE);
	ck_assert_str_eq(config.resp_password, "");
	config_fini(&config);
}
