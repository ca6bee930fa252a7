#include "core/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

/*
 * The broker with a sink that records. A member's user pointer is its place in
 * `logs`; a record is "m:text" for a message and "j:topic:id:count" or
 * "l:topic:id:count" for presence.
 */
#define N_LOGS 8

struct log {
	char text[4096];
	bool refuses;
};

static struct broker *broker;
static struct log logs[N_LOGS];
static struct member *members[N_LOGS];

static void
record(struct log *log, const char *text)
{
	ck_assert_uint_lt(
	    strlen(log->text) + strlen(text) + 1, sizeof(log->text));
	strcat(log->text, text);
	strcat(log->text, " ");
}

static bool
on_message(struct member *to, const struct message_run *run)
{
	struct log *log = to->user;
	char text[64];

	if (log->refuses)
		return false;
	snprintf(text, sizeof(text), "m:%.*s", (int)run->bytes.len,
	    (const char *)slice_data(&run->bytes));
	record(log, text);
	return true;
}

static void
on_presence(struct member *to, const struct presence *p)
{
	char text[128];

	snprintf(text, sizeof(text), "%c:%.*s:%d:%u", p->joined ? 'j' : 'l',
	    (int)p->topic_len, p->topic, (int)p->who->id, p->count);
	record(to->user, text);
}

static const struct broker_sink sink = {
	.message = on_message,
	.presence = on_presence,
};

static void
begin(int n_members)
{
	const struct broker_limits limits = {
		.topic_max_bytes = 16,
		.subscriptions_max = 8,
	};

	broker = broker_new(&limits, (struct hash_key){ 1, 2 });
	memset(logs, 0, sizeof(logs));
	for (int i = 0; i < n_members; i++)
		members[i] = broker_join(broker, "name", &sink, &logs[i]);
}

static void
leave(int i)
{
	broker_leave(broker, members[i]);
	members[i] = NULL;
}

static void
end(void)
{
	for (int i = 0; i < N_LOGS; i++)
		if (members[i] != NULL)
			leave(i);
	ck_assert_uint_eq(broker_n_members(broker), 0);
	ck_assert_uint_eq(topic_n_subscriptions(broker_topics(broker)), 0);
	broker_free(broker);
	blob_trim();
}

static struct topic_name
name(const char *s)
{
	return (struct topic_name){ .bytes = s, .len = strlen(s) };
}

static int
subscribe(int i, enum topic_kind kind, const char *topic)
{
	struct topic_name n = name(topic);

	return broker_subscribe(broker, members[i], kind, &n);
}

static void
unsubscribe(int i, enum topic_kind kind, const char *topic)
{
	struct topic_name n = name(topic);

	broker_unsubscribe(broker, members[i], kind, &n);
}

/* Publishes text to the topics, up to the first NULL. */
static void
publish(int from, const char *text, const char *one, const char *two)
{
	struct topic_name names[2] = { name(one), name(two ? two : "") };
	struct message_run run = { .n = 1 };

	run.bytes =
	    (struct slice){ blob_copy(text, strlen(text)), 0, strlen(text) };
	broker_publish(broker, members[from], names, two ? 2 : 1, &run);
	blob_unref(run.bytes.blob);
}

static void
expect(int i, const char *text)
{
	ck_assert_str_eq(logs[i].text, text);
	logs[i].text[0] = '\0';
}

TEST(a_message_reaches_who_has_subscribed_and_nobody_else)
{
	begin(3);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	publish(0, "hello", "t", NULL);
	publish(0, "lost", "u", NULL);
	expect(0, "");
	expect(1, "m:hello ");
	expect(2, "");
	ck_assert_uint_eq(broker_stats(broker)->n_published, 2);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 1);
	ck_assert_uint_eq(broker_stats(broker)->delivered_bytes, 5);
	end();
}

static const enum topic_kind kinds[] = { TOPIC_EXACT, TOPIC_PREFIX,
	TOPIC_MEMBER };

TEST_EACH(a_publisher_never_receives_its_own, kinds)
{
	begin(2);
	ck_assert_int_eq(subscribe(0, kinds[row], "t"), 0);
	logs[0].text[0] = '\0';
	publish(0, "own", "t", NULL);
	publish(0, "own", "t", "t");
	expect(0, "");
	end();
}

