#include "core/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/rig/members.h"

TEST(a_message_reaches_who_has_subscribed_and_nobody_else)
{
	members_begin_with(3);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	member_publish(0, "hello", "t", NULL);
	member_publish(0, "lost", "u", NULL);
	expect(0, "");
	expect(1, " m:hello");
	expect(2, "");
	ck_assert_uint_eq(broker_stats(broker)->n_published, 2);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 1);
	ck_assert_uint_eq(broker_stats(broker)->delivered_bytes, 5);
	members_end();
}

static const enum topic_kind kinds[] = { TOPIC_EXACT, TOPIC_PREFIX,
	TOPIC_MEMBER };

TEST_EACH(a_publisher_never_receives_its_own, kinds)
{
	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(0, kinds[row], "t"), 0);
	logs[0][0] = '\0';
	member_publish(0, "own", "t", NULL);
	member_publish(0, "own", "t", "t");
	expect(0, "");
	members_end();
}

TEST(who_matches_several_times_gets_one_copy)
{
	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "room"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_PREFIX, "ro"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_PREFIX, ""), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_MEMBER, "room"), 0);
	logs[1][0] = '\0';
	member_publish(0, "once", "room", NULL);
	expect(1, " m:once");
	members_end();
}

TEST(several_topics_give_each_receiver_one_copy)
{
	members_begin_with(4);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(try_subscribe(2, TOPIC_EXACT, "b"), 0);
	ck_assert_int_eq(try_subscribe(3, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(try_subscribe(3, TOPIC_EXACT, "b"), 0);
	member_publish(0, "x", "a", "b");
	member_publish(0, "y", "a", "a");
	expect(1, " m:x m:y");
	expect(2, " m:x");
	expect(3, " m:x m:y");
	members_end();
}

TEST(messages_keep_their_order)
{
	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	member_publish(0, "1", "t", NULL);
	member_publish(0, "2", "t", "u");
	ck_assert_int_eq(try_subscribe(1, TOPIC_PREFIX, "t"), 0);
	member_publish(0, "3", "t", NULL);
	expect(1, " m:1 m:2 m:3");
	members_end();
}

TEST(a_subscription_is_in_force_and_over_at_once)
{
	members_begin_with(2);
	member_publish(0, "before", "t", NULL);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	member_publish(0, "within", "t", NULL);
	unsubscribe(1, TOPIC_EXACT, "t");
	member_publish(0, "after", "t", NULL);
	expect(1, " m:within");
	members_end();
}

TEST(to_subscribe_again_or_unsubscribe_from_nothing_changes_nothing)
{
	members_begin_with(2);
	unsubscribe(1, TOPIC_EXACT, "t");
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_uint_eq(members[1]->topics.n_subs, 1);
	unsubscribe(1, TOPIC_PREFIX, "t");
	unsubscribe(1, TOPIC_MEMBER, "t");
	member_publish(0, "x", "t", NULL);
	expect(1, " m:x");
	unsubscribe(1, TOPIC_EXACT, "t");
	member_publish(0, "y", "t", NULL);
	expect(1, "");
	members_end();
}

TEST(members_hear_who_joins_and_leaves_and_themselves)
{
	members_begin_with(3);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "t"), 0);
	expect(0, " j0:t=1");
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(try_subscribe(2, TOPIC_MEMBER, "t"), 0);
	expect(0, " j2:t=2");
	expect(1, "");
	expect(2, " j2:t=2");
	leave(2);
	expect(0, " l2:t=1");
	members_end();
}

TEST(to_join_twice_is_told_once)
{
	members_begin_with(1);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "t"), 0);
	expect(0, " j0:t=1");
	members_end();
}

TEST(who_unsubscribes_as_a_member_has_left_and_may_still_listen)
{
	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	logs[0][0] = logs[1][0] = '\0';
	unsubscribe(1, TOPIC_MEMBER, "t");
	expect(0, " l1:t=1");
	expect(1, "");
	member_publish(0, "x", "t", NULL);
	expect(1, " m:x");
	leave(1);
	expect(0, "");
	members_end();
}

TEST(who_goes_leaves_all_its_topics)
{
	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "a"), 0);
	ck_assert_int_eq(try_subscribe(0, TOPIC_MEMBER, "b"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_MEMBER, "a"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_MEMBER, "b"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_MEMBER, "alone"), 0);
	logs[0][0] = '\0';
	leave(1);
	ck_assert_ptr_nonnull(strstr(logs[0], " l1:a=1"));
	ck_assert_ptr_nonnull(strstr(logs[0], " l1:b=1"));
	ck_assert_uint_eq(strlen(logs[0]), strlen(" l1:a=1 l1:b=1"));
	ck_assert_uint_eq(topic_n_exact(broker_topics(broker)), 2);
	members_end();
}

