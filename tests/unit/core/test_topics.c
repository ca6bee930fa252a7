#include "core/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/topics.h"

/*
 * The index of topics with very many of them, with names that collide, and
 * against a model.
 */
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

#define N_CROWD 300
#define N_ROOMS 100

/* Each in every room: whoever looks for one's subscription has long lists on
 * both sides. */
TEST(a_crowd_in_many_rooms_leaves_them_in_any_order)
{
	static struct topic_owner crowd[N_CROWD];
	static uint32_t order[N_CROWD * N_ROOMS];
	size_t n_left = N_ELEMENTS(order);

	begin();
	shuffle(order, N_ELEMENTS(order));
	for (uint32_t i = 0; i < N_CROWD; i++)
		topic_owner_init(&crowd[i]);
	for (uint32_t i = 0; i < N_ELEMENTS(order); i++)
		ck_assert_int_eq(subscribe(&crowd[i / N_ROOMS], TOPIC_EXACT,
				     many(i % N_ROOMS)),
		    0);
	for (uint32_t i = 0; i < N_ELEMENTS(order); i++) {
		struct topic_owner *one = &crowd[order[i] / N_ROOMS];
		const char *room = many(order[i] % N_ROOMS);

		ck_assert_int_eq(unsubscribe(one, TOPIC_EXACT, room), 0);
		ck_assert_int_eq(
		    unsubscribe(one, TOPIC_EXACT, room), TOPIC_E_ABSENT);
		ck_assert_uint_eq(topic_n_subscriptions(reg), --n_left);
	}
	end();
}

/* n names whose hashes under key agree in the bits that choose one of as many
 * buckets as a small registry has. */
static void
colliding(char (*names)[32], size_t n)
{
	for (uint32_t i = 0; n > 0; i++)
		if (hash_bytes(&key, many(i), strlen(many(i))) % 256 == 5)
			memcpy(names[--n], many(i), 32);
}

TEST(names_in_one_bucket_are_told_apart)
{
	static char names[400][32];

	begin();
	colliding(names, N_ELEMENTS(names));
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		ck_assert_int_eq(subscribe(&a, TOPIC_EXACT, names[i]), 0);
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		ck_assert_str_eq(find(names[i])->name, names[i]);
	for (size_t i = 0; i < N_ELEMENTS(names); i += 2)
		ck_assert_int_eq(unsubscribe(&a, TOPIC_EXACT, names[i]), 0);
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		ck_assert_int_eq(find(names[i]) != NULL, i % 2 == 1);
	end();
}

TEST(names_that_collide_under_one_key_do_not_under_another)
{
	static char names[100][32];
	const struct hash_key other = { 12, 22 };
	bool used[256] = { false };
	size_t n_used = 0;

	colliding(names, N_ELEMENTS(names));
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		uint64_t hash = hash_bytes(&other, names[i], strlen(names[i]));

		n_used += !used[hash % 256];
		used[hash % 256] = true;
	}
	/* By chance 83 of 256, give or take 3. */
	ck_assert_uint_gt(n_used, 65);
}

struct walk {
	struct topic_walk place;
	const char *names[1000];
	size_t n;
};

static void
note_name(const struct topic *topic, void *arg)
{
	struct walk *walk = arg;

	walk->names[walk->n++] = topic->name;
}

TEST(two_keys_put_the_same_names_in_other_orders)
{
	struct topic_registry *regs[2];
	struct topic_owner owners[2];
	struct walk walks[2] = { 0 };
	size_t n_same = 0;

	for (int k = 0; k < 2; k++) {
		reg = regs[k] = topic_registry_new(hash_key_random());
		topic_owner_init(&owners[k]);
		for (uint32_t i = 0; i < N_ELEMENTS(walks[k].names); i++)
			ck_assert_int_eq(
			    subscribe(&owners[k], TOPIC_EXACT, many(i)), 0);
		while (topic_walk(reg, &walks[k].place, note_name, &walks[k]))
			;
	}
	ck_assert_uint_eq(walks[0].n, walks[1].n);
	for (size_t i = 0; i < walks[0].n; i++)
		n_same += strcmp(walks[0].names[i], walks[1].names[i]) == 0;
	/* By chance about one in all is where it was. */
	ck_assert_uint_lt(n_same, 20);
	for (int k = 0; k < 2; k++) {
		topic_owner_fini(regs[k], &owners[k]);
		topic_registry_free(regs[k]);
	}
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
	const struct subscription *subs;
	unsigned found = 0;

	if (topic == NULL)
		return 0;
	subs = topic_subs(topic);
	for (uint32_t i = 0; i < topic->n_subs; i++)
		if (subs[i].owner == owner) {
			ck_assert_uint_eq(found, 0);
			found = subs[i].kinds;
		}
	return found;
}

static void
check_name(struct model *m, size_t i)
{
	struct topic *exact = find(m->names[i]), *prefix = NULL, *topic;
	size_t len = strlen(m->names[i]);
	struct topic_prefixes walk;

	topic_prefixes_begin(&walk, reg, m->names[i], len);
	while ((topic = topic_prefixes_next(&walk)) != NULL)
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

/* Prefixes and those as a member lie before all others. */
static void
check_places(const struct topic_owner *owner)
{
	for (uint32_t i = 0; i < owner->n_subs; i++) {
		unsigned found = kinds_in(owner->topics[i], owner);

		ck_assert_uint_ne(found, 0);
		ck_assert((i < owner->n_first) ==
			  ((found & ~(unsigned)TOPIC_EXACT) != 0));
	}
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
	check_places(&m->owners[o]);
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
