#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "unit/rig/edges.h"
#include "wire/sent.h"

static void
say_stats(struct client *observer, const struct control_stats *stats)
{
	const char *sections[CONTROL_N_SECTIONS];
	struct msg_writer w = { 0 };
	size_t n = 0;

	for (unsigned i = 0; i < CONTROL_N_SECTIONS; i++)
		if (stats->wanted[i])
			sections[n++] =
			    control_section_name((enum control_section)i);
	sent_write_stats(&w, &(struct sent_stats){ sections, n, stats->n_rows,
				 stats->sort[0] == '\0' ? NULL : stats->sort });
	say(observer, w.data, w.len);
	msg_writer_fini(&w);
	settle();
}

/* Returns the wanted sections as the observer gets them; the bytes stay in its
 * buffer. */
static struct msg_tree *
ask(struct client *observer, unsigned sections, uint32_t n_rows)
{
	struct control_stats stats = { .n_rows = n_rows };
	struct msg_tree *tree = NULL;
	struct frame f;

	for (unsigned i = 0; i < CONTROL_N_SECTIONS; i++)
		stats.wanted[i] = sections & 1u << i;
	say_stats(observer, &stats);
	f = next_frame(observer);
	ck_assert_uint_eq(f.type, FRAME_STATS_REPLY);
	ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	return tree;
}

static const struct msg_node *
get(const struct msg_node *map, const char *key)
{
	const struct msg_node *node = msg_find(map, key);

	ck_assert_msg(node != NULL, "there is no %s", key);
	return node;
}

static int64_t
number(const struct msg_node *map, const char *key)
{
	int64_t n = -1;

	ck_assert_msg(msg_int(get(map, key), &n), "%s is no integer", key);
	return n;
}

/* The string, in a buffer that the next call takes. */
static const char *
string(const struct msg_node *map, const char *key)
{
	static char text[256];
	const char *s;
	size_t len;

	ck_assert_msg(msg_str(get(map, key), &s, &len), "%s is no string", key);
	snprintf(text, sizeof(text), "%.*s", (int)len, s);
	return text;
}

static const unsigned masks[] = { 1, 2, 4, 8, 16, 0, 31, 9 };

TEST_EACH(the_wanted_sections_are_there_and_no_others, masks)
{
	struct client *observer;
	struct msg_tree *tree;
	size_t n = 0;

	begin();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, masks[row], 100);
	for (unsigned i = 0; i < CONTROL_N_SECTIONS; i++) {
		const struct msg_node *section = msg_find(msg_root(tree),
		    control_section_name((enum control_section)i));

		ck_assert_int_eq(section != NULL, (masks[row] >> i) & 1);
		n += section != NULL;
	}
	ck_assert_uint_eq(msg_count(msg_root(tree)), n);
	msg_tree_free(tree);
	end();
}