static size_t
n_subscriptions(void)
{
	return topic_n_subscriptions(broker_topics(broker));
}

TEST(a_member_that_has_left_in_part_receives_nothing_and_owes_nothing)
{
	members_begin_with(3);
	subscribe("012", TOPIC_MEMBER, "t");
	subscribe("02", TOPIC_EXACT, "e");
	ck_assert_int_eq(ask(1, 1, GATHER_LIST, " t"), 0);
	expect(0, " q1:t:?");
	yes(2, 1, "two");
	expect(2, " q1:t:?");
	ck_assert(leave_some(0, 0));
	ck_assert_uint_eq(broker_n_members(broker), 2);
	expect(1, " r1:complete:1/2:left.0:two");
	member_publish(1, "x", "t", "e");
	expect(2, " m:x");
	ck_assert_int_eq(ask(1, 2, GATHER_LIST, " t"), 0);
	no(2, 2);
	expect(1, " r2:complete:1/1::");
	expect(2, " q2:t:?");
	ck_assert_uint_eq(n_subscriptions(), 5);
	ck_assert(!broker_release(broker, UINT32_MAX));
	ck_assert_uint_eq(n_subscriptions(), 3);
	expect(1, " l0:t=2");
	expect(2, " l0:t=2");
	expect_silence();
	members_end();
}

TEST(a_message_that_only_one_that_has_left_would_get_is_unrouted)
{
	members_begin_with(2);
	subscribe("1", TOPIC_EXACT, "t");
	ck_assert(leave_some(1, 0));
	member_publish(0, "x", "t", NULL);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 0);
	members_end();
}

TEST(memberships_end_first_and_in_the_first_steps)
{
	members_begin_with(2);
	subscribe("0", TOPIC_EXACT, "a");
	subscribe("01", TOPIC_MEMBER, "t");
	subscribe("0", TOPIC_EXACT, "b");
	ck_assert(leave_some(0, 1));
	expect(1, " l0:t=1");
	ck_assert_uint_eq(n_subscriptions(), 3);
	ck_assert(broker_release(broker, 1));
	ck_assert_uint_eq(n_subscriptions(), 2);
	ck_assert(!broker_release(broker, 1));
	ck_assert_uint_eq(n_subscriptions(), 1);
	members_end();
}

TEST(each_receiver_of_presence_is_a_step)
{
	members_begin_with(6);
	subscribe("012345", TOPIC_MEMBER, "t");
	subscribe("012345", TOPIC_MEMBER, "u");
	subscribe("012345", TOPIC_MEMBER, "v");
	ck_assert(leave_some(0, 7)); /* one topic takes six */
	ck_assert_uint_eq(n_subscriptions(), 16);
	ck_assert(!broker_release(broker, 12));
	ck_assert_uint_eq(n_subscriptions(), 15);
	members_end();
}

TEST(one_that_comes_again_at_once_is_another_member)
{
	members_begin_with(2);
	subscribe("01", TOPIC_MEMBER, "t");
	ck_assert(leave_some(0, 0));
	member_join(0);
	ck_assert_int_eq(try_subscribe(0, TOPIC_EXACT, "t"), 0);
	expect(1, " l0:t=1");
	member_publish(1, "x", "t", NULL);
	expect(0, " m:x");
	members_end();
}

/* Else the topics of those that have left could fill the memory. */
TEST(a_new_subscription_ends_two_of_those_that_have_left)
{
	members_begin_with(2);
	subscribe("0", TOPIC_EXACT, "a");
	subscribe("0", TOPIC_EXACT, "b");
	subscribe("0", TOPIC_EXACT, "c");
	ck_assert(leave_some(0, 0));
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "d"), 0);
	ck_assert_uint_eq(n_subscriptions(), 2);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "e"), 0);
	ck_assert_uint_eq(n_subscriptions(), 2);
	ck_assert(!broker_release(broker, 0));
	members_end();
}

