#include "cli/view.h"

#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "unit/support.h"

/* An answer with an overview and one client. */
struct answer {
	struct msg_writer w;
	struct msg_tree *tree;
};

static void
put_int(struct msg_writer *w, const char *key, int64_t n)
{
	msg_put_str(w, key);
	msg_put_int(w, n);
}

static struct answer
answer(int64_t delivered, int64_t drops, const char *name)
{
	struct answer a = { 0 };
	struct msg_writer *w = &a.w;

	msg_put_map(w, 2);
	msg_put_str(w, "overview");
	msg_put_map(w, 5);
	msg_put_str(w, "server");
	msg_put_str(w, "pm2adapterd/0.1.0");
	put_int(w, "pid", 4711);
	put_int(w, "delivered", delivered);
	put_int(w, "queue_bytes", 2048);
	msg_put_str(w, "drops");
	msg_put_map(w, 1);
	put_int(w, "volatile", drops);
	msg_put_str(w, "clients");
	msg_put_array(w, 1);
	msg_put_map(w, 4);
	put_int(w, "id", 7);
	put_int(w, "messages_out", delivered);
	put_int(w, "drops", drops);
	msg_put_str(w, "name");
	msg_put_str(w, name);
	ck_assert_int_eq(msg_tree_new(w->data, w->len, &a.tree), 0);
	return a;
}

static void
forget(struct answer *a)
{
	msg_tree_free(a->tree);
	msg_writer_fini(&a->w);
}

/* The screen after two answers, one second apart. */
static char *
screen(struct view *view, struct answer *before, struct answer *now)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	view_print(view, out, msg_root(now->tree),
	    before == NULL ? NULL : msg_root(before->tree), 1000);
	fclose(out);
	return text;
}

TEST(a_sparkline_has_a_block_for_each_sample)
{
	struct view_history history = { .n = 0 };
	char line[4 * VIEW_HISTORY];

	ck_assert_str_eq(view_sparkline(&history, line), "");
	view_add(&history, 0);
	ck_assert_str_eq(view_sparkline(&history, line), "▁");
	view_add(&history, 7);
	view_add(&history, 3);
	ck_assert_str_eq(view_sparkline(&history, line), "▁█▄");
}

TEST(a_sparkline_forgets_the_oldest)
{
	struct view_history history = { .n = 0 };

	for (int i = 0; i < VIEW_HISTORY + 5; i++)
		view_add(&history, i);
	ck_assert_uint_eq(history.n, VIEW_HISTORY);
	ck_assert(history.values[0] == 5);
	ck_assert(history.values[VIEW_HISTORY - 1] == VIEW_HISTORY + 4);
}

TEST(rates_are_the_difference_of_two_answers)
{
	struct answer before = answer(1000, 0, "chat");
	struct answer now = answer(3500, 0, "chat");
	struct view view = { 0 };
	char *text = screen(&view, NULL, &before);

	ck_assert_ptr_nonnull(strstr(text, "  delivered            0/s  \n"));
	free(text);
	text = screen(&view, &before, &now);
	ck_assert_ptr_nonnull(strstr(text, "  delivered        2,500/s  █\n"));
	ck_assert_ptr_nonnull(strstr(text, "  queued         2.0 KiB    ██\n"));
	ck_assert_ptr_nonnull(strstr(text, "    7 chat "));
	ck_assert_ptr_null(strstr(text, "\033"));
	free(text);
	forget(&before);
	forget(&now);
}

TEST(a_counter_that_began_again_has_no_rate)
{
	struct answer before = answer(1000, 0, "chat");
	struct answer now = answer(5, 0, "chat");
	struct view view = { 0 };
	char *text = screen(&view, &before, &now);

	ck_assert_ptr_nonnull(strstr(text, "  delivered            0/s"));
	free(text);
	forget(&before);
	forget(&now);
}

TEST(what_drops_is_red_where_there_are_colours)
{
	struct answer before = answer(0, 1, "chat"), now = answer(0, 2, "chat");
	struct view view = { .has_colours = true };
	char *text = screen(&view, &before, &now);

	ck_assert_ptr_nonnull(strstr(text, "\033[31m  drops   volatile 2"));
	free(text);
	text = screen(&view, &now, &now);
	ck_assert_ptr_nonnull(strstr(text, "\033[2m  drops   volatile 2"));
	ck_assert_ptr_null(strstr(text, "\033[31m"));
	free(text);
	forget(&before);
	forget(&now);
}

TEST(no_line_is_wider_than_the_screen_and_none_is_below_it)
{
	struct answer now = answer(0, 3, "a name of a client that goes on");
	struct view view = { .width = 30, .height = 9 };
	char *text = screen(&view, NULL, &now), *rest = text, *line;
	size_t n = 0;

	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		size_t columns = 0;

		for (const char *s = line; *s != '\0'; s++)
			columns += ((unsigned char)*s & 0xc0) != 0x80;
		ck_assert_uint_le(columns, 30);
		n++;
	}
	ck_assert_uint_eq(n, 9);
	free(text);
	forget(&now);
}

/* Two bytes each, so that twenty bytes end within one. */
TEST(a_long_name_is_cut_between_characters)
{
	struct answer now = answer(1, 0,
	    "x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	struct view view = { 0 };
	char *text = screen(&view, NULL, &now);

	ck_assert_ptr_nonnull(strstr(text,
	    "    7 x\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9     - "));
	free(text);
	forget(&now);
}

TEST(what_is_left_of_a_character_is_cut_off)
{
	char text[] = "a\xc3\xa9\xe2\x82";

	ck_assert_str_eq(format_cut(text, 10), "a\xc3\xa9");
	ck_assert_str_eq(format_cut(text, 1), "a");
	ck_assert_str_eq(format_cut(text, 0), "");
}

TEST(a_name_can_not_reach_the_terminal)
{
	struct answer now = answer(0, 0, "\033]0;pwned\a\n");
	struct view view = { 0 };
	char *text = screen(&view, NULL, &now);

	ck_assert_ptr_null(strstr(text, "\033"));
	ck_assert_ptr_null(strstr(text, "\a"));
	ck_assert_ptr_nonnull(strstr(text, "\\x1b]0;pwned\\x07"));
	free(text);
	forget(&now);
}
