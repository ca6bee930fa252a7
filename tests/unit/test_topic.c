#include "core/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct hash_key key = { 11, 22 };

static struct topic_registry *reg;
static struct topic_owner a, b;

static void
begin(void)
{
	reg = topic_registry_new(key);
	topic_owner_init(&a);
	topic_owner_init(&b);
}

static void
end(void)
{
	topic_owner_fini(reg, &a);
	topic_owner_fini(reg, &b);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 0);
	ck_assert_uint_eq(topic_n_exact(reg), 0);
	ck_assert_uint_eq(topic_n_prefixes(reg), 0);
	topic_registry_free(reg);
}

static int
subscribe(struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	return topic_subscribe(reg, owner, kind, name, strlen(name), NULL);
}

static int
unsubscribe(struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	return topic_unsubscribe(reg, owner, kind, name, strlen(name));
}

static struct topic *
find(const char *name)
{
	return topic_find(reg, name, strlen(name));
}

static struct subscription *
find_subscription(
    struct topic_owner *owner, enum topic_kind kind, const char *name)
{
	return topic_find_subscription(reg, owner, kind, name, strlen(name));
}

static const enum topic_kind kinds[] = { TOPIC_EXACT, TOPIC_MEMBER,
	TOPIC_PREFIX };

TEST_EACH(a_subscription_is_there_once_and_goes_once, kinds)
{
	enum topic_kind kind = kinds[row];

	begin();
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_int_eq(subscribe(&a, kind, "t"), 0);
	ck_assert_int_eq(subscribe(&a, kind, "t"), TOPIC_E_ALREADY);
	ck_assert_uint_eq(a.n_subs, 1);
	ck_assert_uint_eq(topic_n_subscriptions(reg), 1);
	ck_assert_ptr_nonnull(find_subscription(&a, kind, "t"));
	ck_assert_ptr_null(find_subscription(&b, kind, "t"));
	ck_assert_int_eq(unsubscribe(&b, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), 0);
	ck_assert_int_eq(unsubscribe(&a, kind, "t"), TOPIC_E_ABSENT);
	ck_assert_ptr_null(find_subscription(&a, kind, "t"));
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
			    find_subscription(&a, kinds[k], "t") != NULL,
			    k > i);
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
	    topic_subscribe(reg, &a, TOPIC_EXACT, "tail", 1, &topic), 0);
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
	ck_assert_int_eq(
	    topic_subscribe(reg, &a, TOPIC_EXACT, "t", 1, &first), 0);
	ck_assert_int_eq(topic_subscribe(reg, &a, TOPIC_EXACT, "t", 1, &second),
	    TOPIC_E_ALREADY);
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
	ck_assert_int_eq(
	    topic_subscribe(reg, &a, TOPIC_EXACT, "a\0b", 3, NULL), 0);
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
	    topic_subscribe(reg, &a, TOPIC_PREFIX, name, TOPIC_NAME_MAX, NULL),
	    0);
	ck_assert_int_eq(
	    topic_subscribe(reg, &a, TOPIC_EXACT, name, TOPIC_NAME_MAX, NULL),
	    0);
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
	size_t cursor = 0, at = 0;
	struct topic *topic;

	out[0] = '\0';
	while ((topic = topic_next_prefix(reg, name, strlen(name), &cursor)) !=
	       NULL) {
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
	topic_for_each(reg, count_topic, n);
	ck_assert_uint_eq(n[0], 1000);
	ck_assert_uint_eq(n[1], 250);
	end();
}

#define N_MANY 100000

/* A name of its own for each i, in a buffer that the next call takes. */
static const char *
many(uint32_t i)
{
	static char name[32];

	snprintf(name, sizeof(name), "socket.io#/#room%u#", i);
	return name;
}

static void
shuffle(uint32_t *order, uint32_t n)
{
	struct random random = { 99 };

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t k = random_below(&random, i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

TEST(a_hundred_thousand_topics_come_and_go_in_any_order)
{
	uint32_t *order = calloc(N_MANY, sizeof(*order));

	begin();
	shuffle(order, N_MANY);
	for (uint32_t i = 0; i < N_MANY; i++)
		ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, many(i)), 0);
	ck_assert_uint_eq(topic_n_exact(reg), N_MANY);
	for (uint32_t i = 0; i < N_MANY; i++)
		ck_assert_str_eq(find(many(i))->name, many(i));
	for (uint32_t i = 0; i < N_MANY; i++) {
		ck_assert_int_eq(
		    unsubscribe(&a, TOPIC_EXACT, many(order[i])), 0);
		ck_assert_ptr_null(find(many(order[i])));
		if (i + 1 < N_MANY)
			ck_assert_ptr_nonnull(find(many(order[N_MANY - 1])));
	}
	ck_assert_uint_eq(topic_n_exact(reg), 0);
	end();
	free(order);
}

TEST(names_in_one_bucket_are_told_apart)
{
	char names[40][32];
	size_t n = 0;

	begin();
	for (uint32_t i = 0; n < N_ELEMENTS(names); i++)
		if (hash_bytes(&key, many(i), strlen(many(i))) % 64 == 5)
			memcpy(names[n++], many(i), 32);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, names[i]), 0);
	for (size_t i = 0; i < n; i += 2)
		ck_assert_int_eq(unsubscribe(&a, TOPIC_EXACT, names[i]), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(find(names[i]) != NULL, i % 2 == 1);
	end();
}

struct hashed {
	uint32_t hash, i;
};