TEST(a_name_may_bring_its_hash)
{
	struct topic_name hashed = name_of("t");
	struct message_run run = { .n = 1 };

	members_begin_with(3);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	hashed.hash = broker_hash(broker, &hashed);
	broker_prefetch(broker, hashed.hash);
	broker_prefetch_entry(broker, hashed.hash);
	run.bytes = (struct slice){ blob_copy("hi", 2), 0, 2 };
	broker_publish(broker, members[0], &hashed, 1, &run);
	/* Whether prefixes are looked up or not. */
	ck_assert_int_eq(try_subscribe(2, TOPIC_PREFIX, ""), 0);
	broker_publish(broker, members[0], &hashed, 1, &run);
	blob_unref(run.bytes.blob);
	ck_assert_str_eq(logs[1], " m:hi m:hi");
	ck_assert_str_eq(logs[2], " m:hi");
	members_end();
}

TEST(a_topic_has_a_shortest_and_a_longest_length)
{
	struct topic_name empty = name_of(""),
			  longest = name_of("0123456789abcdef"),
			  beyond = name_of("0123456789abcdefg");
	struct topic_name names[] = { longest, beyond, empty };

	members_begin_with(1);
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
	ck_assert_int_eq(
	    try_subscribe(0, TOPIC_EXACT, ""), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(
	    try_subscribe(0, TOPIC_MEMBER, ""), BROKER_E_TOPIC_EMPTY);
	ck_assert_int_eq(try_subscribe(0, TOPIC_PREFIX, ""), 0);
	ck_assert_int_eq(try_subscribe(0, TOPIC_PREFIX, "0123456789abcdefg"),
	    BROKER_E_TOPIC_LONG);
	members_end();
}

TEST(a_member_has_a_limit_of_subscriptions_and_no_other_feels_it)
{
	char topic[2] = "a";

	members_begin_with(2);
	for (; topic[0] < 'a' + 8; topic[0]++)
		ck_assert_int_eq(try_subscribe(0, TOPIC_EXACT, topic), 0);
	ck_assert_int_eq(
	    try_subscribe(0, TOPIC_EXACT, "z"), BROKER_E_SUBSCRIPTIONS);
	ck_assert_int_eq(try_subscribe(0, TOPIC_EXACT, "a"), 0);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "z"), 0);
	unsubscribe(0, TOPIC_EXACT, "a");
	ck_assert_int_eq(try_subscribe(0, TOPIC_EXACT, "z"), 0);
	members_end();
}

#define N_CROWD 500

static enum sink_verdict
count_message(struct member *to, const struct message_run *run)
{
	(void)run;
	++*(size_t *)to->user;
	return SINK_QUEUED;
}

/* A topic that is named several times is looked at as often. */
static void
expect_walks(size_t n_fit)
{
	static struct topic_name names[4096];

	for (size_t i = 0; i <= n_fit; i++)
		names[i] = name_of("t");
	ck_assert_int_eq(broker_check_walk(broker, names, n_fit), 0);
	ck_assert_int_eq(
	    broker_check_walk(broker, names, n_fit + 1), BROKER_E_WALK);
	ck_assert_int_eq(broker_open_request(broker, members[0],
			     &(struct broker_request){
				 .ask_id = 1,
				 .to_subscribers = true,
				 .topics = names,
				 .n_topics = n_fit + 1,
			     },
			     now),
	    BROKER_E_WALK);
	for (size_t i = 0; i <= n_fit; i++)
		names[i] = name_of("none");
	ck_assert_int_eq(broker_check_walk(broker, names, n_fit + 1), 0);
}

TEST(a_message_looks_at_so_many_subscriptions_and_no_more)
{
	const struct broker_sink counting = { .message = count_message };
	static struct member *crowd[N_CROWD];
	struct topic_name name = name_of("t"), every = name_of("");
	size_t n = 0;

	members_begin_with(1);
	for (int i = 0; i < N_CROWD; i++) {
		crowd[i] = broker_join(broker, "c", &counting, &n);
		ck_assert_int_eq(
		    broker_subscribe(broker, crowd[i], TOPIC_EXACT, &name), 0);
	}
	expect_walks(BROKER_WALK_MAX / N_CROWD);
	for (int i = 0; i < N_CROWD; i++)
		ck_assert_int_eq(
		    broker_subscribe(broker, crowd[i], TOPIC_PREFIX, &every),
		    0);
	expect_walks(BROKER_WALK_MAX / (2 * N_CROWD));
	for (int i = 0; i < N_CROWD; i++)
		broker_leave(broker, crowd[i], 1); /* the prefix */
	expect_walks(BROKER_WALK_MAX / N_CROWD);
	ck_assert_uint_eq(n, 0);
	members_end();
}