TEST(the_overview_counts_what_has_happened)
{
	const struct msg_node *o;
	struct client *a, *b, *observer;
	struct msg_tree *tree;

	begin();
	a = join();
	b = join();
	say_frame(b, FRAME_SUBSCRIBE, 0, "92a174a175");
	say_frame(b, FRAME_SUBSCRIBE, FRAME_BY_PREFIX, "91a178");
	settle();
	for (uint32_t i = 0; i < 3; i++)
		publish(a, "t", 0, i);
	publish(a, "nobody", 0, 4);
	publish(a, "", 0, 5);
	say_frame(join_as("bad", CONTROL_EMITTER), FRAME_GOODBYE, 0, "");
	settle();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, 1 << CONTROL_OVERVIEW, 100);
	o = get(msg_root(tree), "overview");
	ck_assert_str_eq(string(o, "server"), "pm2adapterd/0.1.0");
	ck_assert_str_eq(string(o, "socket"), "/run/s");
	ck_assert_int_eq(number(o, "pid"), getpid());
	ck_assert_int_eq(number(o, "connections"), 3);
	ck_assert_int_eq(number(o, "members"), 2);
	ck_assert_int_eq(number(o, "topics"), 2);
	ck_assert_int_eq(number(o, "prefixes"), 1);
	ck_assert_int_eq(number(o, "subscriptions"), 3);
	ck_assert_int_eq(number(o, "published"), 4);
	ck_assert_int_eq(number(o, "published_bytes"), 3 * 13 + 18);
	ck_assert_int_eq(number(o, "delivered"), 3);
	ck_assert_int_eq(number(o, "delivered_bytes"), 3 * 13);
	ck_assert_int_eq(number(o, "unrouted"), 1);
	ck_assert_int_eq(number(o, "queue_bytes"), 0);
	ck_assert_int_ge(number(o, "memory_bytes"), BLOB_CHUNK);
	ck_assert_int_ge(
	    number(o, "memory_peak_bytes"), number(o, "memory_bytes"));
	ck_assert_int_eq(number(o, "memory_limit_bytes"), 0);
	ck_assert_int_eq(number(o, "accepted"), 0);
	ck_assert_int_ge(number(o, "uptime_ms"), 0);
	ck_assert_int_eq(number(get(o, "errors"), "bad-topic"), 1);
	ck_assert_uint_eq(msg_count(get(o, "errors")), 1);
	ck_assert_int_eq(number(get(o, "closes"), "unknown-type"), 1);
	ck_assert_uint_eq(msg_count(get(o, "closes")), 1);
	ck_assert_int_eq(number(get(o, "drops"), "volatile"), 0);
	ck_assert_uint_eq(msg_count(get(o, "rates")), 4);
	ck_assert_int_eq(number(get(get(o, "latency"), "transit"), "count"), 4);
	ck_assert_int_eq(number(get(get(o, "latency"), "gather"), "count"), 0);
	ck_assert_int_gt(number(get(get(o, "latency"), "turn"), "count"), 0);
	msg_tree_free(tree);
	end();
}

TEST(each_client_has_a_row_the_oldest_first)
{
	const struct msg_node *rows, *first, *second;
	struct client *a, *observer;
	struct msg_tree *tree;

	begin();
	a = dial();
	say_golden(a, "hello-full");
	settle();
	say_golden(a, "subscribe-rooms");
	publish(a, "t", 0, 1);
	publish(a, "", 0, 1);
	settle();
	dial();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, 1 << CONTROL_CLIENTS, 100);
	rows = get(msg_root(tree), "clients");
	/* A client that has not sent HELLO has no row. */
	ck_assert_uint_eq(msg_count(rows), 2);
	first = msg_at(rows, 0);
	ck_assert_int_eq(number(first, "id"), 1);
	ck_assert_str_eq(string(first, "name"), "chat");
	ck_assert_str_eq(string(first, "role"), "member");
	ck_assert_str_eq(string(first, "key"), "socket.io");
	ck_assert_str_eq(string(first, "script"), "/srv/chat/server.js");
	ck_assert_str_eq(string(first, "client"), "socket.io-pm2adapter/0.1.0");
	ck_assert_int_eq(number(first, "pm_id"), 3);
	/* The kernel's word counts, not HELLO's. */
	ck_assert_int_eq(number(first, "pid"), getpid());
	ck_assert_int_eq(number(first, "uid"), getuid());
	ck_assert_int_eq(number(first, "subscriptions"), 2);
	ck_assert_int_eq(number(first, "messages_in"), 1);
	ck_assert_int_eq(number(first, "errors"), 1);
	ck_assert_int_gt(number(first, "bytes_in"), 0);
	ck_assert_uint_eq(number(first, "bytes_out"), a->n_got);
	second = msg_at(rows, 1);
	ck_assert_str_eq(string(second, "role"), "observer");
	ck_assert_int_eq(msg_type(get(second, "pm_id")), MSG_NIL);
	msg_tree_free(tree);
	tree = ask(observer, 1 << CONTROL_CLIENTS, 1);
	rows = get(msg_root(tree), "clients");
	ck_assert_uint_eq(msg_count(rows), 1);
	ck_assert_str_eq(string(msg_at(rows, 0), "name"), "chat");
	msg_tree_free(tree);
	end();
}