TEST(who_matches_several_times_gets_one_copy)
{
	begin(2);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "room"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_PREFIX, "ro"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_PREFIX, ""), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_MEMBER, "room"), 0);
	logs[1].text[0] = '\0';
	publish(0, "once", "room", NULL);
	expect(1, "m:once ");
	end();
}

TEST(several_topics_give_each_receiver_one_copy)
{
	begin(4);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(subscribe(2, TOPIC_EXACT, "b"), 0);
	ck_assert_int_eq(subscribe(3, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(subscribe(3, TOPIC_EXACT, "b"), 0);
	publish(0, "x", "a", "b");
	publish(0, "y", "a", "a");
	expect(1, "m:x m:y ");
	expect(2, "m:x ");
	expect(3, "m:x m:y ");
	end();
}

TEST(messages_keep_their_order)
{
	begin(2);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	publish(0, "1", "t", NULL);
	publish(0, "2", "t", "u");
	ck_assert_int_eq(subscribe(1, TOPIC_PREFIX, "t"), 0);
	publish(0, "3", "t", NULL);
	expect(1, "m:1 m:2 m:3 ");
	end();
}

TEST(a_subscription_is_in_force_and_over_at_once)
{
	begin(2);
	publish(0, "before", "t", NULL);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	publish(0, "within", "t", NULL);
	unsubscribe(1, TOPIC_EXACT, "t");
	publish(0, "after", "t", NULL);
	expect(1, "m:within ");
	end();
}

TEST(to_subscribe_again_or_unsubscribe_from_nothing_changes_nothing)
{
	begin(2);
	unsubscribe(1, TOPIC_EXACT, "t");
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_uint_eq(members[1]->topics.n_subs, 1);
	unsubscribe(1, TOPIC_PREFIX, "t");
	unsubscribe(1, TOPIC_MEMBER, "t");
	publish(0, "x", "t", NULL);
	expect(1, "m:x ");
	unsubscribe(1, TOPIC_EXACT, "t");
	publish(0, "y", "t", NULL);
	expect(1, "");
	end();
}

TEST(members_hear_who_joins_and_leaves_and_themselves)
{
	begin(3);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "t"), 0);
	expect(0, "j:t:1:1 ");
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(subscribe(2, TOPIC_MEMBER, "t"), 0);
	expect(0, "j:t:3:2 ");
	expect(1, "");
	expect(2, "j:t:3:2 ");
	leave(2);
	expect(0, "l:t:3:1 ");
	end();
}

TEST(to_join_twice_is_told_once)
{
	begin(1);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "t"), 0);
	expect(0, "j:t:1:1 ");
	end();
}

TEST(who_unsubscribes_as_a_member_has_left_and_may_still_listen)
{
	begin(2);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	logs[0].text[0] = logs[1].text[0] = '\0';
	unsubscribe(1, TOPIC_MEMBER, "t");
	expect(0, "l:t:2:1 ");
	expect(1, "");
	publish(0, "x", "t", NULL);
	expect(1, "m:x ");
	leave(1);
	expect(0, "");
	end();
}

TEST(who_goes_leaves_all_its_topics)
{
	begin(2);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "a"), 0);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, "b"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_MEMBER, "a"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_MEMBER, "b"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_MEMBER, "alone"), 0);
	logs[0].text[0] = '\0';
	leave(1);
	ck_assert_ptr_nonnull(strstr(logs[0].text, "l:a:2:1 "));
	ck_assert_ptr_nonnull(strstr(logs[0].text, "l:b:2:1 "));
	ck_assert_uint_eq(strlen(logs[0].text), 16);
	ck_assert_uint_eq(topic_n_exact(broker_topics(broker)), 2);
	end();
}