TEST(a_message_that_anybody_wants_is_not_unrouted)
{
	members_begin_with(3);
	ck_assert_int_eq(try_subscribe(1, TOPIC_PREFIX, "ro"), 0);
	ck_assert_int_eq(try_subscribe(2, TOPIC_EXACT, "room"), 0);
	member_publish(0, "by both", "room", NULL);
	member_publish(0, "by prefix", "row", NULL);
	member_publish(0, "by the second", "x", "room");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 0);
	member_publish(0, "by none", "x", NULL);
	member_publish(0, "by none", "x", "y");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 2);
	member_publish(2, "by itself alone", "room", "room");
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 2);
	unsubscribe(1, TOPIC_PREFIX, "ro");
	member_publish(2, "by itself alone", "room", "room");
	member_publish(2, "by itself alone", "room", NULL);
	ck_assert_uint_eq(broker_stats(broker)->n_unrouted, 4);
	members_end();
}

TEST(what_the_sink_refuses_is_counted_and_the_others_get_theirs)
{
	members_begin_with(3);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(try_subscribe(2, TOPIC_EXACT, "t"), 0);
	refuses[1] = true;
	member_publish(0, "x", "t", NULL);
	expect(1, "");
	expect(2, " m:x");
	ck_assert_uint_eq(broker_stats(broker)->n_refused, 1);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 1);
	ck_assert_uint_eq(members[1]->stats.n_refused, 1);
	ck_assert_uint_eq(members[2]->stats.n_delivered, 1);
	ck_assert_uint_eq(members[0]->stats.n_published, 1);
	members_end();
}

TEST(a_run_counts_as_the_messages_that_it_holds)
{
	struct topic_name t = name_of("t");
	struct message_run run = { .n = 5 };

	members_begin_with(2);
	ck_assert_int_eq(try_subscribe(1, TOPIC_EXACT, "t"), 0);
	run.bytes = (struct slice){ blob_copy("abcde", 5), 0, 5 };
	broker_publish(broker, members[0], &t, 1, &run);
	blob_unref(run.bytes.blob);
	expect(1, " m:abcde");
	ck_assert_uint_eq(broker_stats(broker)->n_published, 5);
	ck_assert_uint_eq(broker_stats(broker)->n_delivered, 5);
	members_end();
}

TEST(ids_are_never_used_again)
{
	members_begin_with(2);
	ck_assert_uint_eq(members[1]->id, 2);
	leave(1);
	member_join(1);
	ck_assert_uint_eq(members[1]->id, 3);
	members_end();
}

/*
 * The model: all subscriptions in a plain table. Topics are strings
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

static struct model model[N_MEMBERS];

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
	uint32_t from = random_below(random, N_MEMBERS);
	size_t one = random_below(random, N_ELEMENTS(all_topics));
	size_t two = random_below(random, N_ELEMENTS(all_topics));
	bool several = random_below(random, 2) == 0;

	member_publish(
	    (int)from, "x", all_topics[one], several ? all_topics[two] : NULL);
	for (uint32_t i = 0; i < N_MEMBERS; i++) {
		bool wanted = i != from &&
			      (model_matches(&model[i], one) ||
				  (several && model_matches(&model[i], two)));

		ck_assert_str_eq(logs[i], wanted ? " m:x" : "");
		logs[i][0] = '\0';
	}
}

static void
random_change(struct random *random)
{
	uint32_t i = random_below(random, N_MEMBERS);
	enum topic_kind kind = kinds[random_below(random, 3)];
	size_t n = kind == TOPIC_PREFIX ? N_ELEMENTS(all_prefixes)
					: N_ELEMENTS(all_topics);
	size_t k = random_below(random, (uint32_t)n);
	bool on = random_below(random, 2) == 0;
	const char *topic =
	    kind == TOPIC_PREFIX ? all_prefixes[k] : all_topics[k];

	if (on)
		ck_assert_int_eq(try_subscribe((int)i, kind, topic), 0);
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
	uint32_t i = random_below(random, N_MEMBERS);

	leave((int)i);
	memset(&model[i], 0, sizeof(model[i]));
	member_join((int)i);
}

static void
forget_presence(void)
{
	for (int i = 0; i < N_MEMBERS; i++)
		logs[i][0] = '\0';
}

TEST(random_operations_agree_with_the_model)
{
	const struct broker_limits limits = {
		.topic_max_bytes = 16,
		.subscriptions_max = 100,
	};
	struct random random = { 20261123 };

	members_begin_with(N_MEMBERS);
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
	members_end();
}