TEST(topics_with_the_most_subscribers_come_first_and_the_rest_is_left_out)
{
	static const struct {
		const char *topic, *kind;
		int64_t subscribers, members;
	} wanted[] = {
		{ "all", "exact", 3, 1 },
		{ "a", "prefix", 2, 0 },
		{ "b", "exact", 2, 0 },
	};
	struct client *three[3], *observer;
	const struct msg_node *rows;
	struct msg_tree *tree;

	begin();
	for (size_t i = 0; i < N_ELEMENTS(three); i++) {
		three[i] = join();
		say_frame(three[i], FRAME_SUBSCRIBE, 0, "91a3616c6c");
	}
	for (size_t i = 0; i < 2; i++) {
		say_frame(three[i], FRAME_SUBSCRIBE, 0, "91a162");
		say_frame(three[i], FRAME_SUBSCRIBE, FRAME_BY_PREFIX, "91a161");
	}
	say_frame(three[0], FRAME_SUBSCRIBE, 0, "93a163a164a165");
	say_frame(three[0], FRAME_SUBSCRIBE, FRAME_AS_MEMBER, "91a3616c6c");
	settle();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, 1 << CONTROL_TOPICS, N_ELEMENTS(wanted));
	rows = get(msg_root(tree), "topics");
	ck_assert_uint_eq(msg_count(rows), N_ELEMENTS(wanted));
	for (size_t i = 0; i < N_ELEMENTS(wanted); i++) {
		const struct msg_node *r = msg_at(rows, i);

		ck_assert_str_eq(string(r, "topic"), wanted[i].topic);
		ck_assert_str_eq(string(r, "kind"), wanted[i].kind);
		ck_assert_int_eq(
		    number(r, "subscribers"), wanted[i].subscribers);
		ck_assert_int_eq(number(r, "members"), wanted[i].members);
	}
	msg_tree_free(tree);
	tree = ask(observer, 1 << CONTROL_TOPICS, 1000);
	ck_assert_uint_eq(msg_count(get(msg_root(tree), "topics")), 6);
	msg_tree_free(tree);
	end();
}

TEST(who_has_ended_is_remembered_with_the_reason)
{
	const struct msg_node *rows, *r;
	struct client *observer;
	struct msg_tree *tree;

	begin();
	observer = join_as("watch", CONTROL_OBSERVER);
	hang_up(join_as("first", CONTROL_MEMBER));
	settle();
	say(dial(), "GET / HTTP/1.1\r\n", 16);
	settle();
	tree = ask(observer, 1 << CONTROL_CLOSED, 100);
	rows = get(msg_root(tree), "closed");
	ck_assert_uint_eq(msg_count(rows), 2);
	r = msg_at(rows, 0);
	ck_assert_str_eq(string(r, "reason"), "hello-expected");
	ck_assert_str_eq(string(r, "name"), "");
	ck_assert_int_eq(number(r, "id"), 0);
	ck_assert_int_eq(number(r, "bytes_in"), 16);
	ck_assert_str_eq(
	    string(r, "detail"), "a frame of type 0x2f came before HELLO");
	r = msg_at(rows, 1);
	ck_assert_str_eq(string(r, "reason"), "eof");
	ck_assert_str_eq(string(r, "name"), "first");
	ck_assert_str_eq(string(r, "detail"), "");
	ck_assert_int_eq(number(r, "id"), 2);
	ck_assert_int_gt(number(r, "closed_at"), 0);
	msg_tree_free(tree);
	tree = ask(observer, 1 << CONTROL_CLOSED, 1);
	ck_assert_uint_eq(msg_count(get(msg_root(tree), "closed")), 1);
	msg_tree_free(tree);
	end();
}