static int
by_hash(const void *x, const void *y)
{
	const struct hashed *p = x, *q = y;

	return (p->hash > q->hash) - (p->hash < q->hash);
}

TEST(names_of_one_hash_are_told_apart)
{
	enum { N = 400000 };
	struct hashed *all = calloc(N, sizeof(*all));
	char one[32], two[32];
	uint32_t at = 1;

	for (uint32_t i = 0; i < N; i++)
		all[i] = (struct hashed){
			(uint32_t)hash_bytes(&key, many(i), strlen(many(i))), i
		};
	qsort(all, N, sizeof(*all), by_hash);
	while (at < N && all[at].hash != all[at - 1].hash)
		at++;
	ck_assert_msg(at < N, "no two names have one hash");
	memcpy(one, many(all[at - 1].i), sizeof(one));
	memcpy(two, many(all[at].i), sizeof(two));
	free(all);
	begin();
	ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, one), 0);
	ck_assert_ptr_null(find(two));
	ck_assert_int_eq(subscribe(&b, TOPIC_EXACT, two), 0);
	ck_assert_str_eq(find(one)->name, one);
	ck_assert_str_eq(find(two)->name, two);
	ck_assert_int_eq(unsubscribe(&a, TOPIC_EXACT, one), 0);
	ck_assert_ptr_null(find(one));
	ck_assert_ptr_nonnull(find(two));
	end();
}

/*
 * The model: for each owner and name the kinds that it has subscribed in. The
 * names are all strings over x and y of at most three letters.
 */
#define N_OWNERS 6
#define N_NAMES 15

struct model {
	struct topic_owner owners[N_OWNERS];
	unsigned has[N_OWNERS][N_NAMES];
	char names[N_NAMES][4];
};

/* Name number i is i + 1 in binary, less its leading 1. */
static void
make_names(struct model *m)
{
	for (unsigned i = 0; i < N_NAMES; i++) {
		char *name = m->names[i];

		for (unsigned bits = i + 1; bits > 1; bits /= 2)
			*name++ = "xy"[bits % 2];
		*name = '\0';
	}
}

/* The kinds of table in which owner is subscribed to topic; 0 for none. */
static unsigned
kinds_in(const struct topic *topic, const struct topic_owner *owner)
{
	struct subscription *sub;
	unsigned found = 0;

	if (topic == NULL)
		return 0;
	LIST_FOREACH (sub, &topic->subs, in_topic)
		if (sub->owner == owner) {
			ck_assert_uint_eq(found, 0);
			found = sub->kinds;
		}
	return found;
}

static void
check_name(struct model *m, size_t i)
{
	struct topic *exact = find(m->names[i]), *prefix = NULL, *topic;
	size_t cursor = 0, len = strlen(m->names[i]);

	while (
	    (topic = topic_next_prefix(reg, m->names[i], len, &cursor)) != NULL)
		if (topic->len == len)
			prefix = topic;
	for (size_t o = 0; o < N_OWNERS; o++)
		ck_assert_uint_eq(
		    m->has[o][i], kinds_in(exact, &m->owners[o]) |
				      kinds_in(prefix, &m->owners[o]));
}

static void
check_counts(const struct model *m)
{
	size_t n_subs = 0, n_exact = 0, n_prefixes = 0;

	for (size_t i = 0; i < N_NAMES; i++) {
		unsigned any = 0;

		for (size_t o = 0; o < N_OWNERS; o++) {
			any |= m->has[o][i];
			n_subs += (m->has[o][i] & ~TOPIC_PREFIX) != 0;
			n_subs += (m->has[o][i] & TOPIC_PREFIX) != 0;
		}
		n_exact += (any & ~TOPIC_PREFIX) != 0;
		n_prefixes += (any & TOPIC_PREFIX) != 0;
	}
	ck_assert_uint_eq(topic_n_subscriptions(reg), n_subs);
	ck_assert_uint_eq(topic_n_exact(reg), n_exact);
	ck_assert_uint_eq(topic_n_prefixes(reg), n_prefixes);
}

static void
random_step(struct model *m, struct random *random)
{
	size_t o = random_below(random, N_OWNERS);
	size_t i = random_below(random, N_NAMES);
	enum topic_kind kind = kinds[random_below(random, 3)];
	unsigned *has = &m->has[o][i];
	uint32_t dice = random_below(random, 100);

	if (dice == 0) {
		topic_owner_fini(reg, &m->owners[o]);
		memset(m->has[o], 0, sizeof(m->has[o]));
	} else if (dice < 50) {
		ck_assert_int_eq(subscribe(&m->owners[o], kind, m->names[i]),
		    *has & kind ? TOPIC_E_ALREADY : 0);
		*has |= kind;
	} else {
		ck_assert_int_eq(unsubscribe(&m->owners[o], kind, m->names[i]),
		    *has & kind ? 0 : TOPIC_E_ABSENT);
		*has &= ~(unsigned)kind;
	}
	check_name(m, i);
}

TEST(random_operations_agree_with_a_plain_table)
{
	struct random random = { 4711 };
	struct model m = { .names = { "" } };

	begin();
	make_names(&m);
	for (size_t o = 0; o < N_OWNERS; o++)
		topic_owner_init(&m.owners[o]);
	for (int step = 0; step < 200000; step++) {
		random_step(&m, &random);
		if (step % 64 == 0)
			check_counts(&m);
	}
	for (size_t o = 0; o < N_OWNERS; o++)
		topic_owner_fini(reg, &m.owners[o]);
	end();
}