TEST(a_name_may_bring_its_hash)
{
	struct topic_name hashed = name("t");
	struct message_run run = { .n = 1 };

	begin(3);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	hashed.hash = broker_hash(broker, &hashed);
	broker_prefetch(broker, hashed.hash);
	broker_prefetch_entry(broker, hashed.hash);
	run.bytes = (struct slice){ blob_copy("hi", 2), 0, 2 };
	broker_publish(broker, members[0], &hashed, 1, &run);
	/* Whether prefixes are looked up or not. */
	ck_assert_int_eq(subscribe(2, TOPIC_PREFIX, ""), 0);
	broker_publish(broker, members[0], &hashed, 1, &run);
	blob_unref(run.bytes.blob);
	ck_assert_str_eq(logs[1].text, "m:hi m:hi ");
	ck_assert_str_eq(logs[2].text, "m:hi ");
	end();
}

TEST(a_topic_has_a_shortest_and_a_longest_length)
{
	struct topic_name empty = name(""), longest = name("0123456789abcdef"),
			  beyond = name("0123456789abcdefg");
	struct topic_name names[] = { longest, beyond, empty };

	begin(1);
	ck_assert_int_eq(
	    broker_check_topic(broker, &empty), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(broker_check_topic(broker, &longest), 0);
	ck_assert_int_eq(
	    broker_check_topic(broker, &beyond), BROKER_E_TOPIC_LONG);
	ck_assert_int_eq(
	    broker_check_topics(broker, NULL, 0), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(
	    broker_check_topics(broker, names, 2), BROKER_E_TOPIC_LONG);
	ck_assert_int_eq(broker_check_topics(broker, names, 1), 0);
	ck_assert_int_eq(subscribe(0, TOPIC_EXACT, ""), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(subscribe(0, TOPIC_MEMBER, ""), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(subscribe(0, TOPIC_PREFIX, ""), 0);
	ck_assert_int_eq(subscribe(0, TOPIC_PREFIX, "0123456789abcdefg"),
	    BROKER_E_TOPIC_LONG);
	end();
}

TEST(a_member_has_a_limit_of_subscriptions_and_no_other_feels_it)
{
	char topic[2] = "a";

	begin(2);
	for (; topic[0] < 'a' + 8; topic[0]++)
		ck_assert_int_eq(subscribe(0, TOPIC_EXACT, topic), 0);
	ck_assert_int_eq(
	    subscribe(0, TOPIC_EXACT, "z"), BROKER_E_SUBSCRIPTIONS);
	ck_assert_int_eq(subscribe(0, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "z"), 0);
	unsubscribe(0, TOPIC_EXACT, "a");
	ck_assert_int_eq(subscribe(0, TOPIC_EXACT, "z"), 0);
	end();
}

TEST(a_message_that_anybody_wants_is_not_unrouted)
{
	begin(3);
	ck_assert_int_eq(subscribe(1, TOPIC_PREFIX, "ro"), 0);
	ck_assert_int_eq(subscribe(2, TOPIC_EXACT, "room"), 0);
	publish(0, "by both", "room", NULL);
	publish(0, "by prefix", "row", NULL);
	publish(0, "by the second", "x", "room");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 0);
	publish(0, "by none", "x", NULL);
	publish(0, "by none", "x", "y");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 2);
	publish(2, "by itself alone", "room", "room");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 2);
	unsubscribe(1, TOPIC_PREFIX, "ro");
	publish(2, "by itself alone", "room", "room");
	publish(2, "by itself alone", "room", NULL);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 4);
	end();
}

TEST(what_the_sink_refuses_is_counted_and_the_others_get_theirs)
{
	begin(3);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(subscribe(2, TOPIC_EXACT, "t"), 0);
	logs[1].refuses = true;
	publish(0, "x", "t", NULL);
	expect(1, "");
	expect(2, "m:x ");
	ck_assert_uint_eq(broker_stats(broker)->n_refused, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 1);
	ck_assert_uint_eq(members[1]->stats.n_refused, 1);
	ck_assert_uint_eq(members[2]->stats.n_delivered, 1);
	ck_assert_uint_eq(members[0]->stats.n_published, 1);
	end();
}

TEST(a_run_counts_as_the_messages_that_it_holds)
{
	struct topic_name t = name("t");
	struct message_run run = { .n = 5 };

	begin(2);
	ck_assert_int_eq(subscribe(1, TOPIC_EXACT, "t"), 0);
	run.bytes = (struct slice){ blob_copy("abcde", 5), 0, 5 };
	broker_publish(broker, members[0], &t, 1, &run);
	blob_unref(run.bytes.blob);
	expect(1, "m:abcde ");
	ck_assert_uint_eq(broker_stats(broker)->n_published, 5);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 5);
	end();
}