TEST(who_only_asked_leaves_no_trace_and_who_erred_does)
{
	struct client *asker, *erring, *observer;
	struct msg_tree *tree;
	const struct msg_node *rows;

	begin();
	observer = join_as("watch", CONTROL_OBSERVER);
	asker = join_as("asker", CONTROL_OBSERVER);
	msg_tree_free(ask(asker, 1, 100));
	hang_up(asker);
	erring = join_as("erring", CONTROL_OBSERVER);
	msg_tree_free(ask(erring, 1, 100));
	publish(erring, "t", 0, 1);
	settle();
	hang_up(erring);
	settle();
	tree = ask(observer, 1 << CONTROL_CLOSED, 100);
	rows = get(msg_root(tree), "closed");
	ck_assert_uint_eq(msg_count(rows), 1);
	ck_assert_str_eq(string(msg_at(rows, 0), "name"), "erring");
	msg_tree_free(tree);
	end();
}

TEST(the_configuration_is_what_its_owner_puts)
{
	struct msg_tree *tree;
	const struct msg_node *config;

	begin();
	tree = ask(join(), 1 << CONTROL_CONFIG, 100);
	config = get(msg_root(tree), "config");
	ck_assert_uint_eq(msg_count(config), 1);
	ck_assert_str_eq(string(config, "max-topic"), "4096");
	msg_tree_free(tree);
	end();
}

static const struct {
	const char *body;
	bool fatal;
} questions[] = {
	{ "81 a8 73656374696f6e73 91 a3 666f6f", false },
	{ "81 a8 73656374696f6e73 91 07", true },
	{ "81 a8 73656374696f6e73 a3 666f6f", true },
	{ "81 a5 6c696d6974 00", true },
	{ "90", true },
	{ "", true },
};

TEST_EACH(a_question_that_makes_no_sense_is_a_bad_body, questions)
{
	struct client *c;

	begin();
	c = join();
	say_frame(c, FRAME_STATS, 0, questions[row].body);
	settle();
	expect_error(c, "bad-body", questions[row].fatal);
	ck_assert_uint_eq(conn_set_n_open(set), !questions[row].fatal);
	end();
}

/* A question to two who do not answer. */
static void
ask_two(struct client *asker)
{
	say_frame(join(), FRAME_SUBSCRIBE, FRAME_AS_MEMBER, "91a174");
	say_frame(join(), FRAME_SUBSCRIBE, FRAME_AS_MEMBER, "91a174");
	settle();
	ask_of(asker, 0, "t", "9407a46c697374cd1388c403787878");
}

TEST(an_open_question_has_a_row_with_who_still_owes)
{
	const struct msg_node *entry;
	struct client *asker, *observer;
	struct msg_tree *tree;

	begin();
	asker = join();
	ask_two(asker);
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, 1 << CONTROL_REQUESTS, 100);
	ck_assert_uint_eq(msg_count(get(msg_root(tree), "requests")), 1);
	entry = msg_at(get(msg_root(tree), "requests"), 0);
	ck_assert_int_eq(number(entry, "asker_id"), 1);
	ck_assert_str_eq(string(entry, "topic"), "t");
	ck_assert_str_eq(string(entry, "gather"), "list");
	ck_assert_int_eq(number(entry, "expected"), 2);
	ck_assert_int_eq(number(entry, "answered"), 0);
	ck_assert_int_ge(number(entry, "age_ms"), 0);
	ck_assert_int_le(number(entry, "left_ms"), 5000);
	ck_assert_int_gt(number(entry, "left_ms"), 0);
	ck_assert_uint_eq(msg_count(get(entry, "owed")), 2);
	ck_assert_uint_eq(msg_count(get(entry, "owed_ids")), 2);
	msg_tree_free(tree);
	end();
}

