#include "core/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/topics.h"

TEST_EACH(a_subscription_is_there_once_and_goes_once, kinds)
{
	enum topic_kind kind = kinds[row];

	begin();
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_int_eq(subscribe(&a, kind, "t"), 0);
	ck_assert_int_eq(subscribe(&a, kind, "t"), TOPIC_E_ALREADY);
	ck_assert_uint_eq(a.n_subs, 1);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 1);
	ck_assert_ptr_nonnull(find_subscribed(&a, kind, "t"));
	ck_assert_ptr_null(find_subscribed(&b, kind, "t"));
	ck_assert_int_eq(unsubscribe(&b, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), 0);
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_ptr_null(find_subscribed(&a, kind, "t"));
	ck_assert_uint_eq(a.n_subs, 0);
	end();
}

TEST(the_three_kinds_come_and_go_each_by_itself)
{
	begin();
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
		ck_assert_int_eq(subscribe(&a, kinds[i], "t"), 0);
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
		ck_assert_int_eq(unsubscribe(&a, kinds[i], "t"), 0);
		for (size_t k = 0; k < N_ELEMENTS(kinds); k++)
			ck_assert_int_eq(
			    find_subscribed(&a, kinds[k], "t") != NULL, k > i);
	}
	end();
}

TEST(exact_and_member_share_a_subscription_and_a_prefix_has_its_own)
{
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "t"), 0);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 1);
	ck_assert_uint_eq(topic_n_exact(reg), 1);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "t"), 0);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 2);
	ck_assert_uint_eq(topic_n_prefixes(reg), 1);
	end();
}

TEST(members_are_counted_and_listeners_are_not)
{
	struct topic *topic;

	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "t"), 0);
	topic = find("t");
	ck_assert_uint_eq(topic->n_members, 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_MEMBER, "t"), 0);
	ck_assert_uint_eq(topic->n_members, 2);
	ck_assert_uint_eq(topic->n_subs, 2);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_MEMBER, "t"), 0);
	ck_assert_uint_eq(topic->n_members, 1);
	ck_assert_uint_eq(topic->n_subs, 2);
	topic_owner_fini(reg, &b);
	ck_assert_uint_eq(topic->n_members, 0);
	ck_assert_uint_eq(topic->n_subs, 1);
	end();
}

TEST(a_topic_appears_with_its_first_subscription_and_goes_with_its_last)
{
	struct topic *topic = NULL;

	begin();
	ck_assert_ptr_null(find("t"));
	ck_assert_int_eq(
	    subscribe_bytes(&a, TOPIC_EXACT, "tail", 1, &topic), 0);
	ck_assert_ptr_eq(find("t"), topic);
	ck_assert_str_eq(topic->name, "t");
	ck_assert_uint_eq(topic->len, 1);
	ck_assert_uint_eq(topic->hash, (uint32_t)hash_bytes(&key, "t", 1));
	ck_assert(!topic->is_prefix);
	ck_assert_int_eq(subscribe(&b, TOPIC_MEMBER, "t"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_EXACT, "t"), 0);
	ck_assert_ptr_eq(find("t"), topic);
	ck_assert_int_eq(unsubscribe(&b, TOPIC_MEMBER, "t"), 0);
	ck_assert_ptr_null(find("t"));
	end();
}

TEST(subscribing_again_gives_the_same_topic)
{
	struct topic *first = NULL, *second = NULL;

	begin();
	ck_assert_int_eq(subscribe_bytes(&a, TOPIC_EXACT, "t", 1, &first), 0);
	ck_assert_int_eq(
	    subscribe_bytes(&a, TOPIC_EXACT, "t", 1, &second), TOPIC_E_ALREADY);
	ck_assert_ptr_eq(first, second);
	end();
}

TEST(a_lookup_in_steps_finds_what_a_lookup_finds)
{
	char name[16];

	begin();
	for (int i = 0; i < 500; i += 2) {
		snprintf(name, sizeof(name), "t%d", i);
		ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, name), 0);
	}
	for (int i = 0; i < 500; i++) {
		uint32_t hash;

		snprintf(name, sizeof(name), "t%d", i);
		hash = topic_hash(reg, name, strlen(name));
		ck_assert_uint_ne(hash, 0);
		topic_prefetch(reg, hash);
		topic_prefetch_entry(reg, hash);
		topic_prefetch_subs(reg, hash);
		ck_assert_ptr_eq(
		    topic_find_hashed(reg, hash, name, strlen(name)),
		    find(name));
		ck_assert(!find(name) == (i % 2 == 1));
	}
	end();
}