TEST(ids_are_never_used_again)
{
	begin(2);
	ck_assert_uint_eq(members[1]->id, 2);
	leave(1);
	members[1] = broker_join(broker, "again", &sink, &logs[1]);
	ck_assert_uint_eq(members[1]->id, 3);
	end();
}

/*
 * The model: who has subscribed to what, in a plain table. Topics are strings
 * over a and b of 1 to 3 letters, prefixes of 0 to 2.
 */
static const char *const all_topics[] = { "a", "b", "aa", "ab", "ba", "bb",
	"aaa", "aab", "abb", "bba" };
static const char *const all_prefixes[] = { "", "a", "b", "aa", "ab", "bb" };

struct model {
	bool exact[N_ELEMENTS(all_topics)];
	bool member[N_ELEMENTS(all_topics)];
	bool prefix[N_ELEMENTS(all_prefixes)];
};

static struct model model[N_LOGS];

static bool
model_matches(const struct model *m, size_t topic)
{
	if (m->exact[topic] || m->member[topic])
		return true;
	for (size_t i = 0; i < N_ELEMENTS(all_prefixes); i++)
		if (m->prefix[i] && strncmp(all_topics[topic], all_prefixes[i],
					strlen(all_prefixes[i])) == 0)
			return true;
	return false;
}

static void
random_publish(struct random *random)
{
	uint32_t from = random_below(random, N_LOGS);
	size_t one = random_below(random, N_ELEMENTS(all_topics));
	size_t two = random_below(random, N_ELEMENTS(all_topics));
	bool several = random_below(random, 2) == 0;

	publish(
	    (int)from, "x", all_topics[one], several ? all_topics[two] : NULL);
	for (uint32_t i = 0; i < N_LOGS; i++) {
		bool wanted = i != from &&
			      (model_matches(&model[i], one) ||
				  (several && model_matches(&model[i], two)));

		ck_assert_str_eq(logs[i].text, wanted ? "m:x " : "");
		logs[i].text[0] = '\0';
	}
}

static void
random_change(struct random *random)
{
	uint32_t i = random_below(random, N_LOGS);
	enum topic_kind kind = kinds[random_below(random, 3)];
	size_t n = kind == TOPIC_PREFIX ? N_ELEMENTS(all_prefixes)
					: N_ELEMENTS(all_topics);
	size_t k = random_below(random, (uint32_t)n);
	bool on = random_below(random, 2) == 0;
	const char *topic =
	    kind == TOPIC_PREFIX ? all_prefixes[k] : all_topics[k];

	if (on)
		ck_assert_int_eq(subscribe((int)i, kind, topic), 0);
	else
		unsubscribe((int)i, kind, topic);
	if (kind == TOPIC_EXACT)
		model[i].exact[k] = on;
	else if (kind == TOPIC_MEMBER)
		model[i].member[k] = on;
	else
		model[i].prefix[k] = on;
}

static void
random_comeback(struct random *random)
{
	uint32_t i = random_below(random, N_LOGS);

	leave((int)i);
	memset(&model[i], 0, sizeof(model[i]));
	members[i] = broker_join(broker, "name", &sink, &logs[i]);
}

static void
forget_presence(void)
{
	for (int i = 0; i < N_LOGS; i++)
		logs[i].text[0] = '\0';
}

TEST(random_operations_agree_with_the_model)
{
	const struct broker_limits limits = {
		.topic_max_bytes = 16,
		.subscriptions_max = 100,
	};
	struct random random = { 20261123 };

	begin(N_LOGS);
	broker_set_limits(broker, &limits);
	memset(model, 0, sizeof(model));
	for (int step = 0; step < 200000; step++) {
		switch (random_below(&random, 16)) {
		case 0:
			random_comeback(&random);
			break;
		case 1 ... 7:
			random_change(&random);
			break;
		default:
			random_publish(&random);
			break;
		}
		forget_presence();
	}
	end();
}