TEST(what_is_slow_is_kept_the_newest_first)
{
	struct hub_settings slow = hub_settings;
	const struct msg_node *entry, *rows;
	struct client *asker, *observer;
	struct msg_tree *tree;
	size_t n;

	begin();
	log_set_level((enum log_level)(LOG_ERROR + 1));
	slow.slow_question_us = 1;
	hub_configure(hub, &slow);
	asker = join();
	ask_two(asker);
	hang_up(&clients[1]);
	hang_up(&clients[2]);
	settle();
	slow.slow_question_us = 0;
	slow.slow_turn_us = 1;
	hub_configure(hub, &slow);
	publish(asker, "nobody", 0, 1);
	settle();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask(observer, 1 << CONTROL_SLOW, 1000);
	rows = get(msg_root(tree), "slow");
	n = msg_count(rows);
	ck_assert_uint_ge(n, 2);
	entry = msg_at(rows, 0);
	ck_assert_str_eq(string(entry, "kind"), "turn");
	ck_assert_int_ge(number(entry, "took_us"), 1);
	entry = msg_at(rows, n - 1);
	ck_assert_str_eq(string(entry, "kind"), "question");
	ck_assert_int_eq(number(entry, "asker_id"), 1);
	ck_assert_str_eq(string(entry, "topic"), "t");
	ck_assert_str_eq(string(entry, "gather"), "list");
	ck_assert_str_eq(string(entry, "outcome"), "complete");
	ck_assert_int_eq(number(entry, "expected"), 2);
	ck_assert_int_eq(number(entry, "answered"), 0);
	ck_assert_ptr_nonnull(strstr(string(entry, "missing"), ", "));
	msg_tree_free(tree);
	end();
}

static struct msg_tree *
ask_sorted(struct client *observer, enum control_section section,
    const char *sort, uint32_t n_rows)
{
	struct control_stats stats = { .n_rows = n_rows };
	struct msg_tree *tree = NULL;
	struct frame f;

	stats.wanted[section] = true;
	snprintf(stats.sort, sizeof(stats.sort), "%s", sort);
	say_stats(observer, &stats);
	f = next_frame(observer);
	if (f.type == FRAME_STATS_REPLY)
		ck_assert_int_eq(msg_tree_new(f.body, f.body_len, &tree), 0);
	return tree;
}

TEST(of_many_rows_the_first_in_the_order_are_told)
{
	struct client *loud, *observer;
	struct msg_tree *tree;

	begin();
	join();
	loud = join();
	join();
	for (uint32_t i = 0; i < 3; i++)
		publish(loud, "t", 0, i);
	settle();
	observer = join_as("watch", CONTROL_OBSERVER);
	tree = ask_sorted(observer, CONTROL_CLIENTS, "messages_in", 1);
	ck_assert_uint_eq(msg_count(get(msg_root(tree), "clients")), 1);
	ck_assert_int_eq(
	    number(msg_at(get(msg_root(tree), "clients"), 0), "id"), 2);
	msg_tree_free(tree);
	say_frame(loud, FRAME_SUBSCRIBE, 0, "93a162a163a161");
	settle();
	tree = ask_sorted(observer, CONTROL_TOPICS, "topic", 2);
	ck_assert_str_eq(
	    string(msg_at(get(msg_root(tree), "topics"), 0), "topic"), "a");
	ck_assert_str_eq(
	    string(msg_at(get(msg_root(tree), "topics"), 1), "topic"), "b");
	msg_tree_free(tree);
	end();
}

TEST(a_column_that_no_wanted_section_has_is_refused)
{
	struct client *observer;

	begin();
	observer = join_as("watch", CONTROL_OBSERVER);
	ck_assert_ptr_null(
	    ask_sorted(observer, CONTROL_CLIENTS, "subscribers", 10));
	ck_assert_ptr_null(ask_sorted(observer, CONTROL_CLOSED, "id", 10));
	observer->n_taken = observer->n_got;
	msg_tree_free(ask_sorted(observer, CONTROL_TOPICS, "subscribers", 10));
	end();
}