TEST(names_are_bytes_with_a_length)
{
	begin();
	ck_assert_int_eq(subscribe_bytes(&a, TOPIC_EXACT, "a\0b", 3, NULL), 0);
	ck_assert_ptr_null(topic_find(reg, "a", 1));
	ck_assert_ptr_null(topic_find(reg, "a\0c", 3));
	ck_assert_ptr_null(topic_find(reg, "a\0", 2));
	ck_assert_ptr_nonnull(topic_find(reg, "a\0b", 3));
	end();
}

TEST(the_longest_name_is_taken)
{
	char *name = malloc(TOPIC_NAME_MAX);

	memset(name, 'x', TOPIC_NAME_MAX);
	begin();
	ck_assert_int_eq(
	    subscribe_bytes(&a, TOPIC_PREFIX, name, TOPIC_NAME_MAX, NULL), 0);
	ck_assert_int_eq(
	    subscribe_bytes(&a, TOPIC_EXACT, name, TOPIC_NAME_MAX, NULL), 0);
	ck_assert_ptr_nonnull(topic_find(reg, name, TOPIC_NAME_MAX));
	ck_assert_ptr_null(topic_find(reg, name, TOPIC_NAME_MAX - 1));
	end();
	free(name);
}

TEST(to_end_an_owner_twice_is_fine)
{
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "t"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "t"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_EXACT, "t"), 0);
	topic_owner_fini(reg, &a);
	topic_owner_fini(reg, &a);
	ck_assert_uint_eq(a.n_subs, 0);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 1);
	ck_assert_uint_eq(find("t")->n_subs, 1);
	end();
}

TEST_ABORTS(a_registry_in_use_can_not_be_ended)
{
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "t"), 0);
	topic_registry_free(reg);
}

/* The prefixes that name begins with, each behind a blank, shortest first. */
static const char *
prefixes_of(const char *name)
{
	static char out[256];
	struct topic_prefixes walk;
	struct topic *topic;
	size_t at = 0;

	out[0] = '\0';
	topic_prefixes_begin(&walk, reg, name, strlen(name));
	while ((topic = topic_prefixes_next(&walk)) != NULL) {
		ck_assert(topic->is_prefix);
		at += (size_t)snprintf(
		    out + at, sizeof(out) - at, " %s", topic->name);
	}
	return out;
}

TEST(every_prefix_of_a_name_is_found_and_no_other)
{
	begin();
	ck_assert(!topic_has_prefixes(reg));
	ck_assert_str_eq(prefixes_of("room"), "");
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "room"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "r"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_PREFIX, "roomy"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_PREFIX, "ra"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_EXACT, "roo"), 0);
	ck_assert(topic_has_prefixes(reg));
	ck_assert_str_eq(prefixes_of("room1"), " r room");
	ck_assert_str_eq(prefixes_of("room"), " r room");
	ck_assert_str_eq(prefixes_of("roomy"), " r room roomy");
	ck_assert_str_eq(prefixes_of("rat"), " r ra");
	ck_assert_str_eq(prefixes_of("x"), "");
	ck_assert_str_eq(prefixes_of(""), "");
	ck_assert_ptr_null(find("room"));
	end();
}

TEST(the_empty_prefix_matches_every_name)
{
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, ""), 0);
	ck_assert(topic_has_prefixes(reg));
	ck_assert_str_eq(prefixes_of("room"), " ");
	ck_assert_str_eq(prefixes_of(""), " ");
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, ""), 0);
	ck_assert(!topic_has_prefixes(reg));
	ck_assert_str_eq(prefixes_of("room"), "");
	end();
}

TEST(a_length_is_searched_until_its_last_prefix_has_gone)
{
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "ab"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "cd"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "a"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "abc"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "cd"), 0);
	ck_assert_str_eq(prefixes_of("abcd"), " a ab abc");
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "ab"), 0);
	ck_assert_str_eq(prefixes_of("abcd"), " a abc");
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "abc"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "a"), 0);
	ck_assert(!topic_has_prefixes(reg));
	end();
}

/* Subscribes owner to prefixes of the next lengths until one is refused; gives
 * how many were taken. */
static size_t
take_lengths(struct topic_owner *owner, size_t from)
{
	char name[2 * TOPIC_LENGTHS_MAX];
	size_t n = 0;

	memset(name, 'x', sizeof(name));
	while (subscribe_bytes(owner, TOPIC_PREFIX, name, from + n, NULL) == 0)
		n++;
	return n;
}

TEST(no_owner_can_use_up_the_lengths_of_prefixes)
{
	static const size_t shares[] = { 32, 16, 8, 4, 2, 1, 1, 0 };
	struct topic_owner owners[N_ELEMENTS(shares)];
	size_t n = 0;

	begin();
	for (size_t i = 0; i < N_ELEMENTS(shares); i++) {
		topic_owner_init(&owners[i]);
		ck_assert_uint_eq(take_lengths(&owners[i], n), shares[i]);
		n += shares[i];
	}
	ck_assert_uint_eq(topic_n_prefixes(reg), TOPIC_LENGTHS_MAX);
	ck_assert_uint_eq(topic_n_lengths_left(reg), 0);
	for (size_t i = 0; i < N_ELEMENTS(shares); i++)
		topic_owner_fini(reg, &owners[i]);
	ck_assert_uint_eq(topic_n_lengths_left(reg), TOPIC_LENGTHS_MAX);
	end();
}

TEST(a_length_that_is_there_costs_nothing_and_one_that_goes_is_free_again)
{
	begin();
	ck_assert_uint_eq(take_lengths(&a, 0), 32);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "yyy"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "yyy"), 0);
	ck_assert_uint_eq(topic_owner_n_lengths(&a), 32);
	/* Those of the other, and exact names, are not limited. */
	ck_assert_int_eq(subscribe(&b, TOPIC_PREFIX, "yyy"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_PREFIX, "xxx"), 0);
	ck_assert_uint_eq(topic_owner_n_lengths(&b), 1);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_PREFIX, "xxx"), 0);
	ck_assert_uint_eq(topic_owner_n_lengths(&a), 31);
	ck_assert_int_eq(
	    subscribe_bytes(&a, TOPIC_PREFIX,
		"0123456789012345678901234567890123456789", 40, NULL),
	    0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "zzz"), 0);
	end();
}

static void
count_topic(const struct topic *topic, void *arg)
{
	size_t *n = arg;

	/* Exact ones come first. */
	ck_assert(topic->is_prefix || n[1] == 0);
	n[topic->is_prefix]++;
}

TEST(each_topic_is_visited_once_exact_ones_first)
{
	struct topic_walk walk = { 0 };
	size_t n[2] = { 0, 0 };
	char name[16];

	begin();
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, name), 0);
		ck_assert_int_eq(subscribe(&b, TOPIC_MEMBER, name), 0);
		if (i % 4 == 0)
			ck_assert_int_eq(subscribe(&b, TOPIC_PREFIX, name), 0);
	}
	while (topic_walk(reg, &walk, count_topic, n))
		;
	ck_assert(!topic_walk(reg, &walk, count_topic, n));
	ck_assert_uint_eq(n[0], 1000);
	ck_assert_uint_eq(n[1], 250);
	end();
}

TEST(memberships_and_prefixes_go_first_and_say_who_is_still_a_member)
{
	struct topic *topic, *shared;

	begin();
	ck_assert(!topic_owner_pop(reg, &a, &topic));
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "alone"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "shared"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_MEMBER, "shared"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "heard"), 0);
	ck_assert_int_eq(subscribe(&b, TOPIC_MEMBER, "heard"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "joined"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "joined"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_EXACT, "joined"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, "left"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_MEMBER, "left"), 0);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_MEMBER, "left"), 0);
	ck_assert_int_eq(subscribe(&a, TOPIC_PREFIX, "pre"), 0);
	ck_assert_uint_eq(a.n_first, 4);
	shared = find("shared");
	ck_assert_uint_eq(topic_n_prefixes(reg), 1);
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_null(topic);
	ck_assert_uint_eq(topic_n_prefixes(reg), 0);
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_null(topic);
	ck_assert_ptr_null(find("joined"));
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_eq(topic, shared);
	ck_assert_uint_eq(topic->n_members, 1);
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_null(topic);
	ck_assert_ptr_null(find("alone"));
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_null(topic);
	ck_assert_uint_eq(find("heard")->n_subs + (find("left") != NULL), 2);
	ck_assert(topic_owner_pop(reg, &a, &topic));
	ck_assert_ptr_null(topic);
	ck_assert_uint_eq(find("heard")->n_members, 1);
	ck_assert_ptr_null(find("left"));
	ck_assert(!topic_owner_pop(reg, &a, &topic));
	end();
}
